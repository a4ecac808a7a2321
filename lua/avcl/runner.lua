-- runner.lua - carries out a plan: skips what is done, resumes what was stopped, records all.
local c = require 'avcl.ffi'
local dataset = require 'avcl.dataset'
local doc = require 'avcl.doc'
local progress = require 'avcl.progress'
local record = require 'avcl.record'
local stage = require 'avcl.stage'
local stores = require 'avcl.store'
local train = require 'avcl.train'

local M = {}

---@class avcl.Runner
local Runner = {}
Runner.__index = Runner

local HEARTBEAT_S = 30
local SIGINT = 2

--- Data sets by name, opened once: open(name) -> { dataset, hash, n_classes, items, … }.
function M.data_source(resolve)
  local open = {}
  return function(name, cache_mib)
    if not open[name] then
      local d = dataset.open(resolve(name), { memory_cache_mib = cache_mib })
      open[name] = {
        dataset = d, hash = d:hash(), n_classes = d:n_classes(), items = d:count(),
        synthetic = d:is_synthetic(),
      }
    end
    return open[name]
  end
end

--- context: { script, files, argv, git }; options: { progress, rerun_failed }.
function M.new(experiment, store, context, options)
  return setmetatable({
    experiment = experiment, store = store, context = context, options = options or {},
  }, Runner)
end

-- Keeps the claim alive while a run goes on.
local function heart(self, run, attempt)
  local last = c.clock()
  return function()
    local now = c.clock()
    if now - last < HEARTBEAT_S then return end
    last = now
    self.store:heartbeat(run.id, attempt)
  end
end

local function checkpoint_of(self, run)
  return self.store:work_path(run.id, 'ckpt/best.safetensors')
end

-- Metrics by epoch, from the file: an earlier attempt may have written some of them.
local function history(self, run)
  local list, rows = {}, 0
  local f = io.open(self.store:run_path(run.id, 'epochs.jsonl'))
  if not f then return list, 0 end
  for line in f:lines() do
    local ok, t = pcall(doc.parse, line)
    if ok and type(t) == 'table' and t.epoch then
      if not list[t.epoch] then rows = rows + 1 end
      list[t.epoch] = t
    end
  end
  f:close()
  return list, rows
end

local function numbers(t)
  local out = {}
  for name, value in pairs(t or {}) do
    if type(value) == 'number' and name:find('/', 1, true) then out[name] = value end
  end
  return out
end

local function run_training(self, run, attempt, session, built)
  local beat, shown = heart(self, run, attempt), self.progress
  local n_epochs = stage.fields(run.values, run.stage).epochs
  local rate = 0
  shown:begin(run, n_epochs)
  local checkpoints = self.store:make_work(run.id, 'ckpt')
  local function each(event)
    beat()
    if event.kind == 'step' then
      shown:step(event)
    elseif event.kind == 'resume' then
      shown:say '  resumed from its checkpoint'
      self.store:append(run.id, self.attempt_file, record.resume())
    elseif event.kind == 'epoch' then
      rate = event.clips_per_s
      self.store:append_line(run.id, 'epochs.jsonl', doc.json(record.epoch(event)))
      shown:epoch(event)
      collectgarbage 'step'
    end
  end
  local data = run.data.dataset
  local epoch, value = train.train(session, data, run, built, checkpoints, each)
  local epochs, rows = history(self, run)
  local ckpt = checkpoint_of(self, run)
  return {
    metrics = numbers(epochs[epoch]), clips_per_s = rate, epochs = rows,
    select = {
      { 'rule', stage.fields(run.values, run.stage).select }, { 'epoch', epoch },
      { 'value', doc.float(value) }, { 'ckpt', 'ckpt/best.safetensors' },
      { 'sha256', stores.sha256_file(ckpt) },
    },
  }
end

