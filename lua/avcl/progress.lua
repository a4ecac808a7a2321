-- progress.lua - what a person sees of a study: a line that moves, or plain lines.
local c = require 'avcl.ffi'
local term = require 'avcl.cli.term'

local M = {}

local Progress = {}
Progress.__index = Progress

local REDRAW_S = 0.1 -- at most 10 Hz on a terminal
local PLAIN_S = 60   -- at most one line a minute elsewhere
local SHOWN = { 'train/loss', 'val/loss', 'val/top1', 'diag/match', 'diag/leak' }
local MOST_DEAD = 0.5 -- of gated channels: beyond, the gate has collapsed (methods.md D.1)

--- mode: 'auto', 'plain' or 'none'.
function M.new(n_runs, mode)
  local moving = mode == 'auto' and term.is_tty()
  return setmetatable({
    n_runs = n_runs, n_done = 0, moving = moving, quiet = mode == 'none', drawn = 0, width = 0,
  }, Progress)
end

local function clear(self)
  if self.width > 0 then io.stderr:write('\r', (' '):rep(self.width), '\r') end
  self.width = 0
end

--- A line that stays.
function Progress:say(fmt, ...)
  if self.quiet then return end
  clear(self)
  term.say(fmt, ...)
end

local function name_of(run)
  return ('%s %s seed %d'):format(run.stage, run.label, run.seed)
end

function Progress:begin(run, n_epochs)
  self.run, self.n_epochs, self.started = run, n_epochs, c.clock()
  self.first = nil
  self:say('%s  %s', run.id:sub(1, 8), name_of(run))
end

-- Seconds left of this run from its own pace; nil in the first steps.
local function eta(self, event, position)
  local now = c.clock()
  if not self.first then
    self.first = { time = now, position = position }
    return nil
  end
  local done = position - self.first.position
  if done < 5 then return nil end
  local total = self.n_epochs * event.n_steps
  return (now - self.first.time) / done * (total - position)
end

--- One step of the run.
function Progress:step(event)
  local position = (event.epoch - 1) * event.n_steps + event.step
  local left = eta(self, event, position)
  local now = c.clock()
  if self.quiet or now - self.drawn < (self.moving and REDRAW_S or PLAIN_S) then return end
  if not self.moving and self.drawn == 0 then
    self.drawn = now -- the first plain line comes after a minute
    return
  end
  self.drawn = now
  local line = ('%d/%d runs · %s · epoch %d/%d · step %d/%d · loss %.4g · %.3g clips/s · ETA %s')
    :format(self.n_done + 1, self.n_runs, name_of(self.run), event.epoch, self.n_epochs,
      event.step, event.n_steps, event.loss, event.clips_per_s,
      left and term.duration(left) or '?')
  if not term.is_utf8() then line = line:gsub('·', '-') end
  if not self.moving then return term.say('%s', line) end
  local columns = tonumber(os.getenv 'COLUMNS') or 100
  line = line:sub(1, columns - 1)
  clear(self)
  io.stderr:write(line)
  io.stderr:flush()
  self.width = #line
end

--- One epoch of the run.
function Progress:epoch(event)
  local parts = {}
  for _, name in ipairs(SHOWN) do
    local value = event.metrics[name]
    if value then parts[#parts + 1] = ('%s %.4g'):format(name, value) end
  end
  self:say('  epoch %d/%d  %s  %.3g clips/s%s', event.epoch, self.n_epochs,
    table.concat(parts, '  '), event.clips_per_s, event.is_best and '  best' or '')
  local dead = event.metrics['diag/dead_channels']
  if dead and dead > MOST_DEAD then
    self:say('  warning: %.0f %% of the fused channels are zero for whole batches '
      .. '(diag/dead_channels): the gate has died', 100 * dead)
  end
end

--- How a run ended: 'done', 'skipped', 'failed', …
function Progress:finish(run, how, text)
  self.n_done = self.n_done + 1
  local colors = { done = 'green', failed = 'red', stopped = 'yellow' }
  self:say('%s  %s  %s%s', run.id:sub(1, 8), term.paint(how, colors[how] or 'dim'), name_of(run),
    text and ': ' .. text or '')
end

return M
