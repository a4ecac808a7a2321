-- runner.lua - carries out a plan with a pool of workers: skips, resumes, watches, records.
--
-- The runner computes nothing. It gives runs to workers, keeps their claims alive, shows how
-- they get on, and writes the end of an attempt whose worker could not.
local c = require 'avcl.ffi'
local dataset = require 'avcl.dataset'
local doc = require 'avcl.doc'
local pools = require 'avcl.pool'
local progress = require 'avcl.progress'
local record = require 'avcl.record'
local schedule = require 'avcl.schedule'
local snapshot = require 'avcl.snapshot'

local M = {}

---@class avcl.Runner
local Runner = {}
Runner.__index = Runner

local HEARTBEAT_S, TICK_S = 30, 0.25
local SIGINT = 2
local DISK_FULL = 'No space left on device' -- no other run would fare better
local CRASHES_ALLOWED = 3 -- of one plugin in a study
local LAST_LINES = 5 -- of a log, into the record of a crash

--- Data sets by name, opened once: open(name) -> { dataset, hash, n_classes, items, … }.
function M.data_source(resolve)
  local open = {}
  return function(name, cache_mib)
    if not open[name] then
      local d = dataset.open(resolve(name), { memory_cache_mib = cache_mib })
      open[name] = {
        dataset = d, hash = d:hash(), n_classes = d:n_classes(), items = d:count(),
        synthetic = d:is_synthetic(), splits = d:splits(), module = d.module,
      }
    end
    return open[name]
  end
end

--- context: { script, files, argv, git, threads }. options: { jobs, retries, fail_fast,
--- first_seed_first, memory_limit, until_time, progress, forecast }.
function M.new(experiment, store, context, options)
  return setmetatable({
    experiment = experiment, store = store, context = context, options = options or {},
    crashes = {}, -- by plugin
  }, Runner)
end

-- ---- workers that are gone -----------------------------------------------------------------

