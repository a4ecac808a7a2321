-- cli/why.lua - `avcl why TABLE ROW COLUMN`: the runs behind a cell.
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local plans = require 'avcl.plan'
local results = require 'avcl.cli.results'
local sheets = require 'avcl.report.sheet'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'
local why = require 'avcl.report.why'

local M = {
  summary = 'Say which runs are behind a cell of a table, how they were selected, by which code.',
  example = "avcl why quickstart 'RGB only' top-1",
  examples = {
    { "avcl why quickstart AVCL top-1", 'runs, seeds, epochs, rule, plugins, scripts' },
    { "avcl why table3 'no AMFM' K32 --json", 'the same for programs' },
  },
}

function M.setup(command)
  command:argument('script', 'Experiment script, or its name.'):argname 'TABLE'
  command:argument('row', 'Label of the row, or the part that only it has.'):argname 'ROW'
  command:argument('column', 'Title of the column; the only one when not given.'):args '?'
    :argname 'COLUMN'
  command:argument('overrides', 'Keys to set, as for the table.'):args '*':argname 'KEY=VALUE'
  command:flag('--json', 'One JSON document.')
  study.options(command)
end

local function print_json(t, row, column, list)
  local seeds = doc.list()
  for i, b in ipairs(list) do
    local chain, plugins, scripts = doc.list(), doc.list(), doc.list()
    for k, run in ipairs(b.chain) do
      chain[k] = doc.map { { 'stage', run.stage }, { 'run', run.id }, { 'graph', run.keys.graph },
        { 'data', run.keys.data } }
    end
    for k, p in ipairs(b.plugins) do plugins[k] = p end
    for k, s in ipairs(b.scripts) do scripts[k] = s end
    seeds[i] = doc.map { { 'seed', b.seed },
      { 'value', b.value and doc.float(b.value) or doc.null }, { 'state', b.state },
      { 'stale', b.stale and doc.list(b.stale) or nil },
      { 'epoch', b.epoch }, { 'rule', b.rule }, { 'git', b.git },
      { 'wall_s', b.wall_s and doc.float(b.wall_s) or nil }, { 'runs', chain },
      { 'plugins', plugins }, { 'scripts', scripts } }
  end
  print(doc.json(doc.map { { 'schema', 'avcl.why/1' }, { 'table', t.name }, { 'row', row },
    { 'column', column }, { 'seeds', seeds } }))
end

local function print_seeds(list)
  local rows = { { 'seed', 'value', 'state', 'epoch', 'rule', 'code', 'took', 'run' } }
  for _, b in ipairs(list) do
    local chain = {}
    for k, run in ipairs(b.chain) do chain[k] = run.stage .. ' ' .. run.id:sub(1, 8) end
    rows[#rows + 1] = { b.seed, b.value and config.number_text(b.value) or '-',
      b.stale and b.state .. ', stale' or b.state,
      b.epoch or '-', b.rule or '-', b.git or '-', b.wall_s and term.duration(b.wall_s) or '-',
      table.concat(chain, ' < ') }
  end
  print(term.columns(rows, { true, true, [4] = true }))
end

-- Hashes that all seeds share are said once; others say which seeds.
local function print_hashes(list, field, name)
  local order, seeds = {}, {}
  for _, b in ipairs(list) do
    for _, item in ipairs(b[field]) do
      local line = ('  %s  %s'):format(item.sha256:sub(1, 12), name(item))
      if not seeds[line] then order[#order + 1], seeds[line] = line, {} end
      table.insert(seeds[line], b.seed)
    end
  end
  if #order > 0 then print('\n' .. field) end
  for _, line in ipairs(order) do
    local some = #seeds[line] < #list
    print(line .. (some and ('  (seeds %s)'):format(table.concat(seeds[line], ', ')) or ''))
  end
end

local function print_row(r, row)
  local said = {}
  for _, path in ipairs(config.sorted_keys(row.values)) do
    if row.origins[path] == 'row' or row.origins[path] == 'command line' then
      said[#said + 1] = ('  %s = %s'):format(path, config.value_text(row.values[path]))
    end
  end
  print(('\nrow (%s)'):format(row.place or r.experiment.place))
  print(#said > 0 and table.concat(said, '\n') or '  the base')
end

function M.run(args)
  -- A column is optional: what looks like an override is one.
  if args.column and args.column:find('=', 1, true) then
    table.insert(args.overrides, 1, args.column)
    args.column = nil
  end
  local r = results.open(args, 'why')
  local t = results.table(r, args)
  local i, k = results.place(t, args)
  local list = why.cell(t, r.plan, r.records, i, k)
  local label, title = t.rows[i].label, t.columns[k].title
  if args.json then return print_json(t, label, title, list) end
  local text = sheets.text(sheets.cell(t.columns[k], t.rows[i].cells[k]))
  print(("%s, '%s', '%s': %s  (%s)\n"):format(t.name, label, title, text, t.columns[k].metric))
  print_seeds(list)
  for _, b in ipairs(list) do
    if b.stale then
      print(('\nseed %s is stale: computed by another file of %s'):format(b.seed,
        table.concat(b.stale, ', ')))
    end
  end
  print_row(r, plans.variant(r.plan.rows[i], t.columns[k]))
  print_hashes(list, 'plugins', function(p) return p.id .. ' ' .. p.version end)
  print_hashes(list, 'scripts', function(s) return s.path end)
end

return M
