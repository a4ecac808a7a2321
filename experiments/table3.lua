-- Table 3 of the AVCL paper: loss weights and fusion, on Kinetics-Sounds32.
local avcl = require 'avcl'
local paper = require 'experiments._base.avcl'

local weights = { 0.1, 0.3, 0.5, 0.7, 0.9 }
local rest = { 0.9, 0.7, 0.5, 0.3, 0.1 }

return avcl.experiment {
  name = 'table3', base = paper.base, model = require 'experiments._base.model',
  rows = avcl.rows {
    { label = 'no SelfCL', lambda_cor = 1, lambda_self = 0 },
    avcl.zip { lambda_cor = weights, lambda_self = rest },
    { label = 'no AMFM', fusion = 'concat' },
  },
  columns = {
    avcl.describe { 'Backbone', of = 'backbone', show = { r3d = 'R3D' } },
    avcl.describe { 'SelfCL', of = function(p) return p.lambda_self > 0 and '✓' or '✗' end },
    avcl.describe { 'λ_cor', of = 'lambda_cor' },
    avcl.describe { 'λ_self', of = 'lambda_self' },
    avcl.describe { 'AMFM', of = 'fusion', show = { amfm = '✓', concat = '✗' } },
    avcl.metric { 'K32', metric = 'test/top1', select = 'max val/top1' },
  },
  seeds = 3,
  baseline = 'lambda_cor=0.9,lambda_self=0.1',
  paper = 'experiments/table3.paper.yaml',
}