local function run_test(self, run, session, built)
  self.progress:begin(run, 1)
  local r = train.test(session, run.data.dataset, run, built)
  self.store:publish_bytes(run.id, 'items.bin', r.items, r.n_bytes)
  r.items = {
    { 'file', 'items.bin' },
    { 'sha256', stores.sha256_file(self.store:run_path(run.id, 'items.bin')) },
  }
  local rule = self.store:read(run.parent.id, 'result.yaml')
  local select = rule and rule.select or {}
  r.select = {
    { 'rule', select.rule }, { 'epoch', select.epoch }, { 'run', run.parent.id },
    { 'sha256', select.sha256 },
  }
  return r
end

-- The work itself; what it raises becomes the record of a failure.
local function work(self, run, attempt, phase)
  phase.name = 'compile'
  local session, built = train.session(self.experiment, run, run.data.n_classes)
  local parent_sha
  if run.parent then
    phase.name = 'load'
    local from = checkpoint_of(self, run.parent)
    parent_sha = stores.sha256_file(from)
    session:restore(from, run.kind ~= 'test' and train.scopes(built, run) or nil)
  end
  self.store:append(run.id, self.attempt_file, record.start(session:device(), parent_sha))
  local wall, cpu = c.clock(), c.clock 'cpu'
  phase.name = run.kind == 'test' and 'test' or 'train'
  local result = run.kind == 'test' and run_test(self, run, session, built)
    or run_training(self, run, attempt, session, built)
  result.wall_s, result.cpu_s = c.clock() - wall, c.clock 'cpu' - cpu
  phase.name = 'record'
  self.store:publish(run.id, 'result.yaml', record.result(run, result))
  session:close()
end

local function stopped_by()
  return c.stop_requested() == SIGINT and 'cancelled' or 'preempted'
end

local function describe(problem)
  return c.is_error(problem) and tostring(problem) or debug.traceback(tostring(problem), 2)
end

-- Claims the next attempt; nil and why when somebody else has it.
local function claim(self, run)
  local state, attempt = self.store:state(run.id)
  if state == 'done' then return nil, 'skipped', 'already done' end
  if state == 'running' then return nil, 'elsewhere', 'another process runs it' end
  if not self.store:claim(run.id, attempt + 1) then
    return nil, 'elsewhere', 'another process was faster'
  end
  return attempt + 1
end

--- One run: 'done', 'skipped', 'elsewhere', 'blocked', 'failed' or 'stopped', and a sentence.
function Runner:run(run)
  if run.parent and self.store:state(run.parent.id) ~= 'done' then
    if self.store:state(run.id) == 'done' then return 'skipped', 'already done' end
    return 'blocked', ('its parent %s is not done'):format(run.parent.id:sub(1, 8))
  end
  local attempt, how, why = claim(self, run)
  if not attempt then return how, why end
  self.attempt_file = ('attempt-%d.yaml'):format(attempt)
  self.store:publish(run.id, 'run.yaml', record.run(run, self.context))
  self.store:log('start', run.id)
  local phase = { name = 'start' }
  local ok, problem = xpcall(work, function(e)
    return c.is_error(e) and e or describe(e)
  end, self, run, attempt, phase)
  local state = 'done'
  if not ok then state = c.is_error(problem, 'INTERRUPTED') and stopped_by() or 'failed' end
  local message = not ok and tostring(problem) or nil
  self.store:append(run.id, self.attempt_file, record.stop(state, phase.name, message))
  self.store:log(state, run.id)
  if ok then return 'done' end
  if state ~= 'failed' then return 'stopped', 'checkpoint written; the same command resumes' end
  return 'failed', message
end

--- All runs of a plan, in order. Returns counts by outcome.
function Runner:run_all(plan)
  local counts = {}
  self.progress = progress.new(#plan.runs, self.options.progress or 'auto')
  c.hold_signals(true)
  for _, run in ipairs(plan.runs) do
    if c.stop_requested() ~= 0 then break end
    local how, text = self:run(run)
    counts[how] = (counts[how] or 0) + 1
    self.progress:finish(run, how, text)
  end
  if c.stop_requested() ~= 0 then counts.stopped = counts.stopped or 1 end
  c.hold_signals(false)
  return counts
end

return M
