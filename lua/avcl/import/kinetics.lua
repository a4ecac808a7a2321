-- import/kinetics.lua - Kinetics-400/600/700: DeepMind's, CVDF's and ActivityNet's annotations.
--
-- label,youtube_id,time_start,time_end,split[,is_cc] in any order; a test list may lack labels.
-- Files are ID_SSSSSS_EEEEEE.mp4 anywhere below the root. An id has 11 characters, some of them
-- '-' or '_': it is cut by length, never at a '_'.
local c = require 'avcl.ffi'
local csv = require 'avcl.csv'
local files = require 'avcl.import.files'
local split = require 'avcl.import.split'

local M = { summary = 'Kinetics: CSV files with youtube_id, time_start, time_end, split' }

local ID = 11

local function key(id, from, to)
  return ('%s %d %d'):format(id, tonumber(from) or -1, tonumber(to) or -1)
end

local function key_of_name(name)
  local id, rest = name:sub(1, ID), name:sub(ID + 1)
  local from, to = rest:match '^_(%d+)_(%d+)%.'
  if from then return key(id, from, to) end
  return rest:sub(1, 1) == '.' and id or nil -- a crawler that kept no times
end

local function columns_of(header)
  local at = {}
  for i, name in ipairs(header) do at[name] = i end
  return at.youtube_id and at or nil
end

-- CSV files with a youtube_id column, at the root or in annotations/.
local function lists(source)
  if source.annotations then return source.annotations end
  local out = {}
  for _, path in ipairs(source.files) do
    local near = not path:find '/' or path:find '^annotations?/[^/]+$'
    if near and path:match '%.csv$' then
      local header = csv.records(source.root .. '/' .. path)()
      if header and columns_of(header) then out[#out + 1] = source.root .. '/' .. path end
    end
  end
  if #out == 0 then
    c.raise_at(nil, 'NOT_FOUND', '%s: no CSV with a column youtube_id in it or in its '
      .. 'annotations/; --annotations names them', source.root)
  end
  return out
end

local function read_list(file, each)
  local records = csv.records(file)
  local header = records()
  local at = header and columns_of(header)
  if not at then c.raise_at(nil, 'INVALID', '%s: line 1: no column youtube_id', file) end
  local by_name = files.base(file):match 'train' or files.base(file):match 'val'
    or files.base(file):match 'test'
  if not at.split and not by_name then
    c.raise_at(nil, 'INVALID', '%s: line 1: no column split, and the name says none', file)
  end
  for fields, line in records do
    if #fields ~= #header then
      c.raise_at(nil, 'INVALID', '%s: line %d: %d columns, the header has %d', file, line, #fields,
        #header)
    end
    local id = fields[at.youtube_id]
    if #id ~= ID then
      c.raise_at(nil, 'INVALID', "%s: line %d: '%s' is no YouTube id of %d characters", file, line,
        id, ID)
    end
    each {
      id = id, from = fields[at.time_start or 0], to = fields[at.time_end or 0],
      label = fields[at.label or 0] or '', split = split.usual(fields[at.split or 0] or by_name),
      place = ('%s: line %d'):format(file, line),
    }
  end
end

-- Where nothing labelled can be tested on, the validation set is what everybody tests on.
local function settle(rows, unlabelled, options)
  local n = { train = 0, val = 0, test = 0 }
  for _, row in ipairs(rows) do n[row.split] = (n[row.split] or 0) + 1 end
  local notes = {}
  if n.test > 0 then
    notes[1] = 'splits as annotated'
  else
    for _, row in ipairs(rows) do
      if row.split == 'val' then row.split = 'test' end
    end
    split.hold_out(rows, options.val or 0.1, 'train', 'val')
    notes[1] = 'no test list with labels: test is the official validation set; '
      .. split.rule(options.val or 0.1, 'train', 'val', 'YouTube id')
  end
  if unlabelled > 0 then
    notes[2] = ('%d rows of the test list have no label and are not imported'):format(unlabelled)
  end
  return notes
end

function M.read(source, options)
  local rows, unlabelled = {}, 0
  local found = files.by_name(source.files, key_of_name)
  for _, file in ipairs(lists(source)) do
    read_list(file, function(row)
      row.label = source.class(row.label)
      if row.label == '' then
        unlabelled = unlabelled + 1
      elseif row.label then
        local paths = found[key(row.id, row.from, row.to)] or found[row.id]
        row.path = files.choose(paths, row.split)
        row.name = ('%s_%06d_%06d'):format(row.id, tonumber(row.from) or 0, tonumber(row.to) or 0)
        rows[#rows + 1] = row
      end
    end)
  end
  return rows, settle(rows, unlabelled, options)
end

return M
