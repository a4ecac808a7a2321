-- import/csv.lua - a user's own list: a path a row, a label or class id, perhaps a split.
--
-- Paths are relative to the list. Labels are names, or ids that begin at 0 or 1. Without a split
-- column rows are divided by a stated rule; rows without a label are for pre-training.
local c = require 'avcl.ffi'
local csv = require 'avcl.csv'
local split = require 'avcl.import.split'
local suggest = require 'avcl.suggest'

local M = { summary = 'a list of your own: path, label or class id, split', is_list = true }

local aliases = {
  { 'path', { 'path', 'file', 'filename', 'file_name', 'filepath', 'file_path', 'video',
    'video_path', 'video_name', 'clip' } },
  { 'label', { 'label', 'class', 'class_name', 'category', 'action', 'label_name' } },
  { 'index', { 'label_id', 'class_id', 'label_index', 'class_index', 'class_idx', 'target' } },
  { 'split', { 'split', 'set', 'subset', 'partition' } },
}

local function refuse(place, fmt, ...)
  c.raise_at(nil, 'INVALID', '%s: ' .. fmt, place, ...)
end

-- Which field is what; nil without a path among them.
local function columns_of(header)
  local at, lower = {}, {}
  for i, name in ipairs(header) do lower[name:lower()] = lower[name:lower()] or i end
  for _, alias in ipairs(aliases) do
    for _, name in ipairs(alias[2]) do
      if lower[name] and not at[alias[1]] then at[alias[1]] = lower[name] end
    end
  end
  return at.path and at or nil
end

local function columns(file, first)
  local at = columns_of(first)
  if at then return at, true end
  if c.C.avcl_is_video_name(first[1]) ~= 0 and #first <= 3 then
    return { path = 1, label = first[2] and 2, split = first[3] and 3 }, false
  end
  refuse(file .. ': line 1', "no column 'path' (or file, filename, video): there are %s%s",
    table.concat(first, ', '), suggest.text(first[1], aliases[1][2]))
end

local function row_of(fields, at, place, line)
  if fields[at.path] == '' then refuse(place, 'the path is empty') end
  local function get(name)
    return at[name] and fields[at[name]] or ''
  end
  return { path = get 'path', label = get 'label', index = get 'index', split = get 'split',
    place = place, line = line }
end

