-- cli/export.lua - `avcl export`: the store's runs or epochs as one table for other programs.
local c = require 'avcl.ffi'
local csv = require 'avcl.csv'
local records = require 'avcl.records'
local runs = require 'avcl.runs'
local stores = require 'avcl.store'

local M = {
  summary = 'Write all runs as CSV or JSON lines: one row a run, config.* and metrics.* columns.',
  example = 'avcl export --format csv --out runs.csv',
  examples = {
    { 'avcl export --out runs.csv', "pandas: pd.read_csv('runs.csv')" },
    { "avcl export 'stage == \"test\"' --format jsonl", "pd.read_json('runs.jsonl', lines=True)" },
    { 'avcl export --epochs --out epochs.csv', 'long form: run, epoch, metric, value' },
  },
}

function M.setup(command)
  command:argument('filter', 'Only runs for which this holds, as in `avcl ls`.'):args '?'
    :argname 'FILTER'
  command:option('--format', 'csv, tsv or jsonl.'):choices { 'csv', 'tsv', 'jsonl' }
    :default 'csv'
  command:flag('--epochs', 'One row for every run, epoch and metric.')
  command:option('-o --out', 'File; standard output without it.'):argname 'FILE'
  command:option('--store', 'Where records are.'):default(os.getenv 'AVCL_STORE' or 'results')
    :argname 'DIR'
end

-- ---- columns ------------------------------------------------------------------------------------

local FIRST = { 'run', 'state', 'experiment', 'stage', 'kind', 'label', 'seed', 'parent' }
local GROUPS = { 'config', 'metrics', 'select', 'cost', 'keys' }

-- What identifies a run, then groups, then the rest; each in order.
local function ordered(view)
  local rank, list = {}, view:columns()
  for i, name in ipairs(FIRST) do rank[name] = i end
  local function of(name)
    if rank[name] then return rank[name] end
    for i, group in ipairs(GROUPS) do
      if name:sub(1, #group + 1) == group .. '.' then return 100 + i end
    end
    return 1000
  end
  table.sort(list, function(a, b)
    local ra, rb = of(a), of(b)
    return ra < rb or ra == rb and a < b
  end)
  return list
end

-- ---- lines ------------------------------------------------------------------------------------

local escapes = { ['"'] = '\\"', ['\\'] = '\\\\', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t' }

local function json_text(text)
  return '"' .. text:gsub('[%c"\\]', function(char)
    return escapes[char] or ('\\u%04x'):format(char:byte())
  end) .. '"'
end

-- JSON has no numbers that are not finite.
local function json_value(value)
  if type(value) == 'boolean' then return tostring(value) end
  if type(value) ~= 'number' then return json_text(tostring(value)) end
  return value - value == 0 and csv.scalar(value) or 'null'
end

local function json_line(names, values)
  local out = {}
  for i, name in ipairs(names) do
    if values[i] ~= nil then out[#out + 1] = json_text(name) .. ':' .. json_value(values[i]) end
  end
  return '{' .. table.concat(out, ',') .. '}\n'
end

local separators = { csv = ',', tsv = '\t' }

-- A function that writes one row, after the header where the format has one.
local function writer(file, format, names)
  if format == 'jsonl' then
    return function(values) file:write(json_line(names, values)) end
  end
  local separator = separators[format]
  file:write(csv.line(names, separator))
  return function(values)
    local texts = {}
    for i = 1, #names do texts[i] = csv.scalar(values[i]) end
    file:write(csv.line(texts, separator))
  end
end

-- ---- rows ---------------------------------------------------------------------------------------

local function sorted_rows(view, filter)
  local rows, id = view:select(filter), view:column 'run'
  table.sort(rows, function(a, b) return id(a) < id(b) end)
  return rows
end

local function export_runs(view, rows, file, format)
  local names, get = ordered(view), {}
  for i, name in ipairs(names) do get[i] = view:column(name) end
  local write = writer(file, format, names)
  for _, row in ipairs(rows) do
    local values = {}
    for i = 1, #names do values[i] = get[i](row) end
    write(values)
  end
end

local function export_epochs(view, rows, file, format, all)
  local keys = { 'run', 'experiment', 'stage', 'label', 'seed' }
  local write = writer(file, format, { 'run', 'experiment', 'stage', 'label', 'seed', 'epoch',
    'metric', 'value' })
  for _, row in ipairs(rows) do
    local first = {}
    for i, name in ipairs(keys) do first[i] = view:get(row, name) end
    for _, line in ipairs(all:epochs(first[1]) or {}) do
      local metrics = {}
      for name, value in pairs(line) do
        if type(value) == 'number' and name ~= 'epoch' then metrics[#metrics + 1] = name end
      end
      table.sort(metrics)
      for _, name in ipairs(metrics) do
        first[6], first[7], first[8] = line.epoch, name, line[name]
        write(first)
      end
    end
    all:forget(first[1])
  end
end

function M.run(args)
  local store = stores.open(args.store)
  local view = runs.open(args.store)
  local rows, file = sorted_rows(view, args.filter), io.stdout
  if args.out then
    local problem
    file, problem = io.open(args.out, 'w')
    if not file then c.raise_at(nil, 'IO', '%s', problem) end
  end
  if args.epochs then
    export_epochs(view, rows, file, args.format, records.new(store))
  else
    export_runs(view, rows, file, args.format)
  end
  if args.out and not file:close() then c.raise_at(nil, 'IO', 'cannot write %s', args.out) end
end

return M
