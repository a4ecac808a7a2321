-- fields.lua - the keys an experiment may set: their types, ranges, defaults and meaning.
--
-- `knobs` are read by the model; `clip`, `mel`, `stage`, `optim`, `head` describe the protocol.
-- Defaults are the paper's where it states one (methods.md B, C, E), else marked [assumed].
local make = require 'avcl.field'
local methods = require 'avcl.methods'

local M = {}

local number, integer = make.number, make.integer
local choice, list = make.choice, make.list

-- Rules of selection that the trainer knows.
local SELECT = { 'last', 'min val/loss', 'max val/top1', 'min train/loss' }

M.knobs = {
  preset = choice('paper', { 'paper', 'tcgl', 'robust', 'official' },
    "where the other knobs start from; official: as the method's authors trained it"),
  backbone = { type = 'string', default = 'r3d', doc = 'backbone module' },
  width = integer(64, { min = 1, max = 4096, doc = 'channels of conv1' }),
  stem = integer(0, { min = 0, max = 7,
    doc = "height and width of the first kernel: 3, 7, or 0 = the backbone's published one" }),
  models = integer(2, { min = 1, max = 2, doc = '1: both modalities through one backbone' }),
  fusion = { type = 'string', default = 'amfm', doc = 'fusion module' },
  cgra_at = list({ 'pool-final' }, 'where CGRA looks'),
  lambda = number(0.005, { min = 0, doc = 'weight of the off-diagonal in CGRA (eq. 5)' }),
  lambda_cor = number(0.9, { min = 0, doc = 'weight of CGRA (eq. 11)' }),
  lambda_self = number(0.1, { min = 0, doc = 'weight of SelfCL (eq. 11)' }),
  tau = number(0.5, { above = 0, doc = 'temperature of SelfCL [assumed]' }),
  ['pretext.features'] = choice('fused', { 'fused', 'raw', 'pairwise' },
    'what the losses see: after the shared gate, before it, or SelfCL a gate for every pair'),
  data = { type = 'string', default = 'synth', doc = 'named data set, or a manifest file' },
  batch = integer(16, { min = 1, max = 65536, doc = 'clips a step' }),
  precision = choice('f32', { 'f32', 'bf16', 'f64' }, 'of the numbers computed with'),
  conv = choice('auto', { 'auto', 'direct', 'winograd' }, 'algorithm of convolutions'),
  modalities = choice('both', { 'both', 'rgb', 'mel' }, 'what the classifier sees'),
  control = choice('none', { 'none', 'shuffled' },
    "pre-train on another clip's audio: what is learnt without correspondence"),
  ['amfm.gate'] = choice('relu', { 'relu', 'sigmoid' }, 'gate of AMFM (eqs. 3, 4)'),
  ['amfm.hidden'] = choice('none', { 'none', 'relu' }, 'between its two layers [assumed]'),
  ['amfm.shared_excitation'] = { type = 'boolean', default = true,
    doc = 'one E gates both streams (eq. 2)' },
  ['amfm.dropout'] = { type = 'number', default = 0, off = 0, min = 0, max = 0.99,
    doc = 'between its two layers' },
  ['selfcl.projection'] = { type = 'string', default = 'none', off = 'none',
    choices = { 'none', 'elu' }, doc = 'in front of SelfCL' },
  ['selfcl.alone'] = { type = 'string', default = 'as-is', off = 'as-is',
    choices = { 'as-is', 'rescaled' },
    doc = 'where CGRA looks nowhere: SelfCL keeps lambda_self, or weighs 1 [assumed]' },
  ['cgra.center'] = { type = 'boolean', default = true,
    doc = 'columns minus their batch mean [assumed]' },
  ['cgra.norm'] = choice('paper', { 'paper', 'barlow' }, 'of the columns (eq. 6) [assumed]'),
  ['cgra.reduction'] = choice('sum', { 'sum', 'mean' }, 'over the features (eq. 5)'),
  ['loss.scale'] = number(1, { above = 0, doc = 'times both weights of eq. 11' }),
  ['selfcl.reduction'] = choice('sum', { 'sum', 'mean' }, 'over the batch (eqs. 7, 9)'),
  ['audio.in_channels'] = integer(3, { min = 1, max = 3, doc = 'the spectrogram is repeated' }),
  ['audio.depth'] = integer(1, { min = 1, max = 1024, doc = 'frames it is repeated over' }),
}

