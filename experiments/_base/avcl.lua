-- The paper's protocol as plain tables, at three sizes; a script overrides what it studies.
--
--   scale = paper   the paper's setting, on directories of Kinetics-Sounds videos
--   scale = small   two cores: synthetic sets of 12 and 24 classes, five labels a class, R3D of
--                   width 16 on 8 frames of 32 pixels, preset `robust`
--   scale = smoke   every row in seconds, to see that it runs; its numbers mean nothing
local avcl = require 'avcl'

local function by_scale(paper, small, smoke)
  if smoke == nil then smoke = small end
  return avcl.by('scale', { paper = paper, small = small, smoke = smoke })
end

-- Synthetic stand-ins: 12 classes for K32, 24 for K100; prepared ones are made by tables.sh.
local k32 = by_scale('k32', 'data/synth12.avclcache', 'smoke12')

return {
  by_scale = by_scale,
  k32 = k32,
  k100 = by_scale('k100', 'data/synth24.avclcache', 'smoke24'),

  base = {
    defaults = {
      scale = 'paper', preset = by_scale('paper', 'robust'),
      method = 'avcl', data = k32,
      backbone = 'r3d', models = 2, fusion = 'amfm', cgra_at = { 'pool-final' },
      lambda = 0.005, precision = 'f32',
      width = by_scale(64, 16, 2), batch = by_scale(16, 16, 4),
      -- Heads and memories in proportion to features of 512, 128 and 16 numbers.
      simclr = { hidden = by_scale(512, 128, 16), out = by_scale(128, 128, 16) },
      moco = {
        queue = by_scale(4096, 1024, 8), hidden = by_scale(512, 128, 16),
        out = by_scale(128, 128, 16),
      },
      byol = { hidden = by_scale(4096, 1024, 32), out = by_scale(256, 128, 16) },
      simsiam = { out = by_scale(2048, 512, 32), predictor = by_scale(512, 128, 16) },
      barlow_twins = { width = by_scale(2048, 512, 32) },
      iic = { negatives = by_scale(1024, 512, 4) },
    },
    inputs = {
      rgb = avcl.clip {
        frames = by_scale(16, 8, 4), span = by_scale(16, 8, 4), size = by_scale(112, 32, 16),
        resize = by_scale({ 171, 128 }, { 49, 37 }, { 24, 18 }),
      },
      mel = avcl.mel {
        mode = 'whole', bands = by_scale(256, 64, 16), columns = by_scale(256, 64, 16),
        crop = by_scale(112, 64, 16), n_fft = by_scale(2048, 1024),
      },
    },
    stages = {
      pretrain = {
        split = by_scale('train', 'unlab'), epochs = by_scale(300, 6, 1),
        select = by_scale('min val/loss', 'last'),
        optim = avcl.sgd { -- the rate is the preset's
          momentum = 0.9, weight_decay = 5e-4, schedule = by_scale('plateau', 'cosine'),
        },
      },
      finetune = {
        from = 'pretrain', split = by_scale('train', 'few5', 'train'), loss = 'cross_entropy',
        epochs = by_scale(150, 40, 1), select = 'max val/top1',
        head = avcl.head { hidden = by_scale(512, 0), dropout = 0.7 },
        optim = avcl.sgd {
          lr = by_scale(1e-3, 0.1), momentum = 0.9, weight_decay = 5e-3,
          schedule = by_scale('plateau', 'cosine'), min_lr = by_scale(1e-5, 0),
        },
      },
      test = {
        from = 'finetune', clips = by_scale(10, 4, 1), metrics = { 'top1', 'top5', 'per_class' },
      },
    },
  },
}
