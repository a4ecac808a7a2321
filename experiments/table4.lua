-- Table 4 of the AVCL paper: supervised baselines, other methods and backbones, on K32 and K100.
local avcl = require 'avcl'
local paper = require 'experiments._base.avcl'

local SEEDS = 3 -- of the paper's own rows and the baselines

local function baseline(label, method)
  return { label = label, method = method, seeds = SEEDS }
end

local function compared(label, method)
  return { label = label, method = method }
end

local function avcl_on(label, backbone)
  return { label = label, method = 'avcl', backbone = backbone, seeds = SEEDS }
end

local sees = { both = 'RGB+Audio', rgb = 'RGB', mel = 'Audio' }

return avcl.experiment {
  name = 'table4', base = paper.base, model = require 'experiments._base.model',
  rows = avcl.rows {
    baseline('Baseline-R', 'baseline-r'),
    baseline('Baseline-A', 'baseline-a'),
    baseline('Baseline-R+A', 'baseline-ra'),
    compared('IIC', 'iic'),
    compared('SimCLR', 'simclr'),
    compared('MoCo', 'moco'),
    compared('BYOL', 'byol'),
    compared('SimSiam', 'simsiam'),
    compared('Barlow Twins', 'barlow_twins'),
    avcl_on('AVCL, R3D', 'r3d'),
    avcl_on('AVCL, C3D', 'c3d'),
    avcl_on('AVCL, R(2+1)D', 'r2plus1d'),
  },
  columns = {
    avcl.describe { 'Pretrain', of = 'modalities', show = sees },
    avcl.describe { 'Test', of = 'modalities', show = sees },
    avcl.describe { 'Backbone', of = 'backbone', show = {
      r3d = 'R3D', c3d = 'C3D', r2plus1d = 'R(2+1)D',
    } },
    avcl.metric { 'K32', metric = 'test/top1', select = 'max val/top1' },
    avcl.metric {
      'K100', metric = 'test/top1', select = 'max val/top1', with = { data = paper.k100 },
    },
  },
  seeds = 1,
  baseline = 'AVCL, R3D',
  paper = 'experiments/table4.paper.yaml',
}
