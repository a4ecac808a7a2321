-- attempt.lua - one attempt at one run, in this process: claim, records, work.
--
-- tell(kind, message) hears how it goes; where it returns false, the attempt ends: somebody
-- wants this process to stop before its memory is touched.
local c = require 'avcl.ffi'
local csv = require 'avcl.csv'
local doc = require 'avcl.doc'
local evaluate = require 'avcl.evaluate'
local garbage = require 'avcl.garbage'
local hosts = require 'avcl.host'
local kernel_plans = require 'avcl.kernel_plan'
local lfs = require 'lfs'
local machine = require 'avcl.machine'
local process = require 'avcl.process'
local record = require 'avcl.record'
local safetensors = require 'avcl.safetensors'
local stage = require 'avcl.stage'
local stores = require 'avcl.store'
local train = require 'avcl.train'
local weights = require 'avcl.weights'
local waiting = require 'avcl.waiting'

local M = {}

---@class avcl.Attempt
local Attempt = {}
Attempt.__index = Attempt

--- job: { experiment, store, context }.
function M.new(job, run, tell)
  return setmetatable({
    experiment = job.experiment, store = job.store, context = job.context, run = run, tell = tell,
    phase = 'start',
  }, Attempt)
end

function Attempt:enter(phase)
  self.phase = phase
  self.tell('phase', { phase = phase })
end

-- Metrics by epoch, from the file: an earlier attempt may have written some of them.
local function history(self)
  local list, rows = {}, 0
  local f = io.open(self.store:run_path(self.run.id, 'epochs.jsonl'))
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

-- The first epoch fills caches; what it waits says little unless it is the only one.
local function advise(self, event)
  local only = stage.fields(self.run.values, self.run.stage).epochs == 1
  if event.epoch < 2 and not only then return end
  event.advice = waiting.advice(event, { prepared = self.run.data.dataset:is_prepared() })
end

-- Unreadable samples of a run, once each however often it is resumed: bad.csv.
local function quarantine(self)
  local path, known = self.store:run_path(self.run.id, 'bad.csv'), {}
  if lfs.attributes(path) then
    for fields in csv.records(path) do known[fields[1]] = true end
  end
  return function(rel, reason)
    if known[rel] then return end
    known[rel] = true
    self.store:append_line(self.run.id, 'bad.csv', (csv.line({ rel, reason }):gsub('\n$', '')))
  end
end

-- Killed between an epoch's checkpoint and its line in epochs.jsonl, a run would go on without
-- that epoch's numbers. Training is deterministic: it begins again and comes to the same bits.
local function forget_unrecorded(self, checkpoints)
  local last = checkpoints .. '/last.safetensors'
  if not lfs.attributes(last) then return end
  local ok, state = pcall(safetensors.open, last)
  local lines = history(self)
  for epoch = 1, ok and tonumber(state:text 'epoch') or 0 do
    if not lines[epoch] then
      garbage.delete(checkpoints)
      return self.store:make_work(self.run.id, 'ckpt')
    end
  end
end

-- What a test or an evaluation looks at, and how.
local function looked_at(self, session, built)
  local run = self.run
  return { session = session, built = built, values = run.values, dataset = run.data.dataset },
    stage.fields(run.values, run.stage)
end

-- Adds what the features hold after an epoch, where the stage asks for it; trains nothing.
local function monitor(self, session, built, event)
  local at, f = looked_at(self, session, built)
  if not f.monitor or event.epoch % f.monitor_every ~= 0 and event.epoch ~= f.epochs then return end
  for name, value in pairs(evaluate.monitor(at, f)) do event.metrics[name] = value end
end

