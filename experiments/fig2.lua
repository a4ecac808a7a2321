-- Fig. 2 of the AVCL paper: the R(2+1)D network whose activation maps `avcl cam` draws. At the
-- paper's scale it is Table 4's; the small one sees larger clips here, for maps of 2x4x4, at
-- half the width and half the epochs.
local avcl = require 'avcl'
local paper = require 'experiments._base.avcl'

return avcl.experiment {
  name = 'fig2', base = paper.base, model = require 'experiments._base.model',
  defaults = {
    backbone = 'r2plus1d', width = paper.by_scale(64, 8, 2),
    data = paper.by_scale('k32', 'synth12', 'smoke12'), -- files, not prepared: larger pictures
  },
  inputs = {
    rgb = avcl.clip {
      frames = paper.by_scale(16, 16, 4), span = paper.by_scale(16, 16, 4),
      size = paper.by_scale(112, 64, 16),
      resize = paper.by_scale({ 171, 128 }, { 98, 74 }, { 24, 18 }),
    },
  },
  stages = { pretrain = { epochs = paper.by_scale(300, 3, 1) } },
  rows = avcl.rows { { label = 'AVCL, R(2+1)D' } },
  columns = { avcl.metric { 'K32', metric = 'test/top1', select = 'max val/top1' } },
  seeds = 1,
}
