-- cli/diff.lua - `avcl diff A B`: two runs, or two versions of a table, and what differs.
local at_store = require 'avcl.cli.at_store'
local differences = require 'avcl.differences'
local doc = require 'avcl.doc'
local tables = require 'avcl.cli.diff_tables'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Compare two runs, configuration to metrics, or two versions of a table.',
  example = 'avcl diff 3f9c2a71 77b0de41',
  examples = {
    { 'avcl diff 3f9c2a71 77b0de41', 'side by side, and the nodes that their graphs differ in' },
    { 'avcl diff table3@HEAD~10 table3', 'which cells moved since, and why: by their lock files' },
  },
}

function M.setup(command)
  command:argument('a', 'A run, by its first digits; or a table: NAME, NAME@COMMIT, a lock file.')
    :argname 'A'
  command:argument('b', 'Another.'):argname 'B'
  at_store.option(command)
  command:flag('--all', 'Also what is equal.')
  command:flag('--json', 'One document, schema avcl.diff/1.')
end

-- Sections in the order of what explains a difference best.
local sections = {
  { 'identity', { '^experiment$', '^stage$', '^seed$', '^parent$', '^data$', '^keys%.graph$',
    '^keys%.config$', '^keys%.data$' } },
  { 'config', { '^config%.' } },
  { 'code', { '^git$', '^dirty$', '^keys%.code$' } },
  { 'environment', { '^host$', '^threads$', '^isa$' } },
  { 'metrics', { '^metrics%.', '^select%.' }, always = true },
  { 'cost', { '^cost%.' }, always = true },
}

local function belongs(name, patterns)
  for _, pattern in ipairs(patterns) do
    if name:find(pattern) then return true end
  end
  return false
end

--- { { section, { { name, a, b }, … } }, … } of two rows.
local function compare(view, a, b, all)
  local out = {}
  for _, section in ipairs(sections) do
    local list = {}
    for _, name in ipairs(view:columns()) do
      if belongs(name, section[2]) then
        local x, y = view:get(a, name), view:get(b, name)
        local shown = (x ~= nil or y ~= nil) and (all or section.always or x ~= y)
        if shown then list[#list + 1] = { name, x, y } end
      end
    end
    out[#out + 1] = { section[1], list }
  end
  return out
end

local function delta(x, y)
  if type(x) ~= 'number' or type(y) ~= 'number' then return x ~= y and 'differs' or '' end
  return x == y and '=' or ('%+.6g'):format(y - x)
end

local function cell(value)
  local text = at_store.text(value)
  return text:match '^%x+$' and #text >= 32 and text:sub(1, 12) or text:sub(1, 40)
end

local MOST_NODES = 40

-- Nodes that the two graphs differ in; nil when they are one, or one was not kept.
local function graph_lines(store, view, a, b)
  local x, y = view:get(a, 'keys.graph'), view:get(b, 'keys.graph')
  if not x or not y or x == y then return nil end
  local was, now = store:blob(x), store:blob(y)
  return was and now and differences.of_graphs(was, now)
end

local function print_graphs(lines)
  if not lines then return end
  print(('\ngraph: %d nodes differ'):format(#lines))
  for i = 1, math.min(#lines, MOST_NODES) do print('  ' .. lines[i]) end
  if #lines > MOST_NODES then print(('  and %d more'):format(#lines - MOST_NODES)) end
end

local function print_text(view, a, b, found)
  local short = at_store.short { view:get(a, 'run'), view:get(b, 'run') }
  local rows = { { '', short[1], short[2], 'B - A' } }
  for _, section in ipairs(found) do
    if #section[2] > 0 then rows[#rows + 1] = { section[1] } end
    for _, line in ipairs(section[2]) do
      rows[#rows + 1] = { '  ' .. (line[1]:match '^%l+%.(.+)$' or line[1]),
        cell(line[2]), cell(line[3]), delta(line[2], line[3]) }
    end
  end
  print(term.columns(rows))
end

local function print_json(view, a, b, found, graph)
  local out = { { 'schema', 'avcl.diff/1' },
    { 'runs', doc.list { view:get(a, 'run'), view:get(b, 'run') } } }
  for i, section in ipairs(found) do
    local values = {}
    for k, line in ipairs(section[2]) do
      local x, y = line[2], line[3]
      values[k] = { line[1], doc.list { x == nil and doc.null or x, y == nil and doc.null or y } }
    end
    out[i + 2] = { section[1], doc.map(values) }
  end
  out[#out + 1] = { 'graph', graph and doc.list(graph) or doc.null }
  print(doc.json(doc.map(out)))
end

function M.run(args)
  if tables.is_one(args.a, args) or tables.is_one(args.b, args) then return tables.run(args) end
  local store, view = at_store.open(args)
  local a, b = view:find(args.a), view:find(args.b)
  local found, graph = compare(view, a, b, args.all), graph_lines(store, view, a, b)
  if args.json then return print_json(view, a, b, found, graph) end
  print_text(view, a, b, found)
  print_graphs(graph)
end

return M
