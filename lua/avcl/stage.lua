-- stage.lua - the graph of one stage: its inputs, the script's model, and for labels a head.
--
--   local built = stage.build(experiment, 'finetune', values, { n_classes = 12 })
--   built.graph, built.view, built.features
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local graph = require 'avcl.graph'
local hosts = require 'avcl.host'
local knobs = require 'avcl.knobs'
local media = require 'avcl.media'
local spec = require 'avcl.spec'
local suggest = require 'avcl.suggest'
require 'avcl.module'
local C = c.C

local M = {}

M.STANDARD_EPS = 1e-6 -- of the variance of pixels in [0, 1]: a black clip stays finite

--- Fields of one stage out of the flat values: { epochs = …, ['optim.lr'] = … }.
function M.fields(values, name)
  local out = {}
  for path, value in pairs(values) do
    local key = path:match('^' .. name:gsub('%W', '%%%0') .. '%.(.+)$')
    if key then out[key] = value end
  end
  return out
end

-- ---- inputs --------------------------------------------------------------------------------

local normalise = {}

function normalise.none(_, x) return x end

function normalise.clip(g, x)
  local axes = { axes = { 1, 2, 3, 4 }, keep = true }
  local centred = g:sub(x, g:mean(x, axes))
  return g:div(centred, g:sqrt(g:add(g:variance(x, axes), M.STANDARD_EPS)))
end

function normalise.tmean(g, x)
  return g:sub(x, g:mean(x, { axes = { 2 }, keep = true }))
end

local function real(g, x)
  return g:cast(x, { dtype = graph.dtypes.f32 })
end

local makers = {}

-- u8 [B,3,T,H,W] -> real, normalised.
function makers.rgb(g, v, batch)
  local size = v['rgb.size']
  local raw = graph.methods.input(g, 'rgb', { batch, 3, v['rgb.frames'], size, size }, 'u8')
  return g:scope('rgb', function()
    return normalise[v['rgb.normalise']](g, g:affine(real(g, raw), { scale = 1 / 255 }))
  end)
end

-- f16 [B,1,1,S,S] -> real, repeated over the channels a backbone wants.
function makers.mel(g, v, batch)
  local size, channels = v['mel.crop'], v['audio.in_channels']
  local raw = graph.methods.input(g, 'mel', { batch, 1, 1, size, size }, 'f16')
  return g:scope('mel', function()
    local x = real(g, raw)
    return channels == 1 and x or g:broadcast_to(x, { batch, channels, 1, size, size })
  end)
end

function makers.label(g, _, batch)
  return graph.methods.input(g, 'label', { batch }, 'i32')
end

function makers.weight(g, _, batch)
  return graph.methods.input(g, 'weight', { batch }, 'f32')
end

-- g:input 'rgb' declares it on first use, so a model that never asks for sound decodes none.
local function predeclare(g, values, batch)
  g.used, g.promised = {}, config.sorted_keys(makers)
  g.inputs = setmetatable({}, { __index = function(inputs, name)
    local make = makers[name]
    if not make then return nil end
    g.used[name] = true
    local made = make(g, values, batch)
    rawset(inputs, name, made)
    return made
  end })
end

-- ---- what the loader is asked for -----------------------------------------------------------

--- { rate = …, window = … }: how the spectrogram is made.
function M.mel_options(values)
  local mel = {}
  for path, value in pairs(values) do
    local key = path:match '^mel%.(.+)$'
    if key and key ~= 'mode' and key ~= 'crop' then mel[key] = value end
  end
  return mel
end

--- avcl_view of a stage. `out` is the C struct to fill.
function M.fill_view(out, values, used, options)
  out.frames = used.rgb and values['rgb.frames'] or 0
  local resize = values['rgb.resize']
  out.resize_w, out.resize_h = resize[1], resize[2]
  out.crop = values['rgb.size']
  out.fps = values['rgb.fps']
  out.mel_crop = used.mel and values['mel.crop'] or 0
  out.random = options.random and 1 or 0
  out.n_clips = options.n_clips or 1
  out.shuffle_pairs = options.shuffle and 1 or 0
  media.mel_options(M.mel_options(values), out.mel)
  return out
end

-- ---- the head --------------------------------------------------------------------------------

-- Weights and bias as PyTorch starts them: uniform within 1 / sqrt(fan_in).
local function linear(g, name, x, n_out)
  return g:scope(name, function()
    local n_in = x.shape[2]
    local bound = 1 / math.sqrt(n_in)
    local w = g:weight('weight', { n_out, n_in }, { 'uniform', bound })
    return g:linear(x, w, g:weight('bias', { n_out }, { 'uniform', bound }))
  end)
end

