-- canvas.lua - a white picture in memory, to put other pictures on.
local c = require 'avcl.ffi'

local M = {}

---@class avcl.Canvas
---@field rgb table  bytes [height, width, 3]

--- put(x, y, pixels, w, h, channels) copies a picture of 1 or 3 channels to (x, y).
---@return avcl.Canvas
function M.new(width, height)
  local rgb = c.new('uint8_t[?]', width * height * 3)
  for i = 0, width * height * 3 - 1 do rgb[i] = 255 end
  local function put(x0, y0, pixels, w, h, channels)
    for y = 0, h - 1 do
      for x = 0, w - 1 do
        for k = 0, 2 do
          local from = channels == 3 and (y * w + x) * 3 + k or y * w + x
          rgb[((y0 + y) * width + x0 + x) * 3 + k] = pixels[from]
        end
      end
    end
  end
  return { rgb = rgb, put = put, width = width, height = height }
end

return M
