-- cli/ls.lua - `avcl ls`: runs that a filter lets through, a line each.
local at_store = require 'avcl.cli.at_store'
local doc = require 'avcl.doc'
local records = require 'avcl.records'
local stale = require 'avcl.stale'
local term = require 'avcl.cli.term'

local M = {
  summary = 'List runs; a filter is a Lua expression over columns.',
  example = [[avcl ls 'state == "done" and tau <= 0.1 and test.top1 > 50' --sort=-test.top1]],
}

function M.setup(command)
  command:argument('filter', 'As state == "failed"; missing values fit nothing.'):args '?'
    :argname 'FILTER'
  at_store.option(command)
  command:option('--columns', 'Columns to show, as run,state,tau,test.top1.'):argname 'LIST'
  command:option('--sort', 'Column to sort by; --sort=-COLUMN: largest first.'):argname 'COLUMN'
  command:option('--limit', 'At most so many.'):convert(tonumber):argname 'N'
  command:flag('-q --quiet', 'Whole ids only.')
  command:flag('--json', 'One document, schema avcl.ls/1.')
  command:flag('--list-columns', 'Name the columns there are.')
end

local usual = { 'run', 'state', 'stage', 'seed', 'label' }
local interesting = { 'metrics.test.top1', 'metrics.val.top1', 'metrics.val.loss' }

local function default_columns(view)
  local list = { unpack(usual) }
  for _, name in ipairs(interesting) do
    if view:has_column(name) then
      list[#list + 1] = name
      break
    end
  end
  list[#list + 1] = 'ended'
  return list
end

local function columns_of(view, text)
  if not text then return default_columns(view) end
  local list = {}
  for name in text:gmatch '[^,%s]+' do list[#list + 1] = view:resolve(name) end
  return list
end

-- Numbers before texts before nothing; equal ones by id, so that a listing never jumps.
local function rank(value)
  local kinds = { number = 1, boolean = 2, string = 3 }
  return kinds[type(value)] or 4
end

local function less(a, b)
  local ra, rb = rank(a), rank(b)
  if ra ~= rb then return ra < rb end
  if ra == 2 then return not a and b end
  if ra == 4 then return false end
  return a < b
end

local function sort(view, rows, key)
  local down = key:sub(1, 1) == '-'
  local get, id = view:column(view:resolve(down and key:sub(2) or key)), view:column 'run'
  table.sort(rows, function(x, y)
    local a, b = get(x), get(y)
    if a == b then return id(x) < id(y) end
    if down and rank(a) == rank(b) then return less(b, a) end
    return less(a, b)
  end)
end

local function is_stale(old, view, row)
  return view:get(row, 'state') == 'done' and old:of(view:get(row, 'run')) ~= nil
end

local function print_table(view, rows, names, old)
  local getters, ids, lines, right = {}, {}, { {} }, {}
  for k, name in ipairs(names) do
    getters[k] = view:column(name)
    lines[1][k] = name:match '^metrics%.(.+)$' or name
  end
  for i, row in ipairs(rows) do ids[i] = view:get(row, 'run') end
  local short = at_store.short(ids)
  for i, row in ipairs(rows) do
    local line = {}
    for k, get in ipairs(getters) do
      local value = get(row)
      if type(value) == 'number' then right[k] = true end
      line[k] = names[k] == 'run' and short[i] or at_store.text(value)
      if names[k] == 'state' and is_stale(old, view, row) then line[k] = line[k] .. ', stale' end
    end
    lines[i + 1] = line
  end
  print(term.columns(lines, right))
end

local function print_json(view, rows, names, old)
  local list = doc.list()
  for i, row in ipairs(rows) do
    local values = {}
    for k, name in ipairs(names) do
      local value = view:get(row, name)
      values[k] = { name, value == nil and doc.null or value }
    end
    if is_stale(old, view, row) then values[#values + 1] = { 'stale', true } end
    list[i] = doc.map(values)
  end
  print(doc.json(doc.map { { 'schema', 'avcl.ls/1' }, { 'runs', list } }))
end

function M.run(args)
  local store, view = at_store.open(args)
  local old = stale.new(records.new(store))
  if args.list_columns then
    print(table.concat(view:columns(), '\n'))
    return
  end
  local rows = view:select(args.filter)
  sort(view, rows, args.sort or 'run')
  for i = #rows, (args.limit or #rows) + 1, -1 do rows[i] = nil end
  if args.quiet then
    for _, row in ipairs(rows) do print(view:get(row, 'run')) end
  elseif args.json then
    print_json(view, rows, columns_of(view, args.columns), old)
  else
    print_table(view, rows, columns_of(view, args.columns), old)
  end
end

return M