local function run_training(self, session, built)
  local run, store, rate = self.run, self.store, 0
  local checkpoints = store:make_work(run.id, 'ckpt')
  forget_unrecorded(self, checkpoints)
  local function each(event)
    if event.kind == 'resume' then store:append(run.id, self.file, record.resume()) end
    if event.kind == 'epoch' then
      rate = event.clips_per_s
      monitor(self, session, built, event)
      store:append_line(run.id, 'epochs.jsonl', doc.json(record.epoch(event)))
      advise(self, event)
      collectgarbage 'step'
    end
    self.tell(event.kind, event)
  end
  local epoch, value = train.train(session, run.data.dataset, run, built, checkpoints, each,
    quarantine(self))
  local epochs, rows = history(self)
  return {
    metrics = numbers(epochs[epoch]), clips_per_s = rate, epochs = rows,
    disk_mib = machine.folder_mib(checkpoints),
    select = {
      { 'rule', stage.fields(run.values, run.stage).select }, { 'epoch', epoch },
      { 'value', doc.float(value) }, { 'ckpt', 'ckpt/best.safetensors' },
      { 'sha256', stores.sha256_file(self.store:weights(run.id)) },
    },
  }
end

-- Whose weights they are that are looked at.
local function selection_of_parent(self)
  local parent = self.run.parent.id
  local result = self.store:read(parent, 'result.yaml')
  local select = result and result.select or {}
  return {
    { 'rule', select.rule }, { 'epoch', select.epoch }, { 'run', parent },
    { 'sha256', select.sha256 },
  }
end

