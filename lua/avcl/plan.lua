-- plan.lua - rows x seeds -> stage runs; identical ones are one run (experiments.md 4.2).
--
-- A run's identity is the first 128 bits of SHA-256 over canonical JSON of config, graph, data,
-- parent and seed. Every run knows its parent, so running in order is enough.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local fields = require 'avcl.fields'
local methods = require 'avcl.methods'
local optim = require 'avcl.optim'
local overrides = require 'avcl.overrides'
local source = require 'avcl.source'
local stage = require 'avcl.stage'
local stores = require 'avcl.store'
local suggest = require 'avcl.suggest'
local transforms = require 'avcl.transforms'

local M = {}

M.ID_DIGITS = 32 -- 128 bits

-- A key that is off is as good as none: a run stays what it was when keys are added.
local function is_off(field, value)
  return field and field.off ~= nil and field.off == value
end

local function is_silent(key, value, optimiser)
  return optim.is_silent(key, value, optimiser) or is_off(fields.stage[key], value)
end

-- The configuration that a stage's numbers depend on: the knobs and the stage's own keys.
-- For a test, those of the stage it tests come in through the parent.
function M.semantic(experiment, name, values)
  local stages, out = {}, {}
  for _, s in ipairs(experiment.stages) do stages[s] = true end
  for path, value in pairs(values) do
    local top = path:match '^[^.]+'
    local own = top == name
    local augments = path:find('transforms.', 1, true) -- those that are on, below
    local idle = augments or methods.is_idle(path, values.method)
    if not experiment.schema.machine[path] and not idle and (own or not stages[top]) then
      local key = own and path:sub(#name + 2) or path
      local silent = own and is_silent(key, value, values[name .. '.optim.kind'])
        or not own and is_off(fields.knobs[path], value)
      if not silent then
        out[own and 'stage.' .. key or key] = type(value) == 'table'
          and doc.list { unpack(value) } or value
      end
    end
  end
  if stage.trains(experiment.kinds[name]) then
    for path, value in pairs(transforms.semantic(values, name)) do out[path] = value end
  end
  out.data = nil -- a name or a path: the data key says what lies there
  out['stage.from'] = nil -- the parent says it, by identity
  local init = out['stage.init'] -- what is in the file counts, not where it lies
  if init then out['stage.init'] = 'sha256:' .. stores.sha256_file(init) end
  -- What the classifier sees changes no pre-training; were a model to read it, the graph would.
  -- And the control changes the pairs of pre-training alone.
  if experiment.kinds[name] == 'pretext' then out.modalities = nil else out.control = nil end
  return out
end

--- Canonical text that a run is the hash of: JSON, keys sorted.
---@param canonical string? that of keys.config, from who hashes it with many seeds
function M.key_text(keys, canonical)
  local others = doc.json({
    data = keys.data, graph = keys.graph, parent = keys.parent or doc.null, seed = keys.seed,
  }, true)
  return ('{"config":%s,%s'):format(canonical or doc.json(keys.config, true), others:sub(2))
end

--- 32 hex digits.
function M.identity(keys, canonical)
  return c.sha256(M.key_text(keys, canonical)):sub(1, M.ID_DIGITS)
end

-- Stages that somebody looks at: tests and what they come from; all when nothing is tested.
local function needed(experiment, values)
  local want, any = {}, false
  local function mark(name)
    if want[name] then return end
    want[name] = true
    local from = values[name .. '.from']
    if from and from ~= 'none' then mark(from) end
  end
  for _, name in ipairs(experiment.stages) do
    if not stage.trains(experiment.kinds[name]) then
      any = true
      mark(name)
    end
  end
  if not any then
    for _, name in ipairs(experiment.stages) do want[name] = true end
  end
  return want
end

---@class avcl.Run
---@field id string        identity
---@field stage string
---@field kind string      pretext, supervised, test or evaluate
---@field label string     of the first row that needs it
---@field seed integer
---@field values table     flat
---@field parent avcl.Run?
---@field plugins table[]  whose code it executes: { id, version, sha256 }
---@field rows table[]     every { row, seed } that needs it

-- A split that the data set does not have is told now, not when the run comes to it.
local function check_splits(experiment, name, row, values, info)
  local keys = { '.split', '.val_split', '.fit_split' }
  if values[name .. '.monitor'] then
    keys = { '.split', '.val_split', '.monitor_split', '.monitor_fit' }
  end
  for _, key in ipairs(keys) do
    local split, found = values[name .. key], not info.splits
    for _, known in ipairs(info.splits or {}) do found = found or known == split end
    if split and split ~= 'none' and not found then
      local typed = row.origins and row.origins[name .. key] == 'command line'
      local place = typed and 'command line' or source.locate(experiment.place, key:sub(2))
      c.raise_at(place, 'INVALID', "%s%s: no split '%s' in data set '%s'%s", name, key, split,
        values.data, suggest.text(split, info.splits))
    end
  end
end

-- Whose code a run executes: the modules of its graph, ops with kernels of their own, its device,
-- what reads its data and what changes it.
local function plugins_of(g, device, data, changes)
  local modules = { g.host:find('device', device), data }
  for _, t in ipairs(changes) do modules[#modules + 1] = t.module end
  for _, module in ipairs(g.modules) do modules[#modules + 1] = module end
  for _, node in ipairs(g:nodes()) do
    local name = node.op:match '/([^/]+)$' -- of a plugin: ID/NAME
    if name then
      modules[#modules + 1] = { kind = 'avcl.op/1', name = name }
      for _, kernel in ipairs(g.host:kernels_of(node.op)) do modules[#modules + 1] = kernel end
    end
  end
  return g.host:owners(modules)
end

local function make_run(experiment, name, row, values, seed, parent, data)
  local info = data(values.data, values.cache_mib)
  check_splits(experiment, name, row, values, info)
  local built = stage.build(experiment, name, values, {
    n_classes = info.n_classes, n_samples = info.items,
  })
  local keys = {
    config = M.semantic(experiment, name, values), graph = built.graph:hash(), data = info.hash,
    parent = parent and parent.id, seed = seed,
  }
  local changes = experiment.kinds[name] ~= 'test' and transforms.of(values, name) or {}
  local plugins = plugins_of(built.graph, values.device, info.module, changes)
  built.graph:close()
  return {
    id = M.identity(keys), stage = name, kind = experiment.kinds[name], label = row.label,
    seed = seed, values = values, parent = parent, keys = keys, data = info, rows = {},
    plugins = plugins,
  }
end

-- Graphs and configurations do not depend on the seed: once a row and column, not once a run.
local function hash_once(cache, experiment, name, row, values, seed, parent, data)
  local key = table.concat({ row.label, row.with, name }, '\0')
  local known = cache[key]
  if not known then
    local run = make_run(experiment, name, row, values, seed, parent, data)
    cache[key] = { run = run, config = doc.json(run.keys.config, true) }
    return run
  end
  local first = known.run
  local keys = {
    config = first.keys.config, graph = first.keys.graph, data = first.keys.data,
    parent = parent and parent.id, seed = seed,
  }
  local run = { id = M.identity(keys, known.config), keys = keys, seed = seed, parent = parent,
    rows = {} }
  for _, field in ipairs { 'stage', 'kind', 'label', 'values', 'data', 'plugins' } do
    run[field] = first[field]
  end
  return run
end

local function wanted(label, only)
  return not only or label:find(only, 1, true) or label:find(only) ~= nil
end

-- The row under one layer of the command line.
local function label_of(row, layer)
  if layer.label == '' then return row.label end
  return row.label == 'base' and layer.label or row.label .. ', ' .. layer.label
end

-- Rows differ as written; what the command line sets over all of them may undo it.
local function refuse_twins(rows)
  local by_label, by_runs = {}, {}
  for _, row in ipairs(rows) do
    if by_label[row.label] then
      c.raise_at('command line', 'INVALID', "the sweep gives the row '%s' twice", row.label)
    end
    local ids = {}
    for _, variant in pairs(row.variants) do
      for _, seed in ipairs(row.seeds) do
        for name, run in pairs(variant.cells[seed]) do ids[#ids + 1] = name .. run.id end
      end
    end
    table.sort(ids)
    local runs = table.concat(ids)
    if by_runs[runs] then
      c.raise_at('command line', 'INVALID', "rows '%s' and '%s' become the same runs; --only picks "
        .. 'one', by_runs[runs], row.label)
    end
    by_label[row.label], by_runs[runs] = true, row.label
  end
end

---@class avcl.Plan
---@field runs avcl.Run[]  parents first; rows finish early
---@field rows avcl.PlannedRow[]
---@field seeds integer[]  of all rows

---@class avcl.PlannedRow  as a column has it that sets nothing; as the first, when all do
---@field label string
---@field seeds integer[]
---@field values table
---@field origins table<string, string>
---@field cells table<integer, table<string, avcl.Run>>  by seed and stage
---@field variants table<string, table>  by what columns set

-- The runs of one row and seed, by stage; new ones go to the plan.
local function runs_of(plan, state, row, seed)
  local made = {}
  for _, name in ipairs(state.experiment.stages) do
    if row.want[name] then
      local from = row.values[name .. '.from']
      local run = hash_once(state.cache, state.experiment, name, row, row.values, seed,
        from and from ~= 'none' and made[from] or nil, state.data)
      if state.by_id[run.id] then
        run = state.by_id[run.id]
      else
        state.by_id[run.id] = run
        plan.runs[#plan.runs + 1] = run
      end
      run.rows[#run.rows + 1] = { row = row.label, seed = seed }
      made[name] = run
    end
  end
  return made
end

-- What metric columns set over their rows, each once, nothing first: { text, values }.
local function column_points(experiment)
  local list, seen = {}, {}
  for _, column in ipairs(experiment.columns) do
    local text = column.metric and config.text_of(column.with or {})
    if text and not seen[text] then
      seen[text] = true
      table.insert(list, text == '' and 1 or #list + 1, { text = text, values = column.with or {} })
    end
  end
  return #list > 0 and list or { { text = '', values = {} } }
end

-- A row under one layer of the command line: the runs of every column and seed.
local function plan_row(plan, state, given, layer, seeds)
  local experiment = state.experiment
  local row = { label = label_of(given, layer), place = given.place, seeds = seeds, variants = {} }
  for _, point in ipairs(state.points) do
    local values = {}
    for _, part in ipairs { given.values, point.values } do
      for path, value in pairs(part) do values[path] = value end
    end
    local variant = { label = row.label, place = row.place, with = point.text, cells = {} }
    variant.values, variant.origins = experiment.schema:resolve(values, layer)
    variant.want = needed(experiment, variant.values)
    for _, seed in ipairs(seeds) do
      variant.cells[seed] = runs_of(plan, state, variant, seed)
    end
    row.variants[point.text] = variant
    for key, value in pairs(variant) do
      if row[key] == nil then row[key] = value end
    end
  end
  return row
end

--- A row as one column has it: values, origins, and runs (cells) by seed and stage.
function M.variant(row, column)
  return column.with and row.variants[config.text_of(column.with)] or row
end

local function all_seeds(rows)
  local list, seen = {}, {}
  for _, row in ipairs(rows) do
    for _, seed in ipairs(row.seeds) do
      if not seen[seed] then list[#list + 1] = seed end
      seen[seed] = true
    end
  end
  table.sort(list)
  return list
end

--- Runs in an order in which parents come first and rows finish early; cells by row and seed.
---@param options { overrides: string[]?, sweep: boolean?, seeds: integer[]?, only: string?,
---  data: fun(name): table }
---@return avcl.Plan
function M.resolve(experiment, options)
  local layers = overrides.layers(experiment.schema, options.overrides, options.sweep)
  local plan = { runs = {}, rows = {} }
  local state = { experiment = experiment, data = options.data, by_id = {}, cache = {},
    points = column_points(experiment) }
  for _, given in ipairs(experiment.rows) do
    for _, layer in ipairs(layers) do
      local label = label_of(given, layer)
      if wanted(label, options.only) or wanted(given.label, options.only) then
        local seeds = options.seeds or given.seeds or experiment.seeds
        plan.rows[#plan.rows + 1] = plan_row(plan, state, given, layer, seeds)
      end
    end
  end
  refuse_twins(plan.rows)
  plan.seeds = all_seeds(plan.rows)
  return plan
end

return M
