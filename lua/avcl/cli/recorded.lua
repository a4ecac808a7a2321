-- cli/recorded.lua - a run's model again, from its records: script, values, graph, checkpoint.
--
--   local r = recorded.open(store, view, id)
--   r.experiment, r.stage, r.values, r.classes, r.checkpoint
local c = require 'avcl.ffi'
local stage = require 'avcl.stage'
local study = require 'avcl.cli.study'

local M = {}

local function read(store, id)
  return store:read(id, 'run.yaml')
    or c.raise_at(nil, 'NOT_FOUND', 'run %s has no run.yaml', id:sub(1, 8))
end

-- The run and what it comes from, the oldest first.
local function lineage(store, id)
  local list = {}
  while id do
    local run = read(store, id)
    table.insert(list, 1, run)
    id = type(run.parent) == 'table' and run.parent.run or nil
  end
  return list
end

-- Each record has the knobs and its own stage's keys; the run's own knobs count.
local function values_of(experiment, runs)
  local values = experiment.schema:resolve {}
  for i, run in ipairs(runs) do
    for key, value in pairs(run.config) do
      local own = key:match '^stage%.(.+)$'
      values[own and run.stage .. '.' .. own or key] = value
    end
    values[run.stage .. '.from'] = i > 1 and runs[i - 1].stage or 'none'
  end
  values.data = runs[#runs].provenance.data[1].name
  return values
end

-- A script that was edited since declares another graph; its weights would mean nothing there.
local function check_graph(self, trained)
  local built = stage.build(self.experiment, self.stage, self.values, {
    n_classes = self.classes, n_samples = self.samples,
  })
  local now = built.graph:hash()
  built.graph:close()
  if now ~= trained.keys.graph then
    c.raise_at(nil, 'INVALID', '%s now declares another graph for stage %s than run %s was trained '
      .. 'with (%s, then %s); check out the commit of its record', trained.experiment, self.stage,
      trained.run:sub(1, 8), now:sub(1, 8), trained.keys.graph:sub(1, 8))
  end
end

---@class avcl.Recorded
---@field experiment avcl.Experiment
---@field root string       of the project
---@field id string         of the run that holds the weights: for a test, the one it tests
---@field stage string      whose weights they are
---@field kind string       'pretext' or 'supervised'
---@field seed integer
---@field values table      flat, as recorded
---@field classes integer
---@field samples integer  of its data set: memories of methods have so many rows
---@field checkpoint string its selected weights

--- `id` is whole; of a test, the run that was tested.
---@return avcl.Recorded
function M.open(store, id)
  local runs = lineage(store, id)
  local run = runs[#runs]
  local trained = stage.trains(run.kind) and run or runs[#runs - 1]
  local experiment, loaded = study.load(run.experiment)
  local self = {
    experiment = experiment, root = loaded.root, id = trained.run, stage = trained.stage,
    kind = trained.kind, seed = run.seed, values = values_of(experiment, runs),
    classes = trained.provenance.data[1].classes, samples = trained.provenance.data[1].items,
    checkpoint = store:weights(trained.run),
  }
  check_graph(self, trained)
  return self
end

return M
