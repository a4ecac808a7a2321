-- methods.lua - what `method` may be in the shipped model: knobs, and what a choice brings along.
--
-- A knob 'moco.queue' is the parameter `queue` of the module moco, with its default. A method's
-- settings lie under the row's own; `official` is what its authors trained with (methods.md F).
local make = require 'avcl.field'

local M = {}

local number, integer = make.number, make.integer
local boolean, choice = make.boolean, make.choice

M.knobs = {
  method = { type = 'string', default = 'avcl', doc = 'avcl, a method module (simclr, moco, byol, '
    .. 'simsiam, barlow_twins, iic), or baseline, baseline-r, baseline-a, baseline-ra: no '
    .. 'pre-training' },
  ['baseline.epochs'] = choice('finetune', { 'finetune', 'total' },
    'of a baseline: as long as fine-tuning (150), or as pre-training too (450)'),

  ['simclr.tau'] = number(0.1, { min = 1e-3, doc = 'temperature' }),
  ['simclr.hidden'] = integer(512, { min = 1, doc = 'width inside the projector' }),
  ['simclr.out'] = integer(128, { min = 1, doc = 'width of what is compared' }),
  ['simclr.layers'] = integer(2, { min = 2, max = 3, doc = 'of the projector' }),

  ['moco.tau'] = number(0.07, { min = 1e-3, doc = 'temperature' }),
  ['moco.momentum'] = number(0.999, { min = 0, max = 1, doc = 'of the networks that make keys' }),
  ['moco.queue'] = integer(4096, { min = 1, doc = 'keys of earlier steps' }),
  ['moco.hidden'] = integer(512, { min = 1, doc = 'width inside an mlp head' }),
  ['moco.out'] = integer(128, { min = 1, doc = 'width of queries and keys' }),
  ['moco.head'] = choice('mlp', { 'linear', 'mlp' }, 'v1 or v2'),

  ['byol.tau'] = number(0.99, { min = 0, max = 1, doc = 'momentum at the start; rises to 1' }),
  ['byol.hidden'] = integer(4096, { min = 1, doc = 'width inside projector and predictor' }),
  ['byol.out'] = integer(256, { min = 1, doc = 'width of the projection' }),

  ['simsiam.hidden'] = integer(0, { min = 0, doc = 'width inside the projector; 0 = features' }),
  ['simsiam.out'] = integer(2048, { min = 1, doc = 'width of the projection' }),
  ['simsiam.predictor'] = integer(512, { min = 1, doc = 'width inside the predictor' }),

  ['barlow_twins.lambda'] = number(0.0051, { min = 0, doc = 'weight of the off-diagonal' }),
  ['barlow_twins.scale'] = number(1, { min = 0, doc = 'of the whole loss' }),
  ['barlow_twins.width'] = integer(2048, { min = 1, doc = 'of the projector' }),

  ['iic.tau'] = number(0.07, { min = 1e-3, doc = 'temperature' }),
  ['iic.momentum'] = number(0.5, { min = 0, max = 1, doc = 'of a row of a memory' }),
  ['iic.negatives'] = integer(1024, { min = 1, doc = 'memories drawn a clip' }),
  ['iic.official'] = boolean(false, 'live features are not normalised'),
}

-- ---- what a choice brings along ----------------------------------------------------------------

-- Values may be functions of get(path) and of what stands below.
local function baseline(modalities)
  return {
    modalities = modalities, ['finetune.from'] = 'none',
    ['finetune.epochs'] = function(get, below)
      local before = get 'baseline.epochs' == 'total' and get 'pretrain.epochs' or 0
      return below and below + before
    end,
  }
end

M.settings = {
  baseline = baseline(nil), ['baseline-r'] = baseline 'rgb', ['baseline-a'] = baseline 'mel',
  ['baseline-ra'] = baseline 'both',
  -- Its loss is about clips that it remembers: of others it says nothing.
  iic = { ['pretrain.select'] = function(_, below)
    return below == 'min val/loss' and 'min train/loss' or below
  end },
}

--- Is it trained on labels alone?
function M.is_baseline(method)
  return method:match '^baseline' ~= nil
end

-- LARS as the three official codes have it: warm-up of ten epochs, cosine by steps.
local function lars(lr, weight_decay, more)
  local out = {
    ['pretrain.optim.kind'] = 'lars', ['pretrain.optim.lr'] = lr,
    ['pretrain.optim.weight_decay'] = weight_decay, ['pretrain.optim.schedule'] = 'cosine',
    ['pretrain.optim.per_step'] = true, ['pretrain.optim.warmup_epochs'] = 10,
    ['pretrain.optim.exclude_bias_norm'] = true,
  }
  for path, value in pairs(more) do out[path] = value end
  return out
end

-- lr for 256 clips a batch.
local function scaled(lr)
  return function(get) return lr * get 'batch' / 256 end
end

-- The paper's optimiser is what all methods share unless a study says preset = 'official'.
M.official = {
  simclr = lars(scaled(0.3), 1e-6, { ['simclr.tau'] = 0.1, ['simclr.layers'] = 3 }),
  byol = lars(scaled(0.2), 1.5e-6, { ['byol.tau'] = 0.99 }),
  barlow_twins = lars(scaled(0.2), 1e-6, { ['barlow_twins.width'] = 8192 }),
  moco = {
    ['moco.tau'] = 0.2, ['moco.queue'] = 65536, ['pretrain.optim.lr'] = scaled(0.03),
    ['pretrain.optim.weight_decay'] = 1e-4, ['pretrain.optim.schedule'] = 'cosine',
  },
  simsiam = {
    ['simsiam.hidden'] = 2048, ['pretrain.optim.lr'] = scaled(0.05),
    ['pretrain.optim.weight_decay'] = 1e-4, ['pretrain.optim.schedule'] = 'cosine',
  },
  iic = {
    ['iic.official'] = true, ['pretrain.optim.lr'] = 0.01, ['pretrain.optim.weight_decay'] = 1e-4,
    ['pretrain.optim.schedule'] = 'multistep', ['pretrain.optim.factor'] = 0.2,
    ['pretrain.optim.milestones'] = { 45, 90, 125, 160 },
  },
}

--- Does a knob change no number? So do those of a method that is not the one chosen, and the
--- choice itself where it is what a study is without one.
function M.is_idle(path, method)
  if path == 'method' then return method == 'avcl' end
  local group = path:match '^([^.]+)%.'
  if group == 'baseline' then return not M.is_baseline(method) end
  return M.official[group] ~= nil and group ~= method
end

return M