local function last_lines(path)
  local f, list = io.open(path), {}
  if not f then return nil end
  for line in f:lines() do
    list[#list + 1] = line
    if #list > LAST_LINES then table.remove(list, 1) end
  end
  f:close()
  return #list > 0 and list or nil
end

-- The attempt that a dead worker had claimed, nil when it had not come so far.
local function attempt_of(self, run, slot)
  local state, attempt = self.store:state(run.id)
  if state ~= 'lost' then return nil, state end
  local claim = doc.read(('%s/claims/%s.%d'):format(self.store.root, run.id, attempt), 0)
  return claim and claim.pid == slot.pid and attempt or nil, state
end

-- What the handler of fatal signals wrote; nil when the end was another.
local function crash_in(log)
  for i = #(log or {}), 1, -1 do
    local text = log[i]:match 'avcl: (crashed in .+)$'
    if text then return text end
  end
end

-- One plugin's third crash ends the study: it would crash the rest of it too.
local function count_crash(self, whose)
  local plugin = whose and whose:match '^crashed in ([^/ ]+)/'
  if not plugin then return end
  self.crashes[plugin] = (self.crashes[plugin] or 0) + 1
  if self.crashes[plugin] == CRASHES_ALLOWED then
    self.failed_fast = true
    self:stop 'preempted'
  end
end

-- A worker ended in the middle of a run: its record gets the end that it could not write.
local function record_crash(self, run, slot, code, signal)
  local attempt, state = attempt_of(self, run, slot)
  if not attempt then return state == 'done' and 'done' or 'again' end
  os.remove(self.store:work_path(run.id, 'reserve'))
  local log = last_lines(self.store:work_path(run.id, 'log'))
  local whose = crash_in(log) -- "crashed in org.lab.net/shift forward (SIGSEGV)"
  count_crash(self, whose)
  local what = whose or signal and 'killed by ' .. signal
    or ('the process ended with code %s'):format(code)
  local message = ('%s in phase %s'):format(what, slot.phase)
  self.store:append(run.id, ('attempt-%d.yaml'):format(attempt), record.stop('failed', slot.phase, {
    message = message, signal = signal, log = log,
  }))
  self.store:log('failed', run.id)
  return 'failed', message
end

-- ---- the course of things ------------------------------------------------------------------

local function ended(self, index, how, text)
  self.progress:finish(index, how, text)
end

-- 'refused': the store takes no records, which is nobody's failure but ends everything.
local function finish(self, slot, how, text)
  local index = slot.run
  self.pool:free(slot)
  local again = self.schedule:finish(index, how)
  if how == 'again' then return end
  if how == 'refused' or how == 'changed' then
    self.refusal, text = self.refusal or text, nil -- the command ends with this sentence
  end
  ended(self, index, how, again and text .. '; once more' or text)
  local hopeless = how == 'refused' or how == 'failed' and (text or ''):find(DISK_FULL, 1, true)
  if hopeless or how == 'failed' and not again and self.options.fail_fast then
    self.failed_fast = true
    self:stop 'preempted'
  end
  if how == 'changed' then self:stop 'preempted' end
end

local function on_message(self, slot, message)
  if message.kind == 'end' then return finish(self, slot, message.how, message.text) end
  self.progress:hear(slot.run, message)
end

local function on_gone(self, slot, code, signal)
  if not slot.run then return end
  finish(self, slot, record_crash(self, self.plan.runs[slot.run], slot, code, signal))
end

-- What needs no worker: done, or somebody else's.
local function settled(self, run)
  local state = self.store:state(run.id)
  if state == 'done' then return 'skipped', 'already done' end
  local steal = self.context.steal and self.context.steal[run.id]
  if state == 'running' and not steal then return 'elsewhere', 'another process runs it' end
end

--- Nothing more is started; what runs writes a checkpoint and its record says `reason`.
function Runner:stop(reason)
  if self.stopping then return end
  self.stopping = reason
  self.pool:stop(reason)
end

local function check_stop(self)
  local signal = c.stop_requested()
  if signal ~= 0 then return self:stop(signal == SIGINT and 'cancelled' or 'preempted') end
  local limit = self.options.until_time
  if limit and os.time() >= limit then
    if not self.stopping then self.progress:say 'the time is over (--until)' end
    self:stop 'preempted'
  end
end

local function beat(self)
  local now = c.clock()
  for _, slot in ipairs(self.pool:busy()) do
    if slot.attempt and now - slot.beat >= HEARTBEAT_S then
      slot.beat = now
      self.store:heartbeat(self.plan.runs[slot.run].id, slot.attempt)
    end
  end
end

-- One more run to a worker; false when there is no worker or no run.
local function give_one(self)
  if self.stopping then return false end
  local slot = self.pool:idle()
  if not slot then return false end
  local index = self.schedule:next(function(...) ended(self, ...) end)
  if not index then return false end
  self.progress:give(index)
  pools.give(slot, index)
  return true
end

local function is_over(self)
  if #self.pool:busy() > 0 then return false end
  if self.stopping then return true end
  return self.schedule:is_over() and not self.schedule:reopen()
end

local function carry_out(self)
  repeat
    check_stop(self)
    repeat until not give_one(self)
    if #self.pool:busy() > 0 then self.pool:listen(TICK_S) end
    beat(self)
    self.progress:tick()
  until is_over(self)
  while not self.pool:quit() do self.pool:listen(TICK_S) end
end

--- All runs of a plan. Returns counts by outcome.
function Runner:run_all(plan)
  local options = self.options
  self.plan = plan
  self.context.engine = snapshot.engine()
  self.progress = progress.new(plan.runs, options.progress or 'auto', {
    jobs = options.jobs or 1, forecast = options.forecast,
  })
  self.schedule = schedule.new(plan.runs, options, function(run) return settled(self, run) end)
  self.pool = pools.new({
    experiment = self.experiment, store = self.store, context = self.context, plan = plan,
    snapshot = snapshot.take(),
  }, { jobs = options.jobs or 1, memory_limit = options.memory_limit or math.huge }, {
    message = function(...) on_message(self, ...) end, gone = function(...) on_gone(self, ...) end,
  })
  c.hold_signals(true)
  local ok, problem = xpcall(carry_out, function(e)
    return c.is_error(e) and e or debug.traceback(tostring(e), 2)
  end, self)
  self.progress:close()
  c.hold_signals(false)
  if not ok then error(problem, 0) end
  local counts = self.schedule:counts()
  if self.stopping and not self.failed_fast then counts.stopped = counts.stopped or 0 end
  return counts
end

return M
