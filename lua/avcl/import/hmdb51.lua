-- import/hmdb51.lua - HMDB51: CLASS_test_split1.txt (or 2, 3), lines "file.avi 0|1|2".
--
-- 1 is train, 2 is test, 0 belongs to neither. What stands before _CLASS_ in a name is the film.
local c = require 'avcl.ffi'
local files = require 'avcl.import.files'
local split = require 'avcl.import.split'

local M = { summary = 'HMDB51: CLASS_test_split1.txt', folds = 3 }

local parts = { ['1'] = 'train', ['2'] = 'test' }

function M.read(source, options)
  local rows, unused, found = {}, 0, files.by_name(source.files)
  local pattern = ('^(.+)_test_split%d%%.txt$'):format(options.fold)
  local lists = files.matching(source.root, source.files, pattern,
    ('CLASS_test_split%d.txt'):format(options.fold))
  for _, file in ipairs(lists) do
    local class = files.base(file):match(pattern)
    local label = source.class(class)
    for line, place in files.lines(label and file or '/dev/null') do
      local name, part = line:match '^%s*(.-)%s+([012])%s*$'
      if not name then
        c.raise_at(nil, 'INVALID', "%s: expected 'file.avi 0|1|2', got '%s'", place, line)
      end
      if part == '0' then unused = unused + 1 else
        local film = name:find('_' .. class .. '_', 1, true)
        rows[#rows + 1] = {
          id = name, name = name, label = label, split = parts[part], place = place,
          group = film and name:sub(1, film - 1) or name,
          path = files.choose(found[name], class),
        }
      end
    end
  end
  local fraction = options.val or 0.1
  split.hold_out(rows, fraction, 'train', 'val')
  return rows, {
    ('split %d: test as listed; %s'):format(options.fold,
      split.rule(fraction, 'the train list', 'val', 'film; whole films')),
    ('%d clips are in neither part of this split'):format(unused),
  }
end

return M
