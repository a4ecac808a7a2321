-- cam/render.lua - maps over what was seen: a contact sheet and a video with sound.
local c = require 'avcl.ffi'
local canvases = require 'avcl.canvas'
local map = require 'avcl.cam.map'
local media = require 'avcl.media'

local M = {}

local LEAST_SIDE = 112 -- small clips are shown larger, by whole pixels
local GAP = 2
local COLUMNS = 17 -- sixteen frames and the picture of their sound
local RATE = 24000 -- Hz of the written sound

local function zoom_of(side)
  return math.max(math.ceil(LEAST_SIDE / side), 1)
end

-- One frame of [n, side, side, 3], each pixel `zoom` times as wide and high.
local function enlarged(pixels, frame, side, zoom)
  local out, to = c.new('uint8_t[?]', (side * zoom) ^ 2 * 3), 0
  local base = frame * side * side * 3
  for y = 0, side * zoom - 1 do
    local row = base + math.floor(y / zoom) * side * 3
    for x = 0, side * zoom - 1 do
      local at = row + math.floor(x / zoom) * 3
      out[to], out[to + 1], out[to + 2] = pixels[at], pixels[at + 1], pixels[at + 2]
      to = to + 3
    end
  end
  return out
end

-- Upside down: low bands of a spectrogram are drawn at the bottom.
local function flipped(pixels, side)
  local out = c.new('uint8_t[?]', side * side * 3)
  for y = 0, side - 1 do
    c.copy(out + y * side * 3, pixels + (side - 1 - y) * side * 3, side * 3)
  end
  return out
end

local function put_cell(canvas, x, y, view, pixels, t)
  local zoom = zoom_of(view.picture.side)
  local side = view.picture.side * zoom
  local cell = enlarged(pixels, t, view.picture.side, zoom)
  canvas.put(x, y, view.name == 'audio' and flipped(cell, side) or cell, side, side, 3)
end

-- Frames of all views in order, and the side of the largest.
local function cells_of(views)
  local cells, side = {}, 0
  for _, view in ipairs(views) do
    view.overlay = map.overlay(view.picture.pixels, view.map)
    side = math.max(side, view.picture.side * zoom_of(view.picture.side))
    for t = 0, view.picture.n - 1 do cells[#cells + 1] = { view = view, t = t } end
  end
  return cells, side
end

--- A PNG of cells side by side, above what was seen, below the same under its map; wrapped when
--- there are many. views: { { name, picture, map } }, maps of the pictures' size.
function M.sheet(file, views)
  local cells, side = cells_of(views)
  local columns, step = math.min(COLUMNS, #cells), side + GAP
  local lines = math.ceil(#cells / columns)
  local canvas = canvases.new(columns * step - GAP, lines * 2 * step - GAP)
  for i, cell in ipairs(cells) do
    local x, y = (i - 1) % columns * step, math.floor((i - 1) / columns) * 2 * step
    put_cell(canvas, x, y, cell.view, cell.view.picture.pixels, cell.t)
    put_cell(canvas, x, y + step, cell.view, cell.view.overlay, cell.t)
  end
  media.write_png(file, canvas.rgb, canvas.width, canvas.height, 3)
end

-- The track from start_s on: samples and their number, 0 without sound.
local function sound_of(path, start_s, seconds)
  local wave = c.new 'avcl_wave'
  c.call('avcl_audio_read', path, RATE, 1, wave)
  local first = math.min(math.floor(start_s * RATE + 0.5), tonumber(wave.n))
  local n = math.min(math.floor(seconds * RATE + 0.5), tonumber(wave.n) - first)
  local samples = c.new('float[?]', math.max(n, 1))
  if n > 0 then c.copy(samples, wave.samples + first, n * 4) end
  c.C.avcl_wave_release(wave)
  return samples, n
end

--- An mp4 of a view's overlay, at `fps` frames a second, with the sound of `path` from start_s.
function M.video(file, view, path, start_s, fps)
  local picture = view.picture
  local zoom = zoom_of(picture.side)
  if picture.side * zoom % 2 == 1 then zoom = zoom + 1 end
  local side, overlay = picture.side * zoom, map.overlay(picture.pixels, view.map)
  local bytes = side * side * 3
  local rgb = c.new('uint8_t[?]', picture.n * bytes)
  for t = 0, picture.n - 1 do
    c.copy(rgb + t * bytes, enlarged(overlay, t, picture.side, zoom), bytes)
  end
  fps = math.min(math.max(math.floor(fps + 0.5), 1), 240)
  local samples, n = sound_of(path, start_s, picture.n / fps)
  local o = c.new 'avcl_encoder_options'
  o.width, o.height, o.fps, o.rate = side, side, fps, n > 0 and RATE or 0
  o.crf = 18
  c.call('avcl_encode_mp4', file, o, rgb, picture.n, samples, n)
end

return M
