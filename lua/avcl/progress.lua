-- progress.lua - what a person or a program sees of a study under way.
--
-- On a terminal a line for each run that runs and one for the whole, drawn at most ten times a
-- second; elsewhere a line for each change; 'json': an event a line.
local c = require 'avcl.ffi'
local health = require 'avcl.health'
local doc = require 'avcl.doc'
local process = require 'avcl.process'
local term = require 'avcl.cli.term'

local M = {}

local Progress = {}
Progress.__index = Progress

local REDRAW_S = 0.1 -- at most 10 Hz on a terminal
local PLAIN_S = 60   -- at most one line a minute and run elsewhere, besides changes
local SHOWN = { 'train/loss', 'val/loss', 'val/top1', 'diag/match', 'diag/leak' }
local COLORS = { done = 'green', failed = 'red', stopped = 'yellow', changed = 'yellow' }

local function missing_by_row(runs)
  local missing = {}
  for _, run in ipairs(runs) do missing[run.label] = (missing[run.label] or 0) + 1 end
  return missing
end

--- mode: 'auto', 'plain', 'json' or 'none'. options: { jobs, forecast = fun(run): seconds? }.
function M.new(runs, mode, options)
  return setmetatable({
    runs = runs, moving = mode == 'auto' and term.is_tty(), quiet = mode == 'none',
    json = mode == 'json', jobs = options.jobs, forecast = options.forecast, ended = {},
    counts = {}, active = {}, order = {}, drawn = 0, widths = {}, spent = {},
    missing = missing_by_row(runs),
  }, Progress)
end

local function name_of(run)
  return ('%s %s seed %d'):format(run.stage, run.label, run.seed)
end

-- ---- lines that stay -------------------------------------------------------------------------

local function columns_of()
  local columns = process.width(2)
  return columns > 0 and columns or tonumber(os.getenv 'COLUMNS') or 80
end

-- Takes the moving lines away; they wrap when the window has become narrower.
local function clear(self)
  local columns, rows = columns_of(), 0
  for _, width in ipairs(self.widths) do rows = rows + math.max(math.ceil(width / columns), 1) end
  if rows > 0 then io.stderr:write(('\27[%dA\r\27[J'):format(rows)) end
  self.widths = {}
end

--- A line that stays.
function Progress:say(fmt, ...)
  if self.quiet or self.json then return end
  clear(self)
  term.say(fmt, ...)
end

