-- cam/map.lua - from feature maps and weights to a picture of where a network looks.
--
-- M(t,h,w) = relu(sum_k alpha_k F_k(t,h,w)); with a linear head on the pooled features alpha is
-- that head's row and M the class activation map (Zhou et al. 2016), else it is Grad-CAM
-- (Selvaraju et al. 2017). Without a class: the mean over channels.
local c = require 'avcl.ffi'

local M = {}

--- A map: { data = double[?] (0-based), t, h, w }.
local function new(t, h, w)
  return { data = c.new('double[?]', t * h * w), t = t, h = h, w = w }
end
M.new = new

--- Of features flat [C, T, H, W] (1-based) and weights [C]; the mean over channels without them.
---@param shape integer[] { C, T, H, W }
---@param alpha number[]?
function M.activation(features, shape, alpha)
  local n_channels, n = shape[1], shape[2] * shape[3] * shape[4]
  local map = new(shape[2], shape[3], shape[4])
  for k = 1, n_channels do
    local weight, base = alpha and alpha[k] or 1 / n_channels, (k - 1) * n + 1
    for i = 0, n - 1 do map.data[i] = map.data[i] + weight * features[base + i] end
  end
  for i = 0, n - 1 do map.data[i] = math.max(map.data[i], 0) end
  return map
end

-- Linear interpolation of one axis, `inner` numbers apart; pixel centres at (i + 0.5) * from / to.
local function stretch(from, n_outer, n_from, n_to, inner)
  local out = c.new('double[?]', n_outer * n_to * inner)
  for i = 0, n_to - 1 do
    local at = math.max((i + 0.5) * n_from / n_to - 0.5, 0)
    local low = math.min(math.floor(at), n_from - 1)
    local high, part = math.min(low + 1, n_from - 1), at - low
    for o = 0, n_outer - 1 do
      local a, b = (o * n_from + low) * inner, (o * n_from + high) * inner
      local to = (o * n_to + i) * inner
      for k = 0, inner - 1 do
        out[to + k] = from[a + k] * (1 - part) + from[b + k] * part
      end
    end
  end
  return out
end

--- Trilinear to t x h x w, as align_corners = false has it.
function M.resize(map, t, h, w)
  local data = stretch(map.data, map.t * map.h, map.w, w, 1)
  data = stretch(data, map.t, map.h, h, w)
  return { data = stretch(data, 1, map.t, t, h * w), t = t, h = h, w = w }
end

-- [low, high] to [0, 1] in place; a constant map says nothing: zeros.
local function scale(data, first, n)
  local low, high = math.huge, -math.huge
  for i = first, first + n - 1 do low, high = math.min(low, data[i]), math.max(high, data[i]) end
  local by = high > low and 1 / (high - low) or 0
  for i = first, first + n - 1 do data[i] = (data[i] - low) * by end
end

--- To [0, 1] in place, over the clip or frame by frame.
function M.normalise(map, per_frame)
  local n = map.h * map.w
  if not per_frame then
    scale(map.data, 0, map.t * n)
  else
    for t = 0, map.t - 1 do scale(map.data, t * n, n) end
  end
  return map
end

local function ramp(x)
  return math.min(math.max(1.5 - math.abs(x), 0), 1)
end

--- Colour of a number in [0, 1], blue to red: r, g, b in [0, 1].
function M.jet(v)
  return ramp(4 * v - 3), ramp(4 * v - 2), ramp(4 * v - 1)
end

--- Half picture, half colour: frames [T, H, W, 3] of bytes, the map's own size.
function M.overlay(frames, map)
  local n = map.t * map.h * map.w
  local out = c.new('uint8_t[?]', n * 3)
  for i = 0, n - 1 do
    local r, g, b = M.jet(map.data[i])
    out[3 * i] = 0.5 * frames[3 * i] + 127.5 * r + 0.5
    out[3 * i + 1] = 0.5 * frames[3 * i + 1] + 127.5 * g + 0.5
    out[3 * i + 2] = 0.5 * frames[3 * i + 2] + 127.5 * b + 0.5
  end
  return out
end

return M
