-- AVCL in minutes: does pre-training on unlabelled videos help when only 5 labels a class exist?
-- Synthetic videos (avcl data synth), R3D at width 16, 8 frames of 32 px, mel pictures of 64 px.
local avcl = require 'avcl'
local model = require 'experiments._base.model'

local from_scratch = { ['finetune.from'] = 'none' }

local function row(label, t)
  t.label = label
  return t
end

return avcl.experiment {
  name = 'quickstart', model = model,
  defaults = {
    preset = 'robust', data = 'quickstart', backbone = 'r3d', width = 16, batch = 16,
  },
  inputs = {
    rgb = avcl.clip { frames = 8, size = 32, resize = { 49, 37 }, normalise = 'tmean' },
    mel = avcl.mel { bands = 64, columns = 64, crop = 64, n_fft = 1024 },
  },
  stages = {
    pretrain = {
      split = 'unlab', epochs = 6, select = 'last', val_split = 'val',
      optim = avcl.sgd { lr = 0.01, schedule = 'cosine' },
    },
    finetune = {
      from = 'pretrain', split = 'few5', epochs = 40, select = 'last', val_split = 'none',
      head = avcl.head { hidden = 0 },
      optim = avcl.sgd { lr = 0.1, weight_decay = 5e-3, schedule = 'cosine' },
    },
    test = { from = 'finetune', clips = 4, metrics = { 'top1', 'per_class' } },
  },
  rows = avcl.rows {
    row('audio only', { modalities = 'mel', ['finetune.from'] = 'none' }),
    row('RGB only', { modalities = 'rgb', ['finetune.from'] = 'none' }),
    row('RGB + audio', from_scratch),
    row('AVCL', {}),
  },
  columns = { avcl.metric { 'top-1', metric = 'test/top1' } },
  seeds = { 1, 2 },
}
