-- cli/plot.lua - `avcl plot`: curves of a study's rows or of single runs.
local c = require 'avcl.ffi'
local curves = require 'avcl.plot.curves'
local figure = require 'avcl.plot.figure'
local records = require 'avcl.records'
local results = require 'avcl.cli.results'
local runs = require 'avcl.runs'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local stages = require 'avcl.stage'
local suggest = require 'avcl.suggest'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Draw curves: a band over the seeds of each row, or single runs.',
  example = 'avcl plot quickstart --metric val/loss --out loss.svg',
  examples = {
    { 'avcl plot quickstart', 'in the terminal' },
    { 'avcl plot quickstart --metric val/loss --log --out loss.svg', 'or .png: by the name' },
    { 'avcl plot 3f9c2a71 5b1e0042 --metric train/loss', 'any runs, by the start of their ids' },
  },
}

local SPARK = 48 -- columns

function M.setup(command)
  command:argument('what', 'Script, its name, or run ids; then KEY=VALUE as for its table.')
    :args '+':argname 'WHAT'
  command:option('--metric', 'What the runs recorded every epoch; val/top1 or a loss by default.')
    :argname 'NAME'
  command:option('--stage', 'Stage of the script; the last that is trained by default.')
    :argname 'NAME'
  command:option('-o --out', 'FILE.svg or FILE.png; lines of text without it.'):argname 'FILE'
  command:flag('--log', 'Logarithmic axis.')
  study.options(command)
end

-- ---- which runs -----------------------------------------------------------------------------

local function is_id(text)
  return #text >= 4 and text:match '^%x+$' and not c.realpath('experiments/' .. text .. '.lua')
end

-- Every named run is a curve of its own.
local function single_runs(args)
  local store = stores.open(args.store)
  local view, groups = runs.open(args.store), {}
  for i, text in ipairs(args.what) do
    local row = view:find(text)
    local id = view:get(row, 'run')
    local label = ('%s %s seed %s'):format(view:get(row, 'stage') or id:sub(1, 8),
      view:get(row, 'label') or '', tostring(view:get(row, 'seed') or '?'))
    groups[i] = { label = label, ids = { id } }
  end
  return groups, records.new(store), 'runs'
end

local function stage_of(args, experiment)
  local trained = {}
  for _, name in ipairs(experiment.stages) do
    if stages.trains(experiment.kinds[name]) then trained[#trained + 1] = name end
  end
  if not args.stage then return trained[#trained] end
  for _, name in ipairs(trained) do
    if name == args.stage then return name end
  end
  c.raise_at('command line', 'NOT_FOUND', "no trained stage '%s'%s", args.stage,
    suggest.text(args.stage, trained))
end

-- Rows that share all runs of a stage are one curve: they were trained once.
local function rows_of(args)
  args.script, args.overrides = args.what[1], { unpack(args.what, 2) }
  local r = results.open(args, 'plot')
  local name, groups, seen = stage_of(args, r.experiment), {}, {}
  for _, row in ipairs(r.plan.rows) do
    local ids = {}
    for _, seed in ipairs(row.seeds) do
      local run = row.cells[seed][name]
      ids[#ids + 1] = run and run.id
    end
    local key = table.concat(ids, ' ')
    if seen[key] then
      seen[key].label = seen[key].label .. ', ' .. row.label
    elseif #ids > 0 then
      seen[key] = { label = row.label, ids = ids }
      groups[#groups + 1] = seen[key]
    end
  end
  return groups, r.records, r.experiment.name .. ', ' .. name
end

-- ---- what of them ----------------------------------------------------------------------------

local function metric_of(args, all, groups)
  local ids = {}
  for _, group in ipairs(groups) do
    for _, id in ipairs(group.ids) do ids[#ids + 1] = id end
  end
  local known = curves.metrics(all, ids)
  local has = {}
  for _, name in ipairs(known) do has[name] = true end
  if #known == 0 then
    c.raise_at(nil, 'NOT_FOUND', 'none of these runs has finished an epoch in %s', args.store)
  end
  if args.metric and not has[args.metric] then
    c.raise_at('command line', 'NOT_FOUND', "no metric '%s'%s", args.metric,
      suggest.text(args.metric, known))
  end
  return args.metric or has['val/top1'] and 'val/top1' or has['val/loss'] and 'val/loss'
    or has['train/loss'] and 'train/loss' or known[1]
end

local function print_sparks(series, metric)
  local rows = { { metric, '', 'first', 'last', 'min', 'max' } }
  for _, s in ipairs(series) do
    local low, high = math.huge, -math.huge
    for _, v in ipairs(s.mean) do low, high = math.min(low, v), math.max(high, v) end
    local function short(v) return ('%.4g'):format(v or 0 / 0) end
    rows[#rows + 1] = { s.label, curves.spark(s.mean, SPARK, not term.is_utf8()), short(s.mean[1]),
      short(s.mean[#s.mean]), short(low), short(high) }
  end
  print(term.columns(rows, { [3] = true, [4] = true, [5] = true, [6] = true }))
end

local function save(series, o, file)
  local kind = file:match '%.(%a+)$'
  if kind ~= 'svg' and kind ~= 'png' then
    c.raise_at('command line', 'INVALID', "--out '%s' is neither FILE.svg nor FILE.png", file)
  end
  local canvas = require('avcl.plot.' .. kind).new(figure.WIDTH, figure.HEIGHT)
  figure.draw(canvas, series, o)
  if kind == 'png' then
    canvas:save(file)
  else
    local text = canvas:finish()
    c.call('avcl_file_publish', file, text, #text, 1)
  end
  term.say('%s', file)
end

local function is_synthetic(all, groups)
  for _, group in ipairs(groups) do
    for _, id in ipairs(group.ids) do
      local run = all:run(id)
      for _, d in ipairs(run and run.provenance and run.provenance.data or {}) do
        if d.synthetic == true then return true end
      end
    end
  end
end

function M.run(args)
  local groups, all, title
  if is_id(args.what[1]) then
    groups, all, title = single_runs(args)
  else
    groups, all, title = rows_of(args)
  end
  local metric, series = metric_of(args, all, groups), {}
  for _, group in ipairs(groups) do
    series[#series + 1] = curves.series(all, group.label, group.ids, metric)
  end
  if not args.out then return print_sparks(series, metric) end
  local seeds = 1
  for _, s in ipairs(series) do seeds = math.max(seeds, s.n) end
  local notes = {}
  if seeds > 1 then notes[1] = 'mean ± standard deviation over seeds' end
  if is_synthetic(all, groups) then notes[#notes + 1] = 'synthetic data' end
  save(series, { title = title, x_label = 'epoch', y_label = metric, log = args.log,
    note = table.concat(notes, '; ') }, args.out)
end

return M