for path, field in pairs(methods.knobs) do M.knobs[path] = field end

-- Where a run happens, not what it computes: not part of its identity.
M.machine = {
  device = { type = 'string', default = 'cpu', doc = 'device module' },
  kernel_plan = { type = 'string', default = 'none',
    doc = 'file of convolution kernels for this machine' },
  workers = integer(0, { min = 0, max = 1024, doc = 'loader threads; 0 = cores - 1' }),
  cache_mib = integer(1024, { min = 0, max = 1048576,
    doc = 'decoded clips kept in memory; does not change what is read' }),
  max_bad = number(0.01, { min = 0, max = 1, doc = 'unreadable samples tolerated' }),
  strict = { type = 'boolean', default = false, doc = 'the first unreadable sample ends the run' },
  checkpoint_s = number(300, { min = 0, doc = 'write a checkpoint so often; 0 = at every step' }),
}

M.clip = {
  frames = integer(16, { min = 1, max = 1024 }),
  span = integer(0, { min = 0, max = 4096,
    doc = 'they are the middle of a clip of so many frames; 0 = the clip' }),
  size = integer(112, { min = 8, max = 1024, doc = 'side of the crop' }),
  resize = list({ 171, 128 }, 'width and height before the crop'),
  fps = number(0, { min = 0, max = 1000, doc = 'frames counted a second; 0 = every frame' }),
  normalise = choice('none', { 'none', 'clip', 'tmean' },
    '[0, 1]; each clip standardised; temporal mean removed'),
}

M.mel = {
  mode = choice('whole', { 'whole', 'window', 'wave' },
    'the whole track; seconds around the middle of the clip; the waveform folded'),
  seconds = number(1.279, { above = 0, max = 3600, doc = 'window' }),
  rate = integer(24000, { min = 1000 }), window = integer(240, { min = 2 }),
  hop = integer(240, { min = 1 }), n_fft = integer(2048, { min = 2 }),
  bands = integer(256, { min = 1 }), columns = integer(256, { min = 1 }),
  resize = list({}, 'width and height of the picture before the crop; {} = as it is'),
  crop = integer(112, { min = 8, doc = 'side of the square cut from the picture' }),
  missing = choice('zero', { 'zero', 'skip' },
    'a clip without sound: zeros; or another of its class, and in a test none'),
  scale = choice('slaney', { 'slaney', 'htk', 'linear' }),
  norm = { type = 'boolean', default = true, doc = 'filters of equal area' },
  fmin = number(0, { min = 0 }), fmax = number(0, { min = 0, doc = '0 = half the rate' }),
  log_eps = number(1e-6, { above = 0 }),
  normalise = choice('minmax', { 'minmax', 'raw' }),
}

-- `only`: the optimisers that have it. `off`: the value that is as good as no key at all; it is
-- no part of a run's identity.
local sgd_like, adam, lars = { sgd = true, lars = true }, { adamw = true }, { lars = true }

local function with(field, more)
  for key, value in pairs(more) do field[key] = value end
  return field
end

