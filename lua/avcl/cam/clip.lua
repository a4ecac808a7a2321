-- cam/clip.lua - the middle clip of a video as the network sees it, as pictures too.
local c = require 'avcl.ffi'
local inputs = require 'avcl.inputs'
local tensor = require 'avcl.tensor'

local M = {}

-- Planes [3, T, S, S] to frames [T, S, S, 3].
local function frames_of(planes, n_frames, side)
  local n = n_frames * side * side
  local out = c.new('uint8_t[?]', n * 3)
  for k = 0, 2 do
    for i = 0, n - 1 do out[3 * i + k] = planes[k * n + i] end
  end
  return out
end

-- The picture of the sound as a grey frame [1, S, S, 3], rows as the network has them.
local function grey_of(mel, side)
  local list = tensor.list(mel, 'f16', side * side)
  local low, high = math.huge, -math.huge
  for _, x in ipairs(list) do low, high = math.min(low, x), math.max(high, x) end
  local by, out = high > low and 255 / (high - low) or 0, c.new('uint8_t[?]', side * side * 3)
  for i, x in ipairs(list) do
    for k = 0, 2 do out[3 * (i - 1) + k] = (x - low) * by + 0.5 end
  end
  return out
end

---@class avcl.CamClip
---@field tensors { rgb: table?, mel: table? }   for the session
---@field pictures { rgb: table?, mel: table? }  { pixels, n, side }: bytes [n, side, side, 3]
---@field start_s number
---@field start_frame integer
---@field label integer  from 0; -1 = none

--- Reads sample `index` (from 0). values: the run's; used: the model's inputs.
---@return avcl.CamClip
function M.read(dataset, index, values, used)
  local view, out = c.new 'avcl_view', c.new 'avcl_sample'
  inputs.fill_view(view, values, used, { random = false, n_clips = 1 })
  local side, n_frames, mel_side = view.crop, view.frames, view.mel_crop
  local clip = { tensors = {}, pictures = {} }
  local rgb, mel
  if used.rgb then
    local n = 3 * n_frames * side * side
    rgb = c.new('uint8_t[?]', n)
    out.rgb, clip.tensors.rgb = rgb, { data = rgb, dtype = 'u8', count = n }
  end
  if used.mel then
    mel = c.new('uint16_t[?]', mel_side * mel_side)
    out.mel, clip.tensors.mel = mel, { data = mel, dtype = 'f16', count = mel_side * mel_side }
  end
  c.call('avcl_sample_read', dataset.ptr, index, 0, 0, view, 0, out)
  if rgb then
    clip.pictures.rgb = { pixels = frames_of(rgb, n_frames, side), n = n_frames, side = side }
  end
  if mel then clip.pictures.mel = { pixels = grey_of(mel, mel_side), n = 1, side = mel_side } end
  clip.start_s, clip.start_frame = out.start_s, tonumber(out.start_frame)
  clip.label = out.label
  return clip
end

--- Rows of a set's split: { index, rel, path, label }.
function M.list(dataset, split)
  local list, index = {}, -1
  for sample in dataset:samples() do
    index = index + 1
    if not split or sample.split == split then
      sample.index = index
      list[#list + 1] = sample
    end
  end
  return list
end

return M
