-- The paper's protocol as plain tables; a script overrides what it studies.
local avcl = require 'avcl'

return {
  defaults = {
    backbone = 'r3d', models = 2, fusion = 'amfm', cgra_at = { 'pool-final' },
    lambda = 0.005, batch = 16, precision = 'f32',
  },
  inputs = {
    rgb = avcl.clip { frames = 16, span = 16, size = 112, resize = { 171, 128 } },
    mel = avcl.mel { mode = 'whole', bands = 256, columns = 256, crop = 112 },
  },
  stages = {
    pretrain = {
      split = 'train', epochs = 300, select = 'min val/loss',
      optim = avcl.sgd { lr = 1e-3, momentum = 0.9, weight_decay = 5e-4 },
    },
    finetune = {
      from = 'pretrain', head = avcl.head { hidden = 512, dropout = 0.7 },
      loss = 'cross_entropy', epochs = 150, select = 'max val/top1',
      optim = avcl.sgd { lr = 1e-3, momentum = 0.9, weight_decay = 5e-3, min_lr = 1e-5 },
    },
    test = { from = 'finetune', clips = 10, metrics = { 'top1', 'top5', 'per_class' } },
  },
}
