-- cam/score.lua - does a map lie on what moves? On the synthetic set, which has masks to say so.
--
-- Pointing game (Zhang et al. 2018): is the map's largest value inside the mask. Energy inside:
-- which part of the map's sum is. Both are compared with what needs no network: an even map or a
-- random point (the mask's share of the clip), and the middle of the picture.
local c = require 'avcl.ffi'
local lfs = require 'lfs'
local media = require 'avcl.media'

local M = {}

local MOVES = 212 -- a mask's value is 255 where something moves and sounds; the next lower is 170

--- masks/SPLIT/NAME.png of SPLIT/NAME.mp4; nil where there is none.
function M.mask_path(sample)
  local folder, name = sample.rel:match '^([^/]+)/([^/]+)%.%w+$'
  local root = folder and sample.path:sub(1, #sample.path - #sample.rel)
  local path = root and ('%smasks/%s/%s.png'):format(root, folder, name)
  return path and lfs.attributes(path) and path or nil
end

-- Where pixel i of the crop lies in the mask: nearest, by its centre.
local function place(i, offset, n_mask, n_resized)
  return math.min(math.floor((i + offset + 0.5) * n_mask / n_resized), n_mask - 1)
end

-- The file's frame that is shown as frame i of those counted at `rate` (0 = all of them).
local function file_frame(i, rate, fps, n)
  local frame = rate > 0 and math.floor(i / rate * fps + 1e-6) or i
  return math.min(frame, n - 1) -- past the last it is repeated
end

--- What moves and sounds in a clip, as the network sees it: flat booleans, frame by frame.
---@param o { start_frame: integer, frames: integer, size: integer, resize: integer[], fps: number }
function M.mask(sample, o)
  local info, inside = media.probe(sample.path), {}
  local w, h = info.width, info.height
  local rows = media.probe(M.mask_path(sample)).height
  local left = math.floor((o.resize[1] - o.size) / 2)
  local top = math.floor((o.resize[2] - o.size) / 2)
  media.frames(M.mask_path(sample), 0, 1, nil, function(_, pixels)
    for t = 0, o.frames - 1 do
      local frame = file_frame(o.start_frame + t, o.fps, info.fps, rows / h)
      for y = 0, o.size - 1 do
        local row = frame * h + place(y, top, h, o.resize[2])
        for x = 0, o.size - 1 do
          local at = (row * w + place(x, left, w, o.resize[1])) * 3
          inside[#inside + 1] = pixels[at] >= MOVES
        end
      end
    end
  end)
  return inside
end

--- { hit, energy, area, centre } of a map and the mask of its pixels. nil: nothing to look for.
function M.of(map, inside)
  local n = map.t * map.h * map.w
  if n ~= #inside then
    c.raise('SHAPE', 'a map of %d pixels, a mask of %d', n, #inside)
  end
  local best, sum, within, area, centre = 0, 0, 0, 0, 0
  local middle = math.floor(map.h / 2) * map.w + math.floor(map.w / 2)
  for i = 0, n - 1 do
    local v = map.data[i]
    sum = sum + v
    if v > map.data[best] then best = i end
    if inside[i + 1] then
      within, area = within + v, area + 1
      if i % (map.h * map.w) == middle then centre = centre + 1 end
    end
  end
  if area == 0 then return nil end
  return {
    hit = sum > 0 and inside[best + 1], energy = sum > 0 and within / sum or 0, area = area / n,
    centre = centre / map.t,
  }
end

--- Sums of many: add(M.of(…)) to it, then read the means.
function M.tally()
  local t = { n = 0, n_empty = 0, hit = 0, energy = 0, area = 0, centre = 0 }
  function t.add(score)
    if not score then
      t.n_empty = t.n_empty + 1
      return
    end
    t.n, t.hit = t.n + 1, t.hit + (score.hit and 1 or 0)
    for _, name in ipairs { 'energy', 'area', 'centre' } do t[name] = t[name] + score[name] end
  end
  function t.means()
    local out = { n = t.n, n_empty = t.n_empty }
    for _, name in ipairs { 'hit', 'energy', 'area', 'centre' } do
      out[name] = t.n > 0 and t[name] / t.n or 0
    end
    return out
  end
  return t
end

return M