local function head(g, x, fields, n_classes)
  return g:scope('head', function()
    local hidden = fields['head.hidden']
    if hidden > 0 then
      x = g:relu(linear(g, 'fc1', x, hidden))
      if fields['head.dropout'] > 0 then x = g:dropout(x, { p = fields['head.dropout'] }) end
    end
    return linear(g, hidden > 0 and 'fc2' or 'fc', x, n_classes)
  end)
end

local function tap(declared, name, modality)
  local taps = declared.taps and declared.taps[name]
  if not taps then
    c.raise('INVALID', "modalities = '%s' needs the model to return taps.%s", modality, name)
  end
  return taps.pool
end

-- What the classifier sees: everything the model calls features, or one stream's pool.
local function features_of(g, declared, modality)
  if modality == 'rgb' then return tap(declared, 'video', modality) end
  if modality == 'mel' then return tap(declared, 'audio', modality) end
  local list = declared.features
  if graph.is_node(list) then return list end
  if type(list) ~= 'table' or not graph.is_node(list[1]) then
    c.raise('INVALID', 'the model returns no features: expected { features = { node, … } }')
  end
  if #list == 1 then return list[1] end
  return g:concat(list, { axis = 1 })
end

local function classify(g, declared, values, fields, n_classes)
  local x = features_of(g, declared, values.modalities)
  local logits = head(g, x, fields, n_classes)
  local inputs = { logits, g:input 'label', g:input 'weight' }
  local loss
  if fields.loss == 'cross_entropy' then
    loss = g:op('cross_entropy', inputs)
  else
    loss = g:loss(fields.loss, inputs)
  end
  g:keep('logits', logits)
  g:minimize(1, loss)
end

-- The model is declared again under a head, where its own losses and records are not wanted.
local quiet = {}
for _, name in ipairs { 'minimize', 'keep' } do
  quiet[name] = function(g) return g end
end
function quiet.log(g, name, value)
  if graph.is_node(name) then return graph.methods.log(g, name, value) end
  return g
end

local function declare(experiment, g, p, silent)
  if silent then
    for name, fn in pairs(quiet) do rawset(g, name, fn) end
  end
  local declared = experiment.model(g, p)
  for name in pairs(quiet) do rawset(g, name, nil) end
  if type(declared) ~= 'table' then
    c.raise('INVALID', 'the model returned %s, expected { features = …, taps = … }',
      declared == nil and 'nothing' or 'a ' .. type(declared))
  end
  return declared
end

-- A scope that was never declared is a slip of the pen.
local function check_frozen(g, frozen)
  for _, scope in ipairs(frozen or {}) do
    if g.frozen_scopes[scope] ~= 'seen' then
      local known = {}
      for _, v in ipairs(g:variables()) do known[v.name:match '^[^/]+'] = true end
      local names = {}
      for name in pairs(known) do names[#names + 1] = name end
      c.raise('NOT_FOUND', "frozen: the model has no scope '%s'%s", scope,
        suggest.text(scope, names))
    end
  end
end

-- Kept under the names that the trainer's diagnostics look for (train/validate.c): the features
-- before and after fusion, where the model has both streams.
local function keep_features(g, declared)
  local taps, list = declared.taps or {}, declared.features
  if not (taps.video and taps.audio) then return end
  g:keep('raw/video', taps.video.pool)
  g:keep('raw/audio', taps.audio.pool)
  if type(list) == 'table' and graph.is_node(list[1]) and graph.is_node(list[2]) then
    g:keep('fused/video', list[1])
    g:keep('fused/audio', list[2])
  end
end

--- Builds a stage's graph. For a test stage, that of the stage it tests.
---@param options { n_classes: integer?, host: avcl.Host? }
function M.build(experiment, name, values, options)
  local kind = experiment.kinds[name]
  if not kind then spec.unknown(name, experiment.stages, 'stages', experiment.place) end
  local of = kind == 'test' and values[name .. '.from'] or name
  local fields = M.fields(values, of)
  local batch = M.fields(values, name).batch or fields.batch or values.batch
  local g = graph.new(options.host or hosts.get())
  predeclare(g, values, batch)
  local supervised = experiment.kinds[of] == 'supervised'
  for _, scope in ipairs(fields.frozen or {}) do g.frozen_scopes[scope] = true end
  local p = knobs.of(values, experiment.stages)
  local declared = declare(experiment, g, p, supervised)
  check_frozen(g, fields.frozen)
  if kind == 'pretext' then keep_features(g, declared) end
  if supervised then classify(g, declared, values, fields, options.n_classes or 2) end
  c.call('avcl_graph_status', g.ptr)
  return { graph = g, used = g.used, batch = batch, kind = kind, supervised = supervised }
end

M.PROGRAMS = { train = C.AVCL_TRAIN, eval = C.AVCL_EVAL }

return M
