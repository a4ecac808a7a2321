-- trained.lua - a recorded run's network, ready to be looked at: weights loaded, nothing trains.
local sessions = require 'avcl.session'
local stage = require 'avcl.stage'

local M = {}

--- What evaluate.lua looks at. look: names of features, {} = those it has, nil = its logits alone.
---@param r avcl.Recorded
---@param dataset avcl.Dataset
---@param look string[]?
---@return avcl.Looked
function M.open(r, dataset, look)
  local v = r.values
  local built = stage.build(r.experiment, r.stage, v, {
    n_classes = r.classes, n_samples = r.samples, look = look,
  })
  local session = sessions.new(built.graph, {
    device = v.device, precision = v.precision, conv = v.conv, seed = r.seed, gradients = false,
  })
  session:restore(r.checkpoint, stage.scopes(built.graph))
  return { session = session, built = built, values = v, dataset = dataset }
end

return M
