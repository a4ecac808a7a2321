-- experiment.lua - avcl.experiment { … }: a study as a checked value. Nothing runs here.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local fields = require 'avcl.fields'
local optim = require 'avcl.optim'
local rows = require 'avcl.rows'
local source = require 'avcl.source'
local spec = require 'avcl.spec'
local suggest = require 'avcl.suggest'
local transforms = require 'avcl.transforms'
local where = require 'avcl.where'

local M = {}

---@class avcl.Experiment
---@field name string
---@field model fun(g: avcl.Graph, p: table): table
---@field rows avcl.Row[]
---@field columns table[]
---@field seeds integer[]
---@field stages string[]  names, parents first
local Experiment = {}
Experiment.__index = Experiment

function M.is_experiment(value)
  return getmetatable(value) == Experiment
end

-- Checked here, where the line is known; defaults come later, below presets.
local function constructor(name, list)
  return function(t)
    spec.check(list, t or {}, 'avcl.' .. name, where.script())
    return t or {}
  end
end

--- What the model sees of video and sound, how it is trained, what classifies.
M.clip = constructor('clip', fields.clip)
M.mel = constructor('mel', fields.mel)
M.sgd, M.adamw, M.lars = optim.sgd, optim.adamw, optim.lars
M.head = constructor('head', fields.head)

-- What evaluation records; anything else of a split is logged by the model: too free to check.
local METRICS = { 'top1', 'top5', 'per_class', 'loss', 'n', 'n_failed' }

local function check_metric(name, place)
  local metric = name:match '^test/(.+)$'
  for _, known in ipairs(METRICS) do
    if not metric or metric == known then return end
  end
  c.raise_at(source.locate(place, 'metric'), 'INVALID', "no metric '%s' of a test%s", metric,
    suggest.text(metric, METRICS))
end

--- A column: avcl.metric { 'K32', metric = 'test/top1', select = 'max val/top1' }.
function M.metric(t)
  local place = where.script()
  if type(t) ~= 'table' or type(t[1]) ~= 'string' then
    c.raise_at(place, 'INVALID', "a metric is { 'title', metric = 'test/top1' }, title first")
  end
  local rest = {}
  for key, value in pairs(t) do
    if key ~= 1 then rest[key] = value end
  end
  local out = spec.check(fields.metric, rest, 'avcl.metric', place)
  if not out.metric:match '^[%w_]+/[%w_@]+$' then
    c.raise_at(source.locate(place, 'metric'), 'INVALID', "metric '%s' is not split/name, as "
      .. "'test/top1'", out.metric)
  end
  check_metric(out.metric, place)
  if out.bold == 'significant' and out.metric ~= 'test/top1' then
    c.raise_at(source.locate(place, 'bold'), 'INVALID', "bold = 'significant' is for test/top1, "
      .. "whose items are recorded, not for '%s'", out.metric)
  end
  out.title, out.place = t[1], place
  out.better = out.better or (out.metric:find('loss', 1, true) and 'lower' or 'higher')
  return out
end

--- A column that describes the row: avcl.describe { 'Layer', of = 'cgra_at' }.
function M.describe(t)
  local place = where.script()
  if type(t) ~= 'table' or type(t[1]) ~= 'string' then
    c.raise_at(place, 'INVALID', "describe takes { 'title', of = 'rgb.frames' }, title first")
  end
  local rest = {}
  for key, value in pairs(t) do
    if key ~= 1 then rest[key] = value end
  end
  local out = spec.check(fields.describe, rest, 'avcl.describe', place)
  if type(out.of) ~= 'string' and type(out.of) ~= 'function' then
    c.raise_at(source.locate(place, 'of'), 'INVALID', "'of' is a key or a function of the row")
  end
  out.title, out.place = t[1], place
  return out
end

-- ---- stages ------------------------------------------------------------------------------

--- pretext, supervised, test or evaluate, by what the stage has.
local function kind_of(stage)
  if stage.evaluate then return 'evaluate' end
  if stage.metrics or stage.clips then return 'test' end
  return stage.head and 'supervised' or 'pretext'
end

local function merged(a, b)
  local out = {}
  for k, v in pairs(a or {}) do out[k] = v end
  for k, v in pairs(b or {}) do out[k] = v end
  return out
end

local nested = { optim = true, head = true }

-- { flip = { p = 0.5 } } into the schema's given values, checked key by key.
local function give_transforms(schema, t, stage, place)
  local what = stage and ("transforms of stage '%s'"):format(stage) or 'transforms'
  local prefix = stage and stage .. '.transforms.' or 'transforms.'
  for name, params in pairs(t) do
    transforms.check_name(name, what, place)
    if type(params) ~= 'table' then
      c.raise_at(source.locate(place, name), 'INVALID', "'%s' in %s is %s, must be a table such "
        .. 'as { p = 0.5 }', name, what, tostring(params))
    end
    for key, value in pairs(params) do
      local path = prefix .. name .. '.' .. key
      schema:check(path, value, what, place)
      schema.given[path] = value
    end
  end
end

-- A list of names, each one of those known.
local function check_names(list, known, key, what, place)
  for _, name in ipairs(list or {}) do
    local found = false
    for _, k in ipairs(known) do found = found or k == name end
    if not found then
      c.raise_at(source.locate(place, key), 'INVALID', "'%s' in %s: no '%s'%s", key, what,
        tostring(name), suggest.text(tostring(name), known))
    end
  end
end

