-- import/ave.lua - AVE: trainSet.txt, valSet.txt, testSet.txt, lines
-- Category&VideoID&Quality&StartTime&EndTime; files are VideoID.mp4 anywhere below the root.
local c = require 'avcl.ffi'
local files = require 'avcl.import.files'

local M = { summary = 'AVE: trainSet.txt, valSet.txt, testSet.txt' }

local ID = 11

local function key_of_name(name)
  return name:match '^(.+)%.[^.]+$'
end

function M.read(source)
  local rows, found = {}, files.by_name(source.files, key_of_name)
  for _, part in ipairs { 'train', 'val', 'test' } do
    local list = files.matching(source.root, source.files, ('^%sSet%%.txt$'):format(part),
      part .. 'Set.txt')[1]
    for line, place in files.lines(list) do
      local class, id = line:match '^([^&]+)&([^&]+)&'
      if not id or (#id ~= ID and class ~= 'Category') then
        c.raise_at(nil, 'INVALID', '%s: expected Category&VideoID&Quality&StartTime&EndTime, '
          .. "got '%s'", place, line)
      end
      local label = class ~= 'Category' and source.class(class) -- a header line, in some copies
      if label then
        rows[#rows + 1] = {
          id = id, name = id, label = label, split = part, place = place,
          path = files.choose(found[id], part),
        }
      end
    end
  end
  return rows, { 'splits as listed; whole videos: the event times are not used' }
end

return M
