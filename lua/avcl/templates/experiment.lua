-- NAME: what does this study ask?
--
--   avcl config show NAME --origin     every key, and who set it
--   avcl run -n NAME                   what would run
--   avcl run NAME && avcl table NAME
local avcl = require 'avcl'

-- A pure function of the graph g and one point p of the study.
local function model(g, p)
  local v = g:backbone(p.backbone, { clip = g:input 'rgb', name = 'video' }, { width = p.width })
  local a = g:backbone(p.backbone, { clip = g:input 'mel', name = 'audio' }, { width = p.width })
  g:minimize(g:loss('selfcl', { v.pool, a.pool }, { tau = p.tau }))
  return { features = { v.pool, a.pool }, taps = { video = v, audio = a } }
end

return avcl.experiment {
  name = 'NAME', model = model,
  -- Knobs that rows and the command line may set: `avcl run NAME tau=0.2`.
  defaults = { data = 'DATA', backbone = 'r3d', width = 4, batch = 4, tau = 0.1 },
  inputs = {
    rgb = avcl.clip { frames = 4, size = 32, resize = { 49, 37 } },
    mel = avcl.mel { bands = 32, columns = 32, crop = 32, n_fft = 1024 },
  },
  stages = {
    pretrain = { split = 'unlab', val_split = 'none', epochs = 2, select = 'last',
                 optim = avcl.sgd { lr = 0.01, schedule = 'cosine' } },
    finetune = { from = 'pretrain', epochs = 2, select = 'max val/top1',
                 head = avcl.head { hidden = 0 }, optim = avcl.sgd { lr = 0.02 } },
    test = { from = 'finetune', clips = 2, metrics = { 'top1' } },
  },
  -- Rows name themselves by their difference from the defaults; labels say it better.
  rows = avcl.rows {
    { label = 'from scratch', ['finetune.from'] = 'none' },
    { label = 'pre-trained' },
    avcl.swap { tau = { 0.5 } },
  },
  columns = { avcl.metric { 'top-1', metric = 'test/top1', select = 'max val/top1' } },
  seeds = { 1, 2, 3 },
}
