-- import/ucf101.lua - UCF101: classInd.txt, trainlist01.txt, testlist01.txt (or 02, 03).
--
-- Clips of one group (…_g08_c01.avi) were cut from one video. There is no validation split: whole
-- groups of the train list are held out, or validation would be training seen from beside.
local c = require 'avcl.ffi'
local files = require 'avcl.import.files'
local split = require 'avcl.import.split'

local M = { summary = 'UCF101: classInd.txt and trainlist01.txt, testlist01.txt', folds = 3 }

local function read_classes(file)
  local names = {}
  for line, place in files.lines(file) do
    local index, name = line:match '^%s*(%d+)%s+(%S+)%s*$'
    if tonumber(index) ~= #names + 1 then
      c.raise_at(nil, 'INVALID', "%s: expected '%d ClassName', got '%s'", place, #names + 1, line)
    end
    names[#names + 1] = name
  end
  return names
end

local function read_list(file, classes, each)
  for line, place in files.lines(file) do
    local path, index = line:match '^%s*(%S+)%s*(%d*)%s*$'
    local label = path and path:match '^([^/]+)/[^/]+$'
    if not label then
      c.raise_at(nil, 'INVALID', "%s: expected 'Class/file.avi [index]', got '%s'", place, line)
    end
    if index ~= '' and classes[tonumber(index)] ~= label then
      c.raise_at(nil, 'INVALID', "%s: index %s is %s in classInd.txt, the path says %s", place,
        index, classes[tonumber(index)] or 'no class', label)
    end
    each(path, label, place)
  end
end

function M.read(source, options)
  local rows, found = {}, files.by_name(source.files)
  local function one(pattern, what)
    return files.matching(source.root, source.files, pattern, what)[1]
  end
  local classes = read_classes(one('^classInd%.txt$', 'classInd.txt'))
  for _, name in ipairs { 'train', 'test' } do
    local list = ('%slist%02d.txt'):format(name, options.fold)
    read_list(one('^' .. list:gsub('%.', '%%.') .. '$', list), classes, function(path, label, place)
      label = source.class(label)
      if not label then return end
      rows[#rows + 1] = {
        id = path, name = path, label = label, split = name, place = place,
        group = path:gsub('_c%d+%.%w+$', ''), path = files.choose(found[files.base(path)], name),
      }
    end)
  end
  local fraction = options.val or 0.1
  split.hold_out(rows, fraction, 'train', 'val')
  return rows, {
    ('split %d: test as listed; %s'):format(options.fold,
      split.rule(fraction, 'the train list', 'val', 'group; whole groups')),
  }
end

return M
