-- import/report.lua - what came of an import: counts by split and class, in words and as a record.
local doc = require 'avcl.doc'
local term = require 'avcl.cli.term'

local M = {}

local SHORT = 16 -- frames of the paper's clip: fewer are padded by the last one

-- Counts of one split, one class, or all.
local counted = { 'listed', 'kept', 'missing', 'corrupt', 'no_audio', 'short', 'other' }
local titles = {
  listed = 'listed', kept = 'kept', missing = 'missing', corrupt = 'corrupt',
  no_audio = 'no audio', short = '< 16 frames', other = 'other',
}

local function zero()
  local t = {}
  for _, key in ipairs(counted) do t[key] = 0 end
  return t
end

local function add(t, row)
  local function count(key) t[key] = t[key] + 1 end
  local finding, why = row.finding, row.left_out
  local readable = finding and (finding.state == 'ok' or finding.state == 'repaired')
  count 'listed'
  if not why then count 'kept' end
  if why and why:find '^missing' then count 'missing'
  elseif why and why:find '^corrupt' then count 'corrupt'
  elseif why and not why:find '^no audio' and not why:find '^too short' then count 'other' end
  if readable and not finding.info.has_audio then count 'no_audio' end
  if readable and finding.info.n_frames < SHORT then count 'short' end
end

local function at(t, key, make)
  t[key] = t[key] or make()
  return t[key]
end

local usual_order = { train = 1, val = 2, test = 3, unlab = 4 }
local function split_order(a, b)
  local x, y = usual_order[a] or 5, usual_order[b] or 5
  if x ~= y then return x < y end
  return a < b
end

--- Counts rows; `about` says what was imported and how.
function M.make(rows, about)
  local r = { total = zero(), splits = {}, cells = {}, split_names = {} }
  for key, value in pairs(about) do r[key] = value end
  for _, row in ipairs(rows) do
    if not r.splits[row.split] then r.split_names[#r.split_names + 1] = row.split end
    add(r.total, row)
    add(at(r.splits, row.split, zero), row)
    add(at(at(r.cells, row.label, function() return {} end), row.split, zero), row)
  end
  table.sort(r.split_names, split_order)
  return r
end

-- ---- text -----------------------------------------------------------------------------------

local function class_rows(r)
  local rows = { { '', 'class', unpack(r.split_names) } }
  local names = { unpack(r.classes) }
  if r.cells[''] then names[#names + 1] = '' end
  for i, name in ipairs(names) do
    local row = { name == '' and '' or tostring(i - 1), name == '' and '(no label)' or name }
    for _, split in ipairs(r.split_names) do
      local cell = (r.cells[name] or {})[split]
      row[#row + 1] = not cell and '-' or cell.kept == cell.listed and tostring(cell.kept)
        or ('%d of %d'):format(cell.kept, cell.listed)
    end
    rows[#rows + 1] = row
  end
  return rows
end

local function split_rows(r)
  local head = { 'split' }
  for _, key in ipairs(counted) do head[#head + 1] = titles[key] end
  if r.paper then head[#head + 1] = 'paper' end
  local rows = { head }
  for _, split in ipairs(r.split_names) do
    local row = { split }
    for _, key in ipairs(counted) do row[#row + 1] = term.count(r.splits[split][key]) end
    if r.paper then row[#row + 1] = r.paper[split] and term.count(r.paper[split]) or '-' end
    rows[#rows + 1] = row
  end
  return rows
end

local function right_from(first, n)
  local right = {}
  for i = first, n do right[i] = true end
  return right
end

local function empty_classes(r)
  local out = {}
  for _, name in ipairs(r.classes) do
    local kept = 0
    for _, cell in pairs(r.cells[name] or {}) do kept = kept + cell.kept end
    if kept == 0 then out[#out + 1] = name end
  end
  return out
end

--- The report for people.
function M.text(r)
  local lines = {
    term.columns(class_rows(r), right_from(3, 2 + #r.split_names)), '',
    term.columns(split_rows(r), right_from(2, 9)), '',
  }
  for _, note in ipairs(r.notes) do lines[#lines + 1] = note end
  local empty = empty_classes(r)
  if #empty > 0 then
    lines[#lines + 1] = ('%d of %d classes have no clip: %s'):format(#empty, #r.classes,
      table.concat(empty, ', '))
  end
  if r.check == 'none' then lines[#lines + 1] = 'files were not looked into (--check none)' end
  lines[#lines + 1] = ('%s classes, %s clips; %s left out, why says %s'):format(#r.classes,
    term.count(r.total.kept), term.count(r.total.listed - r.total.kept), r.out .. '/left_out.csv')
  return table.concat(lines, '\n')
end

-- ---- records --------------------------------------------------------------------------------

local function counts(t)
  local list = {}
  for _, key in ipairs(counted) do list[#list + 1] = { key, t[key] } end
  return doc.map(list)
end

local function tree(r)
  local splits, names = {}, {}
  for i, split in ipairs(r.split_names) do splits[i] = { split, counts(r.splits[split]) } end
  for i, name in ipairs(r.classes) do
    local cells = { { 'name', name }, { 'index', i - 1 } }
    for _, split in ipairs(r.split_names) do
      local cell = (r.cells[name] or {})[split]
      if cell then cells[#cells + 1] = { split, counts(cell) } end
    end
    names[i] = doc.map(cells)
  end
  local paper = {}
  for _, split in ipairs { 'train', 'val', 'test' } do
    if r.paper then paper[#paper + 1] = { split, r.paper[split] } end
  end
  return doc.map {
    { 'schema', 'avcl.import/1' }, { 'layout', r.layout }, { 'source', r.where },
    { 'manifest', r.out .. '/manifest.csv' }, { 'check', r.check }, { 'rules', doc.list(r.notes) },
    { 'total', counts(r.total) }, { 'splits', doc.map(splits) },
    { 'paper', r.paper and doc.map(paper) or nil }, { 'classes', doc.list(names) },
  }
end

function M.yaml(r)
  return doc.yaml(tree(r))
end

function M.json(r)
  return doc.json(tree(r))
end

return M