-- Puts a stage's keys into the schema; its defaults depend on what kind it is.
local function add_stage(schema, name, stage, place)
  local what = "stage '" .. name .. "'"
  local kind = kind_of(stage)
  local known, misplaced = {}, fields.not_in[kind]
  for key, field in pairs(fields.stage) do
    if not nested[key] and not misplaced[key] and key ~= 'transforms' then known[key] = field end
  end
  spec.check(fields.stage, stage, what, place)
  for key in pairs(stage) do
    if misplaced[key] then
      c.raise_at(source.locate(place, key), 'INVALID', "'%s' means nothing in %s, a %s stage", key,
        what, kind)
    end
  end
  check_names(stage.evaluate, fields.MEASURES, 'evaluate', what, place)
  check_names(stage.features, fields.FEATURES, 'features', what, place)
  check_names(stage.monitor, fields.MEASURES, 'monitor', what, place)
  schema:add(name, known)
  for key, value in pairs(fields.stage_defaults[kind]) do
    schema.values[name .. '.' .. key] = value
  end
  if kind == 'pretext' or kind == 'supervised' then
    optim.add_to(schema, name)
    transforms.add_to(schema, name)
  end
  if kind == 'supervised' then schema:add(name .. '.head', fields.head) end
  for key, value in pairs(stage) do
    if key == 'train_split' then key = 'split' end
    if key == 'transforms' then
      give_transforms(schema, value, name, place)
    elseif key == 'optim' then
      optim.give(schema, name, value, place)
    elseif nested[key] then
      spec.check(fields.head, value, ('%s of %s'):format(key, what), place)
      for k, v in pairs(value) do schema.given[name .. '.' .. key .. '.' .. k] = v end
    else
      schema.given[name .. '.' .. key] = value
    end
  end
  return kind
end

-- Stage names with parents before children.
local function ordered(stages, place)
  local order, state, path = {}, {}, {}
  local function visit(name, from)
    if not stages[name] then
      spec.unknown(name, config.sorted_keys(stages), "'from' of stage '" .. from .. "'", place)
    end
    if state[name] == 'open' then
      path[#path + 1] = name
      c.raise_at(source.locate(place, name), 'INVALID', "stage '%s' comes from itself: %s", name,
        table.concat(path, ' < '))
    elseif not state[name] then
      state[name], path[#path + 1] = 'open', name
      local parent = stages[name].from
      if parent and parent ~= 'none' then visit(parent, name) end
      state[name], path[#path] = 'done', nil
      order[#order + 1] = name
    end
  end
  for _, name in ipairs(config.sorted_keys(stages)) do visit(name, name) end
  return order
end

-- ---- the whole -----------------------------------------------------------------------------

local function add_inputs(schema, inputs, place)
  for name, t in pairs(inputs) do
    local list = name == 'rgb' and fields.clip or name == 'mel' and fields.mel
    if not list then spec.unknown(name, { 'rgb', 'mel' }, 'inputs', place) end
    spec.check(list, t, "input '" .. name .. "'", place)
    for k, v in pairs(t) do schema.given[name .. '.' .. k] = v end
  end
end

local function check_columns(self, place)
  local seen = {}
  for i, column in ipairs(self.columns) do
    if type(column) ~= 'table' or not (column.metric or column.of) then
      local at = source.locate(place, 'columns')
      c.raise_at(at, 'INVALID', 'column %d is no avcl.metric and no avcl.describe', i)
    end
    if column.with then
      column.with = self.schema:point(column.with, ("column '%s'"):format(column.title),
        column.place)
    end
    if type(column.of) == 'string' and not self.schema.fields[column.of] then
      self.schema:unknown(column.of, ("column '%s'"):format(column.title), column.place)
    end
    if seen[column.title] then
      c.raise_at(source.find(place, column.title) or place, 'INVALID',
        "columns %d and %d are both '%s'", seen[column.title], i, column.title)
    end
    seen[column.title] = i
  end
end

local function check_baseline(self, place)
  if not self.baseline then return end
  local labels = {}
  for i, row in ipairs(self.rows) do
    if row.label == self.baseline then return end
    labels[i] = row.label
  end
  c.raise_at(source.locate(place, 'baseline'), 'INVALID', "baseline: no row '%s'%s", self.baseline,
    suggest.text(self.baseline, labels))
end

--- A study; its keys are those of fields.experiment.
---@return avcl.Experiment
function M.new(t)
  local place = where.script()
  local given = spec.check(fields.experiment, t, 'avcl.experiment', place)
  local base = spec.check(fields.base, given.base, 'base', place)
  local schema = config.new()
  local self = setmetatable({
    name = given.name, model = given.model, schema = schema, columns = given.columns,
    paper = given.paper, baseline = given.baseline, place = place, kinds = {},
  }, Experiment)
  local stages = {}
  for name, stage in pairs(merged(base.stages, given.stages)) do
    stages[name] = merged(base.stages[name], given.stages[name] or stage)
    self.kinds[name] = add_stage(schema, name, stages[name], place)
  end
  self.stages = ordered(stages, place)
  add_inputs(schema, merged(base.inputs, given.inputs), place)
  give_transforms(schema, merged(base.transforms, given.transforms), nil, place)
  for _, defaults in ipairs { base.defaults, given.defaults } do
    for path, value in pairs(config.flatten(defaults)) do
      schema:define(path, value, place)
    end
  end
  self.seeds = rows.seeds(given.seeds, 'the experiment', place)
  check_columns(self, place)
  self.rows = rows.of(given.rows, schema, place)
  check_baseline(self, place)
  return self
end

return M