M.optim = {
  kind = with(choice('sgd', { 'sgd', 'adamw', 'lars' }, 'avcl.sgd, avcl.adamw or avcl.lars'),
    { off = 'sgd' }),
  lr = number(1e-3, { above = 0, max = 100 }),
  momentum = number(0.9, { min = 0, max = 1, only = sgd_like }),
  weight_decay = number(5e-4, { min = 0, max = 10, doc = '0.01 for AdamW when not given' }),
  nesterov = { type = 'boolean', default = false, only = sgd_like },
  beta1 = number(0.9, { min = 0, max = 1, only = adam, doc = 'share of the mean that stays' }),
  beta2 = number(0.999, { min = 0, max = 1, only = adam, doc = 'share of the square that stays' }),
  eps = number(1e-8, { min = 0, only = { adamw = true, lars = true } }),
  trust = number(1e-3, { above = 0, only = lars, doc = 'trust coefficient (eta)' }),
  clip_rate = { type = 'boolean', default = false, only = lars,
    doc = 'no weight moves faster than SGD would move it' },
  exclude_bias_norm = { type = 'boolean', default = false, off = false,
    doc = 'biases and norms neither decay nor adapt; true for LARS when not given' },
  scopes = { type = 'table', doc = 'other lr and weight_decay by scope: { head = { lr = 0.1 } }' },
  clip_norm = number(0, { min = 0, off = 0, doc = 'global norm of the gradients; 0 = as is' }),
  accumulate = integer(1, { min = 1, max = 65536, off = 1, doc = 'batches a step' }),
  schedule = choice('plateau', { 'constant', 'plateau', 'step', 'multistep', 'cosine' }),
  patience = integer(50, { min = 0, doc = 'plateau: bad epochs tolerated' }),
  factor = number(0.1, { above = 0, max = 1, doc = 'plateau, step, multistep' }),
  min_lr = number(1e-7, { min = 0, doc = 'plateau, cosine' }),
  threshold = number(1e-4, { min = 0, doc = 'plateau: relative improvement that counts' }),
  step_epochs = integer(100, { min = 1, doc = 'step' }),
  milestones = list({}, 'multistep: epochs after which the rate is multiplied by factor'),
  warmup_epochs = number(0, { min = 0, off = 0, doc = 'the rate rises linearly, step by step' }),
  per_step = { type = 'boolean', default = false, off = false,
    doc = 'cosine: moves with every step, not with every epoch' },
}

M.optim_scope = {
  lr = number(nil, { above = 0, max = 100 }),
  weight_decay = number(nil, { min = 0, max = 10 }),
}

M.head = {
  hidden = integer(512, { min = 0, doc = '0 = one linear layer' }),
  dropout = number(0.7, { min = 0, max = 0.99 }),
}

M.MEASURES = { 'probe', 'knn', 'retrieval', 'geometry' }
M.FEATURES = { 'video', 'audio', 'fused', 'video_conv5', 'audio_conv5' }