local function read_rows(file)
  local rows, at, width = {}, nil, nil
  for fields, line in csv.records(file) do
    local place = ('%s: line %d'):format(file, line)
    local is_header = false
    if not at then
      at, is_header = columns(file, fields)
      width = #fields
    end
    if #fields ~= width then
      refuse(place, '%d columns, the first line has %d', #fields, width)
    end
    if not is_header then rows[#rows + 1] = row_of(fields, at, place, line) end
  end
  return rows, at
end

local function is_whole(text)
  return text:match '^%d+$' ~= nil
end

-- ---- ids ------------------------------------------------------------------------------------

-- Lowest and highest of a field, or nil when one of them is no whole number.
local function range_of(rows, key)
  local low, high
  for _, row in ipairs(rows) do
    if row[key] ~= '' then
      if not is_whole(row[key]) then return nil, nil, row end
      local n = tonumber(row[key])
      low, high = math.min(low or n, n), math.max(high or n, n)
    end
  end
  return low, high
end

local function first_id(options, low, high, n, file)
  if options.first_id then return options.first_id end
  if low == 0 then return 0 end
  if high == n then return 1 end
  refuse(file, 'ids run from %d to %d and there are %d class names; --first-id 0 or 1 says where '
    .. 'they begin', low, high, n)
end

-- Ids become names of the list of classes.
local function name_by_list(rows, list, options, file, low, high)
  local base = first_id(options, low, high, #list.names, file)
  for _, row in ipairs(rows) do
    local id = tonumber(row.label)
    if id then
      row.label = list.names[id - base + 1]
      if not row.label then
        refuse(row.place, 'class id %d, %s has %d classes and ids begin at %d', id, list.file,
          #list.names, base)
      end
    end
  end
  return { ('labels are ids of the %d classes of %s, beginning at %d'):format(#list.names,
    list.file, base) }, list.names
end

-- Without names the ids are the names, in the order of numbers.
local function name_by_number(rows, low, high)
  local seen, order = {}, {}
  for _, row in ipairs(rows) do
    local id = tonumber(row.label)
    if id then row.label = tostring(id) end
    if id and not seen[id] then
      seen[id] = true
      order[#order + 1] = id
    end
  end
  table.sort(order)
  for i, id in ipairs(order) do order[i] = tostring(id) end
  return { ('labels are whole numbers from %d to %d: they name the classes, and class %d is the '
    .. 'first'):format(low, high, low) }, order
end

-- A column of names and one of ids must say the same; the ids give the order.
local function order_by_index(rows)
  local id_of, name_of, order = {}, {}, {}
  for _, row in ipairs(rows) do
    if row.label ~= '' and row.index ~= '' then
      local id = tonumber(row.index)
      if not is_whole(row.index) then refuse(row.place, "class id '%s' is no number", row.index) end
      local known = name_of[id] or row
      if known.label ~= row.label or (id_of[row.label] or id) ~= id then
        local other = known.label ~= row.label and known or name_of[id_of[row.label]]
        refuse(row.place, "class id %d is '%s' here, %s in line %d", id, row.label,
          ("%s is '%s'"):format(other.index, other.label), other.line)
      end
      if not name_of[id] then order[#order + 1] = id end
      name_of[id], id_of[row.label] = known, id
    end
  end
  table.sort(order)
  local low = order[1]
  for i, id in ipairs(order) do order[i] = name_of[id].label end
  return { ('classes in the order of their ids, the first is %d'):format(low) }, order
end

local function check_names(rows, list)
  for _, row in ipairs(rows) do
    if row.label ~= '' and not list.of[row.label] then
      refuse(row.place, "unknown label '%s'%s; %s lists %d classes", row.label,
        suggest.text(row.label, list.names), list.file, #list.names)
    end
    row.label = list.of[row.label] or ''
  end
  return {}, list.names
end

-- Notes and the order of classes (nil: sorted bytewise).
local function settle_labels(rows, at, source, options, file)
  if at.index and not at.label then
    for _, row in ipairs(rows) do row.label = row.index end
    local _, _, bad = range_of(rows, 'label')
    if bad then refuse(bad.place, "class id '%s' is no number", bad.label) end
  end
  local low, high = range_of(rows, 'label')
  if low and source.list then return name_by_list(rows, source.list, options, file, low, high) end
  if low then return name_by_number(rows, low, high) end
  if source.list then return check_names(rows, source.list) end
  if at.index and at.label then return order_by_index(rows) end
  return {}
end

-- ---- splits ---------------------------------------------------------------------------------

local function settle_splits(rows, at, options, notes)
  local unlabelled = 0
  for _, row in ipairs(rows) do
    if row.split ~= '' then
      row.split = split.usual(row.split)
    elseif row.label == '' then
      row.split = 'unlab'
      unlabelled = unlabelled + 1
    else
      row.split = 'train'
    end
  end
  if unlabelled > 0 then
    notes[#notes + 1] = ('%d rows without a label are split unlab, for pre-training'):format(
      unlabelled)
  end
  local test, val = options.test, options.val
  if not at.split then test, val = test or 0.1, val or 0.1 end
  for _, part in ipairs { { 'test', test }, { 'val', val } } do
    if split.hold_out(rows, part[2] or 0, 'train', part[1]) > 0 then
      notes[#notes + 1] = split.rule(part[2], 'train', part[1], 'path')
    end
  end
  if at.split then table.insert(notes, 1, 'splits as listed') end
end

local function refuse_conflicts(rows)
  local seen = {}
  for _, row in ipairs(rows) do
    local first = seen[row.path]
    if first and first.label ~= '' and row.label ~= '' and first.label ~= row.label then
      refuse(row.place, "'%s' is '%s' here and '%s' in line %d", row.path, row.label, first.label,
        first.line)
    end
    seen[row.path] = first or row
  end
end

function M.read(source, options)
  local file = source.file
  local rows, at = read_rows(file)
  if #rows == 0 then c.raise_at(nil, 'INVALID', '%s: no rows', file) end
  local notes, order = settle_labels(rows, at, source, options, file)
  refuse_conflicts(rows)
  for _, row in ipairs(rows) do row.id, row.name = row.path, row.path end
  settle_splits(rows, at, options, notes)
  return rows, notes, order
end

return M
