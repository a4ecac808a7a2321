-- import/folders.lua - folders of class folders: CLASS/clip.mp4 or SPLIT/CLASS/clip.mp4.
local c = require 'avcl.ffi'
local split = require 'avcl.import.split'

local M = { summary = 'class folders, or split folders of class folders' }

local known = {
  train = true, training = true, val = true, valid = true, validate = true, validation = true,
  test = true, testing = true, unlab = true, unlabelled = true,
}

local function top(path)
  return path:match '^([^/]+)/'
end

local function has_splits(paths)
  for _, path in ipairs(paths) do
    if top(path) and not known[top(path):lower()] then return false end
  end
  return true
end

function M.read(source, options)
  local rows, videos = {}, {}
  for _, path in ipairs(source.files) do
    if c.C.avcl_is_video_name(path) ~= 0 and top(path) then videos[#videos + 1] = path end
  end
  if #videos == 0 then
    c.raise_at(nil, 'NOT_FOUND', '%s: no class folders with videos in it', source.root)
  end
  local split_first = has_splits(videos)
  for _, path in ipairs(videos) do
    local first, rest = path:match '^([^/]+)/(.+)$'
    local class = split_first and (top(rest) or '') or first
    local label = class == '' and '' or source.class(class)
    if label then
      rows[#rows + 1] = {
        id = path, name = path, path = path, label = label, place = source.root,
        split = split_first and split.usual(first:lower()) or 'train',
      }
    end
  end
  if split_first then return rows, { 'splits are the folders' } end
  local test, val = options.test or 0.1, options.val or 0.1
  split.hold_out(rows, test, 'train', 'test')
  split.hold_out(rows, val, 'train', 'val')
  return rows, {
    'no split folders: ' .. split.rule(test, 'train', 'test', 'path'),
    split.rule(val, 'the rest', 'val', 'path'),
  }
end

return M
