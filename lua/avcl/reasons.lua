-- reasons.lua - why a planned run is run, resumed, skipped or kept though the code has changed.
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local snapshot = require 'avcl.snapshot'

local M = {}

local MOST_CHANGES = 3 -- that a reason names

---@class avcl.Reasons
local Reasons = {}
Reasons.__index = Reasons

local function relative_key(experiment, stage, label, seed)
  return table.concat({ tostring(experiment), tostring(stage), tostring(label), tostring(seed) },
    '\0')
end

-- The newest finished run of each row, stage and seed: what a new one is compared with.
local function relatives(view)
  local list, ended = {}, view:column 'ended'
  local experiment, stage = view:column 'experiment', view:column 'stage'
  local label, seed, state = view:column 'label', view:column 'seed', view:column 'state'
  for row = 0, view.n - 1 do
    if state(row) == 'done' then
      local key = relative_key(experiment(row), stage(row), label(row), seed(row))
      local before = list[key]
      if not before or (ended(row) or '') > (ended(before) or '') then list[key] = row end
    end
  end
  return list
end

--- view: of the store, nil when there is none; engine: snapshot.engine().
function M.new(view, store, script, engine)
  return setmetatable({
    view = view, store = store, script = script, engine = engine,
    relatives = view and relatives(view) or {},
  }, Reasons)
end

local function shown(value)
  if value == nil then return 'nothing' end
  if type(value) == 'table' then return table.concat(value, '+') end
  return tostring(value)
end

-- "config tau 0.1 -> 0.2", as far as the records of the relative say.
local function config_changes(self, row, run)
  local list = {}
  for _, path in ipairs(config.sorted_keys(run.keys.config)) do
    local before, now = self.view:get(row, 'config.' .. path), run.keys.config[path]
    if shown(before) ~= shown(now) then
      list[#list + 1] = ('%s %s -> %s'):format(path, shown(before), shown(now))
    end
  end
  return list
end

local function changes(self, row, run)
  local list = config_changes(self, row, run)
  for name, now in pairs { graph = run.keys.graph, data = run.keys.data } do
    if self.view:get(row, 'keys.' .. name) ~= now then list[#list + 1] = name .. ' changed' end
  end
  if #list == 0 then list[1] = 'its parent is another run' end
  table.sort(list)
  local more = #list - MOST_CHANGES
  if more > 0 then
    for i = #list, MOST_CHANGES + 1, -1 do list[i] = nil end
    list[#list + 1] = ('%d more'):format(more)
  end
  return table.concat(list, ', ')
end

local function of_new(self, run)
  local row = self.relatives[relative_key(self.script, run.stage, run.label, run.seed)]
  if not row then return 'run', 'new' end
  return 'run', ('because %s (against %s)'):format(changes(self, row, run),
    self.view:get(row, 'run'):sub(1, 8))
end

--- Parts of the code that differ from those a finished run was made with: names.
function Reasons:stale(run)
  local record = self.store:read(run.id, 'run.yaml')
  local before, list = record and record.provenance and record.provenance.code, {}
  if type(before) ~= 'table' or before == doc.null then return list end
  for _, part in ipairs(snapshot.code(self.engine, run.plugins)) do
    local was = before[part[1]]
    if was and was ~= part[2] then list[#list + 1] = part[1] end
  end
  return list
end

local function of_done(self, run, rerun)
  if rerun == 'all' then return 'rerun', 'because --rerun=all' end
  local parts = self:stale(run)
  if #parts == 0 then return 'skip', 'done' end
  local what = table.concat(parts, ', ')
  if rerun == 'code' then return 'rerun', ('because the code changed (%s)'):format(what) end
  return 'skip', ("stale: the code changed since (%s); kept, '--rerun=code' runs it again")
    :format(what)
end

--- 'run', 'resume', 'rerun', 'skip' or 'wait', and why.
---@param rerun string? 'failed', 'code' or 'all'
function Reasons:of(run, rerun)
  if not self.store then return 'run', 'new' end
  local state, attempt = self.store:state(run.id)
  if state == 'planned' then return of_new(self, run) end
  if state == 'done' then return of_done(self, run, rerun) end
  if state == 'running' then return 'wait', 'another process runs it' end
  if state == 'lost' then return 'resume', 'its process is gone' end
  local last = self.store:read(run.id, ('attempt-%d.yaml'):format(attempt), -1) or {}
  if state == 'stopped' then return 'resume', tostring(last.message or last.state) end
  if rerun then return 'rerun', 'from the start, because it failed' end
  return 'resume', 'failed: ' .. tostring(last.message or '?'):match '[^\n]*'
end

--- What is to be done about every run of a plan; a run whose parent is done again is done again.
--- { { run, action, reason }, … }
function Reasons:all(plan, rerun)
  local list, anew = {}, {}
  for i, run in ipairs(plan.runs) do
    local action, reason = self:of(run, rerun)
    if action == 'skip' and run.parent and anew[run.parent.id] then
      action, reason = 'rerun', 'because its parent is done again'
    end
    if action == 'rerun' then anew[run.id] = true end
    list[i] = { run = run, action = action, reason = reason }
  end
  return list
end

return M
