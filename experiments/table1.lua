-- Table 1 of the AVCL paper: what is sampled of picture and sound, and one model or two, on K32.
local avcl = require 'avcl'
local paper = require 'experiments._base.avcl'

-- 1.2 s around the middle of the clip, frames every 5 ms: 256 of them (TBN's rule).
local function window(t)
  t['mel.mode'], t['mel.seconds'], t['mel.hop'] = 'window', 1.279, 120
  return t
end

return avcl.experiment {
  name = 'table1', base = paper.base, model = require 'experiments._base.model',
  rows = avcl.rows {
    { label = 'raw audio', ['mel.mode'] = 'wave' },
    window {
      label = '1 frame, 1.2 s', ['rgb.frames'] = 1,
      -- One frame less its mean over time is nothing.
      ['rgb.normalise'] = avcl.by('preset', {
        paper = 'none', official = 'none', tcgl = 'clip', robust = 'clip',
      }),
    },
    window { label = '1.2 s' },
    { label = 'whole' },
    { label = 'whole, one model', models = 1 },
  },
  columns = {
    avcl.describe { 'RGB length', of = 'rgb.frames' },
    avcl.describe { 'Audio length', of = 'mel.mode', show = {
      wave = 'Raw audio', window = '1.2s Mel-spectrogram', whole = 'Whole Mel-spectrogram',
    } },
    avcl.describe { 'Model number', of = 'models' },
    avcl.metric { 'K32', metric = 'test/top1', select = 'max val/top1' },
  },
  seeds = 3,
  baseline = 'whole',
  paper = 'experiments/table1.paper.yaml',
}