-- A stage is one of four: pretext (the model's own losses), supervised (has a head), test,
-- evaluate (what features hold).
M.stage = {
  from = { type = 'string', doc = "stage whose weights are loaded; 'none' = from scratch" },
  init = { type = 'string', doc = 'checkpoint of `avcl weights import` that it begins with' },
  split = { type = 'string', default = 'train' },
  train_split = { type = 'string', doc = 'the same as split' },
  val_split = { type = 'string', default = 'val', doc = "'none' = no validation" },
  epochs = integer(nil, { min = 0, max = 1e6 }),
  batch = integer(nil, { min = 1, max = 65536, doc = "the knob's when not given" }),
  sampler = choice('plain', { 'plain', 'balanced', 'views' },
    'balanced: batch/group classes a batch; views: batch/group clips, each drawn group times'),
  group = integer(2, { min = 1, max = 256, doc = 'of a balanced or repeating sampler' }),
  optim = { type = 'table' },
  select = choice(nil, SELECT, 'which epoch is kept'),
  early_stop = integer(0, { min = 0, off = 0,
    doc = 'end after so many epochs without a better `select`; 0 = never' }),
  keep_every = integer(0, { min = 0, machine = true, doc = 'also keep a checkpoint so often' }),
  monitor = list(nil, 'probe, knn, retrieval, geometry: what features hold while they are trained'),
  monitor_every = integer(1, { min = 1, off = 1, doc = 'epochs from one look to the next' }),
  monitor_split = { type = 'string', default = 'val', off = 'val', doc = 'whose videos' },
  monitor_fit = { type = 'string', default = 'train', off = 'train',
    doc = 'what probes and neighbours learn from' },
  load = list(nil, 'scopes taken from the parent; all but the head when not given'),
  frozen = list(nil, 'scopes that are not trained'),
  head = { type = 'table' },
  transforms = { type = 'table', doc = "augmentations of this stage's training clips" },
  loss = { type = 'string', default = 'cross_entropy' },
  clips = integer(10, { min = 1, max = 1000, doc = 'test clips a video' }),
  average = with(choice('logits', { 'logits', 'softmax' }, 'what a video is the mean of'),
    { off = 'logits' }),
  metrics = list(nil, 'top1, top5, per_class, confusion'),
  evaluate = list(nil, 'probe, knn, retrieval, geometry'),
  features = list(nil, 'video, audio, fused, video_conv5, audio_conv5; the first three, if there'),
  fit_split = { type = 'string', default = 'train', doc = 'what probes and neighbours learn from' },
  probe_l2 = number(1e-3, { min = 0, doc = "weight decay of the probe's objective" }),
  probe_iterations = integer(300, { min = 1, max = 1e6, doc = 'of L-BFGS, at most' }),
}

-- Keys that mean nothing in a stage of this kind.
local of_tests = { 'clips', 'average', 'metrics' }
local of_evaluations = { 'evaluate', 'features', 'fit_split', 'probe_l2', 'probe_iterations' }
local of_training = {
  'monitor', 'monitor_every', 'monitor_split', 'monitor_fit',
  'transforms', 'epochs', 'early_stop', 'keep_every', 'sampler', 'group', 'optim', 'select', 'load',
  'frozen', 'head', 'init', 'loss', 'val_split',
}

local function all(...)
  local t = {}
  for _, names in ipairs { ... } do
    for _, name in ipairs(names) do t[name] = true end
  end
  return t
end

M.not_in = {
  pretext = all({ 'head', 'loss' }, of_tests, of_evaluations),
  supervised = all(of_tests, of_evaluations),
  test = all(of_training, of_evaluations),
  evaluate = all(of_training, { 'metrics', 'average' }),
}

-- Fields a stage has by what it is, and what they start from.
M.stage_defaults = {
  pretext = { select = 'min val/loss', epochs = 300 },
  supervised = { select = 'max val/top1', epochs = 150 },
  test = { split = 'test' },
  evaluate = { split = 'test' },
}

M.metric = {
  metric = { type = 'string', required = true, doc = "'test/top1'" },
  select = choice(nil, SELECT, 'what the checkpoint must have been selected by'),
  digits = integer(1, { min = 0, max = 6, doc = 'after the point' }),
  better = choice(nil, { 'higher', 'lower' }, "lower for losses, else higher, when not given"),
  bold = choice('best', { 'best', 'significant' },
    'significant: only a best that differs from every other row by the test over items'),
  with = { type = 'table', doc = "keys that every row has in this column: { data = 'k100' }" },
}

M.describe = {
  of = { type = 'any', required = true, doc = "a key, 'rgb.frames', or a function of the row" },
  show = { type = 'table', doc = "texts for values: { amfm = '✓' }" },
}

M.experiment = {
  name = { type = 'string', required = true },
  model = { type = 'function', required = true },
  base = { type = 'table', default = {} },
  defaults = { type = 'table', default = {} },
  inputs = { type = 'table', default = {} },
  transforms = { type = 'table', default = {}, doc = 'augmentations, off unless named' },
  stages = { type = 'table', default = {} },
  rows = { type = 'table' },
  columns = { type = 'table', default = {} },
  seeds = { type = 'any', default = { 1 } },
  paper = { type = 'string', doc = 'file of published numbers' },
  baseline = { type = 'string', doc = 'label of the row that others are compared with' },
}

M.base = {
  defaults = M.experiment.defaults, inputs = M.experiment.inputs, stages = M.experiment.stages,
  transforms = M.experiment.transforms,
}

return M
