-- import/vggsound.lua - VGGSound: vggsound.csv without a header, id,start,label,train|test.
--
-- Files are ID_SSSSSS.mp4 (or ID_S.mp4, ID_S_E.mp4, ID.mp4) anywhere below the root.
local c = require 'avcl.ffi'
local csv = require 'avcl.csv'
local files = require 'avcl.import.files'
local split = require 'avcl.import.split'

local M = { summary = 'VGGSound: vggsound.csv, id,start,label,split' }

local ID = 11

local function key_of_name(name)
  local id, rest = name:sub(1, ID), name:sub(ID + 1)
  local start = rest:match '^_(%d+)[._]'
  if start then return ('%s %d'):format(id, tonumber(start)) end
  return rest:sub(1, 1) == '.' and id or nil
end

function M.read(source, options)
  local rows, found = {}, files.by_name(source.files, key_of_name)
  local lists = source.annotations
    or files.matching(source.root, source.files, '^vggsound.*%.csv$', 'vggsound.csv')
  for _, file in ipairs(lists) do
    for fields, line in csv.records(file) do
      local id, start, class, part = unpack(fields)
      local place = ('%s: line %d'):format(file, line)
      if #fields ~= 4 or #id ~= ID or not tonumber(start) or class == '' then
        c.raise_at(nil, 'INVALID', "%s: expected id,start,label,split with an id of %d characters",
          place, ID)
      end
      local label = source.class(class)
      if label then
        local name = ('%s %d'):format(id, tonumber(start))
        rows[#rows + 1] = {
          id = name, name = ('%s_%06d'):format(id, tonumber(start)), label = label,
          split = split.usual(part), group = id, place = place,
          path = files.choose(found[name] or found[id], part),
        }
      end
    end
  end
  local fraction = options.val or 0.1
  split.hold_out(rows, fraction, 'train', 'val')
  return rows, { 'test as listed; ' .. split.rule(fraction, 'train', 'val', 'YouTube id') }
end

return M