local function emit(self, kind, index, values)
  if not self.json then return end
  local run = self.runs[index]
  local list = { { 'event', kind }, { 'time', os.date '!%Y-%m-%dT%H:%M:%SZ' } }
  if run then
    list[#list + 1] = { 'run', run.id }
    list[#list + 1] = { 'stage', run.stage }
    list[#list + 1] = { 'label', run.label }
    list[#list + 1] = { 'seed', run.seed }
  end
  for _, pair in ipairs(values or {}) do list[#list + 1] = pair end
  io.stdout:write(doc.json(doc.map(list)), '\n')
  io.stdout:flush()
end

-- ---- time left ---------------------------------------------------------------------------------

-- Of one run: from its own pace, once there is one; else from earlier runs.
local function left_of(a)
  local expected = a.expected and math.max(a.expected - (c.clock() - a.started), 0)
  if not a.first or not a.total then return expected end
  local done = a.position - a.first.position
  if done < 5 then return expected end
  return (c.clock() - a.first.time) / done * (a.total - a.position)
end

-- Of the same stage: what this study has measured, else earlier ones; nil = nobody knows.
local function expected_of(self, run)
  local s = self.spent[run.stage]
  if s then return s.seconds / s.n end
  return self.forecast and self.forecast(run)
end

local function total_left(self)
  local seconds = 0
  for i, run in ipairs(self.runs) do
    local a = self.active[i]
    if not self.ended[i] then
      local left = a and left_of(a) or not a and expected_of(self, run)
      if not left then return nil end
      seconds = seconds + left
    end
  end
  return seconds / self.jobs
end

-- ---- moving lines ------------------------------------------------------------------------------

local function number(value)
  return type(value) == 'number' and ('%.4g'):format(value) or tostring(value or '?')
end

local function active_line(self, a)
  local run, left = self.runs[a.index], left_of(a)
  local line = ('%s  %s'):format(run.id:sub(1, 8), name_of(run))
  if a.step then
    line = ('%s · epoch %d/%d · step %d/%d · loss %s · %s clips/s'):format(line, a.step.epoch,
      a.epochs or 0, a.step.step, a.step.n_steps, number(a.step.loss), number(a.step.clips_per_s))
  elseif a.phase then
    line = line .. ' · ' .. a.phase
  end
  return line .. ' · ETA ' .. (left and term.duration(left) or '?')
end

local function total_line(self)
  local counts, left = self.counts, total_left(self)
  local line = ('%d/%d done · %d run'):format((counts.done or 0) + (counts.skipped or 0),
    #self.runs, #self.order)
  if counts.failed then line = line .. (' · %d failed'):format(counts.failed) end
  line = line .. ' · ETA ' .. (left and term.duration(left) or '?')
  if self.row_complete then line = line .. (" · row '%s' complete"):format(self.row_complete) end
  return line
end

-- Cut to the window, by characters: a line that wraps cannot be taken back.
local function fit(line, columns)
  if not term.is_utf8() then line = line:gsub('·', '-'):gsub('[\128-\255]+', '?') end
  local out, n = {}, 0
  for ch in line:gmatch '[%z\1-\127\194-\244][\128-\191]*' do
    n = n + 1
    if n >= columns then break end
    out[n] = ch
  end
  return table.concat(out), #out
end

local function draw(self)
  local columns, lines, widths = columns_of(), {}, {}
  local function add(line)
    lines[#lines + 1], widths[#lines + 1] = fit(line, columns)
  end
  for _, index in ipairs(self.order) do add(active_line(self, self.active[index])) end
  add(total_line(self))
  clear(self)
  io.stderr:write(table.concat(lines, '\n'), '\n')
  io.stderr:flush()
  self.widths = widths
end

--- Called a few times a second.
function Progress:tick()
  local now = c.clock()
  if not self.moving or now - self.drawn < REDRAW_S then return end
  self.drawn = now
  draw(self)
end

function Progress:close()
  if self.moving then clear(self) end
end

-- ---- events ------------------------------------------------------------------------------------

--- A run goes to a worker.
function Progress:give(index)
  local run = self.runs[index]
  self.active[index] = { index = index, started = c.clock(), expected = expected_of(self, run),
    told = c.clock() }
  self.order[#self.order + 1] = index
  self.ended[index] = nil
  emit(self, 'start', index)
  if not self.moving then self:say('%s  %s', run.id:sub(1, 8), name_of(run)) end
end

local on = {}

function on.begin(_, a, m) a.epochs = m.epochs end

function on.phase(_, a, m) a.phase = m.phase end

function on.say(self, _, m) self:say('%s', m.text) end

function on.resume(self, a)
  self:say('%s  resumed from its checkpoint', self.runs[a.index].id:sub(1, 8))
  emit(self, 'resume', a.index)
end

function on.step(self, a, m)
  a.step, a.position = m, (m.epoch - 1) * m.n_steps + m.step
  a.total = a.epochs and a.epochs * m.n_steps
  a.first = a.first or { time = c.clock(), position = a.position }
  self:tick()
end

local function metrics_text(m)
  local parts = {}
  for _, name in ipairs(SHOWN) do
    local value = m.metrics[name]
    if value then parts[#parts + 1] = name .. ' ' .. number(value) end
  end
  return table.concat(parts, '  ')
end

-- The moving lines show where a run is; plain ones say so once a minute, and at its end.
local function is_due(self, a, m)
  if self.moving then return false end
  local now = c.clock()
  if now - a.told < PLAIN_S and m.epoch ~= a.epochs then return false end
  a.told = now
  return true
end

function on.epoch(self, a, m)
  local id = self.runs[a.index].id:sub(1, 8)
  emit(self, 'epoch', a.index, { { 'epoch', m.epoch }, { 'epochs', a.epochs },
    { 'metrics', m.metrics }, { 'clips_per_s', m.clips_per_s } })
  if is_due(self, a, m) then
    self:say('%s  epoch %d/%d  %s  %s clips/s%s', id, m.epoch, a.epochs or 0, metrics_text(m),
      number(m.clips_per_s), m.is_best and '  best' or '')
  end
  if m.advice and not self.advised then
    self.advised = true
    self:say('%s  %s', id, m.advice)
  end
  for _, text in ipairs(health.warnings(m.metrics)) do
    a.warned = a.warned or {}
    if not a.warned[text.metric] then
      a.warned[text.metric] = true
      self:say('%s  warning: %s', id, text.sentence)
    end
  end
end

--- What a worker says of a run.
function Progress:hear(index, message)
  local a = self.active[index]
  if a and on[message.kind] then on[message.kind](self, a, message) end
end

-- A row is complete when all runs that it needs are there.
local function note_row(self, run, how)
  if how ~= 'done' and how ~= 'skipped' then return end
  self.missing[run.label] = self.missing[run.label] - 1
  if self.missing[run.label] == 0 then self.row_complete = run.label end
end

local function leave(self, index, how)
  local a = self.active[index]
  for k, i in ipairs(self.order) do
    if i == index then table.remove(self.order, k) end
  end
  self.active[index] = nil
  if not a or how ~= 'done' then return end
  local stage = self.runs[index].stage
  local s = self.spent[stage] or { n = 0, seconds = 0 }
  s.n, s.seconds = s.n + 1, s.seconds + c.clock() - a.started
  self.spent[stage] = s
end

--- How a run ended: 'done', 'skipped', 'failed', …
function Progress:finish(index, how, text)
  local run = self.runs[index]
  leave(self, index, how)
  self.ended[index] = how
  self.counts[how] = (self.counts[how] or 0) + 1
  note_row(self, run, how)
  emit(self, how, index, { { 'message', text } })
  self:say('%s  %s  %s%s', run.id:sub(1, 8), term.paint(how, COLORS[how] or 'dim'), name_of(run),
    text and ': ' .. text or '')
end

return M
