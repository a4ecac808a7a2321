-- inputs.lua - what a graph is fed: declared on first use, and what the loader is asked for.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local graph = require 'avcl.graph'
local media = require 'avcl.media'

local M = {}

local STANDARD_EPS = 1e-6 -- of the variance of pixels in [0, 1]: a black clip stays finite

local normalise = {}

function normalise.none(_, x) return x end

function normalise.clip(g, x)
  local axes = { axes = { 1, 2, 3, 4 }, keep = true }
  local centred = g:sub(x, g:mean(x, axes))
  return g:div(centred, g:sqrt(g:add(g:variance(x, axes), STANDARD_EPS)))
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
  if v['rgb.frames'] == 1 and v['rgb.normalise'] == 'tmean' then
    c.raise('INVALID', "rgb.normalise = 'tmean' leaves nothing of a clip of one frame "
      .. "(rgb.frames = 1): use 'clip'")
  end
  local raw = graph.methods.input(g, 'rgb', { batch, 3, v['rgb.frames'], size, size }, 'u8')
  return g:scope('rgb', function()
    return normalise[v['rgb.normalise']](g, g:affine(real(g, raw), { scale = 1 / 255 }))
  end)
end

-- f16 [B,1,1,S,S] -> real, repeated over the channels and frames a backbone wants.
function makers.mel(g, v, batch)
  local size, channels, depth = v['mel.crop'], v['audio.in_channels'], v['audio.depth']
  local raw = graph.methods.input(g, 'mel', { batch, 1, 1, size, size }, 'f16')
  return g:scope('mel', function()
    local x = real(g, raw)
    if channels == 1 and depth == 1 then return x end
    return g:broadcast_to(x, { batch, channels, depth, size, size })
  end)
end

function makers.label(g, _, batch)
  return graph.methods.input(g, 'label', { batch }, 'i32')
end

-- Rows of the data set: who a clip is, for methods that remember it.
function makers.sample_index(g, _, batch)
  return graph.methods.input(g, 'sample_index', { batch }, 'i32')
end

function makers.weight(g, _, batch)
  return graph.methods.input(g, 'weight', { batch }, 'f32')
end

--- g:input 'rgb' declares it on first use, so a model that never asks for sound decodes none.
function M.predeclare(g, values, batch)
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

local sounds = {
  whole = c.C.AVCL_SOUND_WHOLE, window = c.C.AVCL_SOUND_WINDOW, wave = c.C.AVCL_SOUND_WAVE,
}

local function fill_sound(out, values)
  local resize = values['mel.resize']
  if #resize ~= 0 and #resize ~= 2 then
    c.raise('INVALID', 'mel.resize has %d numbers, expected { width, height } or {}', #resize)
  end
  out.sound, out.seconds = sounds[values['mel.mode']], values['mel.seconds']
  out.mel_crop = values['mel.crop']
  out.mel_resize_w, out.mel_resize_h = resize[1] or 0, resize[2] or 0
  out.need_sound = values['mel.missing'] == 'skip' and 1 or 0
  media.mel_options(M.mel_options(values), out.mel)
end

--- avcl_view of a stage. `out` is the C struct to fill.
function M.fill_view(out, values, used, options)
  out.frames = used.rgb and values['rgb.frames'] or 0
  out.span = values['rgb.span']
  local resize = values['rgb.resize']
  out.resize_w, out.resize_h = resize[1], resize[2]
  out.crop = values['rgb.size']
  out.fps = values['rgb.fps']
  out.random = options.random and 1 or 0
  out.n_clips = options.n_clips or 1
  out.shuffle_pairs = options.shuffle and 1 or 0
  if used.mel then fill_sound(out, values) end
  return out
end

return M
