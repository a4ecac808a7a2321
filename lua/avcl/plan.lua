-- plan.lua - rows x seeds -> stage runs; identical ones are one run (experiments.md 4.2).
--
-- A run's identity is the first 128 bits of SHA-256 over canonical JSON of config, graph, data,
-- parent and seed. Every run knows its parent, so running in order is enough.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local stage = require 'avcl.stage'

local M = {}

M.ID_DIGITS = 32 -- 128 bits

-- The configuration that a stage's numbers depend on: the knobs and the stage's own keys.
-- For a test, those of the stage it tests come in through the parent.
function M.semantic(experiment, name, values)
  local stages, out = {}, {}
  for _, s in ipairs(experiment.stages) do stages[s] = true end
  for path, value in pairs(values) do
    local top = path:match '^[^.]+'
    local own = top == name
    if not experiment.schema.machine[path] and (own or not stages[top]) then
      local key = own and 'stage' .. path:sub(#name + 1) or path
      out[key] = type(value) == 'table' and doc.list(value) or value
    end
  end
  out.data = nil -- a name or a path: the data key says what lies there
  out['stage.from'] = nil -- the parent says it, by identity
  -- What the classifier sees changes no pre-training; were a model to read it, the graph would.
  -- And the control changes the pairs of pre-training alone.
  if experiment.kinds[name] == 'pretext' then out.modalities = nil else out.control = nil end
  return out
end

--- Canonical text that a run is the hash of.
function M.key_text(keys)
  return doc.json({
    config = keys.config, graph = keys.graph, data = keys.data, parent = keys.parent or doc.null,
    seed = keys.seed,
  }, true)
end

--- 32 hex digits.
function M.identity(keys)
  return c.sha256(M.key_text(keys)):sub(1, M.ID_DIGITS)
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
    if experiment.kinds[name] == 'test' then
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
---@field kind string      pretext, supervised or test
---@field label string     of the first row that needs it
---@field seed integer
---@field values table     flat
---@field parent avcl.Run?
---@field rows table[]     every { row, seed } that needs it

local function make_run(experiment, name, row, values, seed, parent, data)
  local info = data(values.data, values.cache_mib)
  local built = stage.build(experiment, name, values, { n_classes = info.n_classes })
  local keys = {
    config = M.semantic(experiment, name, values), graph = built.graph:hash(), data = info.hash,
    parent = parent and parent.id, seed = seed,
  }
  built.graph:close()
  return {
    id = M.identity(keys), stage = name, kind = experiment.kinds[name], label = row.label,
    seed = seed, values = values, parent = parent, keys = keys, data = info, rows = {},
  }
end

-- Graphs do not depend on the seed: build once a row, not once a run.
local function hash_once(cache, experiment, name, row, values, seed, parent, data)
  local key = row.label .. '\0' .. name
  local first = cache[key]
  if not first then
    first = make_run(experiment, name, row, values, seed, parent, data)
    cache[key] = first
    return first
  end
  local keys = {
    config = first.keys.config, graph = first.keys.graph, data = first.keys.data,
    parent = parent and parent.id, seed = seed,
  }
  local run = { id = M.identity(keys), keys = keys, seed = seed, parent = parent, rows = {} }
  for _, field in ipairs { 'stage', 'kind', 'label', 'values', 'data' } do
    run[field] = first[field]
  end
  return run
end

local function wanted(row, only)
  return not only or row.label:find(only, 1, true) or row.label:find(only) ~= nil
end

--- Runs in an order in which parents come first and rows finish early; cells by row and seed.
---@param options { overrides: string[]?, seeds: integer[]?, only: string?, data: fun(name): table }
---@return { runs: avcl.Run[], rows: table[], seeds: integer[] }
function M.resolve(experiment, options)
  local overrides = experiment.schema:overrides(options.overrides)
  local seeds = options.seeds or experiment.seeds
  local by_id, runs, rows, cache = {}, {}, {}, {}
  for _, row in ipairs(experiment.rows) do
    if wanted(row, options.only) then
      local values = experiment.schema:resolve(row.values, overrides)
      local want, cells = needed(experiment, values), {}
      for _, seed in ipairs(seeds) do
        local made = {}
        for _, name in ipairs(experiment.stages) do
          if want[name] then
            local from = values[name .. '.from']
            local run = hash_once(cache, experiment, name, row, values, seed,
              from and from ~= 'none' and made[from] or nil, options.data)
            if by_id[run.id] then
              run = by_id[run.id]
            else
              by_id[run.id] = run
              runs[#runs + 1] = run
            end
            run.rows[#run.rows + 1] = { row = row.label, seed = seed }
            made[name] = run
          end
        end
        cells[seed] = made
      end
      rows[#rows + 1] = { label = row.label, cells = cells, values = values }
    end
  end
  return { runs = runs, rows = rows, seeds = seeds }
end

return M
