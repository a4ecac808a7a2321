-- Table 2 of the AVCL paper: where CGRA looks, on Kinetics-Sounds32.
local avcl = require 'avcl'
local paper = require 'experiments._base.avcl'

local function layer(name, ...)
  return { label = name, cgra_at = { ... } }
end

return avcl.experiment {
  name = 'table2', base = paper.base, model = require 'experiments._base.model',
  rows = avcl.rows {
    layer 'None',
    layer('conv3', 'conv3'), layer('conv4', 'conv4'), layer('conv5', 'conv5'),
    layer('pool-final', 'pool-final'),
    layer('conv5+pool', 'conv5', 'pool-final'),
  },
  columns = {
    avcl.describe { 'Backbone', of = 'backbone', show = { r3d = 'R3D' } },
    avcl.describe { 'CGRA', of = function(p) return #p.cgra_at > 0 and '✓' or '✗' end },
    avcl.metric { 'K32', metric = 'test/top1', select = 'max val/top1' },
  },
  seeds = 3,
  baseline = 'pool-final',
  paper = 'experiments/table2.paper.yaml',
}