local function run_test(self, session, built)
  local run, store = self.run, self.store
  local r = evaluate.test(looked_at(self, session, built))
  store:publish_bytes(run.id, 'items.bin', r.items, r.n_bytes)
  if r.bad then store:publish_bytes(run.id, 'bad.csv', r.bad, #r.bad) end
  r.items = {
    { 'file', 'items.bin' },
    { 'sha256', stores.sha256_file(store:run_path(run.id, 'items.bin')) },
  }
  r.select = selection_of_parent(self)
  return r
end

local function run_evaluation(self, session, built)
  local run = self.run
  local r = evaluate.look(looked_at(self, session, built))
  if #r.bad > 0 then self.store:publish_bytes(run.id, 'bad.csv', r.bad, #r.bad) end
  r.select = selection_of_parent(self)
  return r
end

local work_of = {
  pretext = run_training, supervised = run_training, test = run_test, evaluate = run_evaluation,
}

-- A queued run is what was planned, or nothing: the graph is declared again here.
-- Its text is kept by its hash, so that `avcl diff` can say which nodes two graphs differ in.
local function check_graph(self, built)
  local text = built.graph:text()
  local now = self.store:keep(text)
  if now ~= self.run.keys.graph then
    c.raise_at(nil, 'INVALID', 'the graph of stage %s is not the one that was planned (%s, now '
      .. '%s): the model is not a pure function of its point', self.run.stage,
      self.run.keys.graph:sub(1, 8), now:sub(1, 8))
  end
end

local function restore_parent(self, session, built)
  if not self.run.parent then return nil end
  self:enter 'load'
  local from = self.store:weights(self.run.parent.id)
  local sha = stores.sha256_file(from)
  session:restore(from, self.run.kind ~= 'test' and train.scopes(built, self.run) or nil)
  return sha
end

-- Weights from elsewhere, under the scopes that their file has.
local function restore_init(self, session)
  local path = stage.fields(self.run.values, self.run.stage).init
  if not path then return end
  self:enter 'load'
  if 'sha256:' .. stores.sha256_file(path) ~= self.run.keys.config['stage.init'] then
    c.raise_at(nil, 'INVALID', "init: '%s' is not the file that was planned", path)
  end
  session:restore(path, weights.scopes(path))
end

-- The work itself; what it raises becomes the record of a failure.
local function work(self)
  self:enter 'compile'
  local run = self.run
  local session, built = train.session(self.experiment, run,
    kernel_plans.of(self.store, run, self.attempt))
  self.session = session
  check_graph(self, built)
  if self.tell('planned', { bytes = session:stats().planned_bytes }) == false then
    c.raise_at(nil, 'INTERRUPTED', 'stopped before it began')
  end
  local parent_sha = restore_parent(self, session, built)
  restore_init(self, session)
  self.store:append(run.id, self.file, record.start(session:device(), parent_sha))
  local wall, cpu = c.clock(), c.clock 'cpu'
  self:enter(stage.trains(run.kind) and 'train' or run.kind)
  local result = work_of[run.kind](self, session, built)
  result.wall_s, result.cpu_s = c.clock() - wall, c.clock 'cpu' - cpu
  self:enter 'record'
  self:publish(record.result(run, result))
end

-- The first result stays. Another one with other numbers is a fault of determinism, kept.
function Attempt:publish(result)
  if self.store:publish(self.run.id, 'result.yaml', result) then return end
  local first = self.store:read(self.run.id, 'result.yaml')
  if first and record.same_result(first, doc.value(doc.new(result))) then return end
  local file = ('result.conflict.%d.yaml'):format(self.attempt)
  self.store:publish(self.run.id, file, result)
  self.tell('say', { text = ('warning: %s of run %s differs from its result.yaml: the same run '
    .. 'gave other numbers'):format(file, self.run.id:sub(1, 8)) })
end

local function stopped_by(self)
  return self.stop_reason and self.stop_reason() or 'preempted'
end

local function describe(problem)
  return c.is_error(problem) and problem or debug.traceback(tostring(problem), 2)
end

-- Claims the next attempt; nil, what and why when it is not ours to do.
local function claim(self)
  local state, last = self.store:state(self.run.id)
  if state == 'done' then return nil, 'skipped', 'already done' end
  local steal = self.context.steal and self.context.steal[self.run.id]
  if state == 'running' and not steal then
    return nil, 'elsewhere', 'another process runs it'
  end
  if not self.store:claim(self.run.id, last + 1) then
    return nil, 'elsewhere', 'another process was faster'
  end
  return last + 1
end

-- Resuming goes on with the threads that the run began with: they decide its last bits.
local function use_threads(self)
  for n = self.attempt - 1, 1, -1 do
    local start = self.store:read(self.run.id, ('attempt-%d.yaml'):format(n))
    local threads = start and start.host and start.host.threads
    if threads then return hosts.use_threads(threads) end
  end
  hosts.use_threads(self.context.threads)
end

local function finish(self, ok, problem)
  local state = ok and 'done' or c.is_error(problem, 'INTERRUPTED') and stopped_by(self) or 'failed'
  local message = not ok and tostring(problem) or nil
  self.store:release(self.run.id)
  local written, why = pcall(self.store.append, self.store, self.run.id, self.file,
    record.stop(state, self.phase, { message = message }))
  if not written then error(ok and why or problem, 0) end
  self.store:log(state, self.run.id)
  if ok then return 'done' end
  if state ~= 'failed' then return 'stopped', 'checkpoint written; the same command resumes' end
  return 'failed', message
end

-- What stands before the work: the run's own record, its log, room for the end.
local function open_records(self)
  local store, id = self.store, self.run.id
  local folder = store:make_work(id)
  garbage.sweep_temporary(folder .. '/ckpt') -- the claim is ours: nobody else writes there
  store:reserve(id)
  store:publish(id, 'run.yaml', record.run(self.run, self.context))
  store:log('start', id)
  self.is_logged = process.redirect(folder .. '/log')
end

--- 'done', 'skipped', 'elsewhere', 'failed' or 'stopped', and a sentence. Raises when not even
--- the records can be written.
function Attempt:execute()
  local run = self.run
  local attempt, how, why = claim(self)
  if not attempt then return how, why end
  self.attempt, self.file = attempt, ('attempt-%d.yaml'):format(attempt)
  self.tell('begin', { attempt = attempt, epochs = stage.fields(run.values, run.stage).epochs })
  use_threads(self)
  machine.reset_peak_rss()
  local ok, problem = xpcall(function()
    open_records(self)
    work(self)
  end, describe)
  if self.session then self.session:close() end
  if not ok then
    if self.is_logged then io.stderr:write(tostring(problem), '\n') end
    collectgarbage()
  end
  process.redirect(nil)
  return finish(self, ok, problem)
end

return M
