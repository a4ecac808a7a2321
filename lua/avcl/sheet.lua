-- sheet.lua - a contact sheet: a row a clip, frames spread over it and its log-mel picture.
local c = require 'avcl.ffi'
local canvases = require 'avcl.canvas'
local media = require 'avcl.media'

local M = {}

local GAP = 2 -- pixels between cells

-- A cell with a line across: a file that cannot be shown.
local function cross(w, h)
  local grey = c.new('uint8_t[?]', w * h)
  for y = 0, h - 1 do
    for x = 0, w - 1 do
      grey[y * w + x] = math.abs(x * h - y * w) < math.max(w, h) and 60 or 225
    end
  end
  return grey
end

-- `columns` frames, evenly spread, ends included.
local function put_frames(put, y, path, o)
  local info = media.probe(path)
  local w, h = o.size[1], o.size[2]
  for i = 0, o.columns - 1 do
    local frame = math.floor((info.n_frames - 1) * i / math.max(o.columns - 1, 1))
    media.frames(path, frame, 1, o.size, function(_, rgb)
      put(i * (w + GAP), y, rgb, w, h, 3)
    end)
  end
  return info
end

local function put_mel(put, x, y, path, side)
  local picture, bands, columns = media.mel(path, { bands = side, columns = side, n_fft = 2048 })
  put(x, y, media.grey(picture, bands, columns), columns, bands, 1)
end

--- Draws clips into a PNG; returns how many could not be shown.
---@param clips { path: string }[]
---@param o { columns: integer, size: integer[] }
function M.write(file, clips, o)
  local w, h = o.size[1], o.size[2]
  local mel_x = o.columns * (w + GAP)
  local width, height = mel_x + h, #clips * (h + GAP) - GAP
  local canvas = canvases.new(width, height)
  local put = canvas.put
  local n_bad = 0
  for i, clip in ipairs(clips) do
    local y = (i - 1) * (h + GAP)
    local ok, info = pcall(put_frames, put, y, clip.path, o)
    if not ok and not c.is_error(info) then error(info, 0) end
    if ok and info.has_audio then ok = pcall(put_mel, put, mel_x, y, clip.path, h) end
    if not ok then
      put(0, y, cross(mel_x - GAP, h), mel_x - GAP, h, 1)
      n_bad = n_bad + 1
    end
  end
  media.write_png(file, canvas.rgb, width, height, 3)
  return n_bad
end

return M
