-- cli/config.lua - `avcl config show` and `check`: what a script's keys come to, and who set them.
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local overrides = require 'avcl.overrides'
local results = require 'avcl.cli.results'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Show the keys of a row and who set each, or check a script without running it.',
  example = 'avcl config show quickstart --origin',
  examples = {
    { 'avcl config show quickstart tau=0.2 --origin', 'every key, its value and where it is from' },
    { "avcl config show quickstart --row 'RGB only' --keys finetune", 'a part, of one row' },
    { 'avcl config check quickstart', 'rows, stages and columns; exits 3 when something is wrong' },
  },
}

function M.setup(command)
  command:argument('action', 'show or check.'):choices { 'show', 'check' }:argname 'ACTION'
  command:argument('script', 'Experiment script, or its name.'):argname 'SCRIPT'
  command:argument('overrides', 'Keys to set.'):args '*':argname 'KEY=VALUE'
  command:flag('--origin', 'Say who set each key.')
  command:flag('--doc', 'Say what each key means.')
  command:option('--row', 'Label of the row; the first when not given.'):argname 'LABEL'
  command:option('--keys', 'Keys that begin with this.'):argname 'PREFIX'
  command:flag('--json', 'One JSON document.')
end

local function labels(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.label end
  return out
end

local function row_of(experiment, args)
  if not args.row then return experiment.rows[1] end
  return experiment.rows[results.pick(args.row, labels(experiment.rows), 'row')]
end

local function shown(value)
  if type(value) == 'string' then return value end
  if type(value) == 'table' then
    local parts = {}
    for i, item in ipairs(value) do parts[i] = config.value_text(item) end
    return '[' .. table.concat(parts, ',') .. ']'
  end
  return config.value_text(value)
end

local function print_json(row, keys, values, origins)
  local list = {}
  for i, path in ipairs(keys) do
    local value = values[path]
    if type(value) == 'table' then value = doc.list { unpack(value) } end
    list[i] = { path, doc.map { { 'value', value }, { 'origin', origins[path] } } }
  end
  print(doc.json(doc.map { { 'schema', 'avcl.config/1' }, { 'row', row.label },
    { 'keys', doc.map(list) } }))
end

local function show(experiment, args)
  local row = row_of(experiment, args)
  local layer = overrides.layer(experiment.schema, args.overrides)
  local values, origins = experiment.schema:resolve(row.values, layer)
  local keys, rows = {}, {}
  for _, path in ipairs(config.sorted_keys(values)) do
    if not args.keys or path:sub(1, #args.keys) == args.keys then keys[#keys + 1] = path end
  end
  if args.json then return print_json(row, keys, values, origins) end
  for i, path in ipairs(keys) do
    local line = { path, shown(values[path]) }
    if args.origin then line[#line + 1] = origins[path] end
    if args.doc then line[#line + 1] = experiment.schema.fields[path].doc or '' end
    rows[i] = line
  end
  print(term.columns(rows))
  if #experiment.rows > 1 and not args.row then
    term.say("row '%s'; --row picks another of %d", row.label, #experiment.rows)
  end
end

local function check(experiment, args)
  local layer = overrides.layer(experiment.schema, args.overrides)
  for _, row in ipairs(experiment.rows) do experiment.schema:resolve(row.values, layer) end
  print(('ok: %s, %d rows, %d columns, stages %s'):format(experiment.name, #experiment.rows,
    #experiment.columns, table.concat(experiment.stages, ', ')))
end

function M.run(args)
  local experiment = study.load(args.script)
  if args.action == 'check' then return check(experiment, args) end
  return show(experiment, args)
end

return M
