-- report/collect.lua - the cells of a study's table, computed from records and from nothing else.
local c = require 'avcl.ffi'
local compare = require 'avcl.report.compare'
local plans = require 'avcl.plan'
local significance = require 'avcl.significance'
local stale = require 'avcl.stale'

local M = {}

---@class avcl.Cell
---@field values table<integer, number>  by seed
---@field runs table<integer, string>    whose value it is, by seed
---@field mean number?
---@field std number?
---@field n integer
---@field n_seeds integer
---@field failed integer
---@field running integer
---@field stale integer     of the values: a plugin's file is another one now
---@field eta number?      seconds of work that is missing, when earlier runs tell
---@field best boolean?
---@field p number?        against the reference row, adjusted
---@field p_raw number?
---@field paper table?     { value, delta, verdict }

local function metric_of(result, name)
  local split, metric = name:match '^([^/]+)/(.+)$'
  local of = result.metrics and result.metrics[split]
  local value = of and of[metric]
  return type(value) == 'number' and value or nil
end

-- The rule that chose the checkpoint; a test names the one of the run it tested.
local function rule_of(result)
  local rule = result.select and result.select.rule
  return type(rule) == 'string' and rule or nil
end

local function note(notes, kind, text)
  notes[kind] = notes[kind] or text or true
end

local function note_data(notes, run)
  local p = run and run.provenance or {}
  for _, d in ipairs(p.data or {}) do
    if d.synthetic == true then note(notes, 'synthetic') end
  end
  if type(p.git) == 'table' and p.git.dirty == true then note(notes, 'dirty') end
end

-- Whether the number is of the very split that chose the checkpoint.
local function is_selected_on_test(run, rule, metric)
  if not rule or rule == 'last' then return false end
  local from = run.parent
  local chosen_on = from and from.values[from.stage .. '.val_split']
  local tested_on = run.values and run.values[run.stage .. '.split']
  return rule:find(' test/', 1, true) ~= nil
    or metric:find('^test/') ~= nil and chosen_on ~= nil and chosen_on == tested_on
end

local function note_selection(notes, run, result, column)
  local rule = rule_of(result)
  if column.select and rule ~= column.select then
    note(notes, 'select', ("'%s' was selected by '%s', not by '%s'"):format(column.title,
      rule or 'nothing', column.select))
  end
  if is_selected_on_test(run, rule, column.metric) then
    column.selected_on_test = true
    note(notes, 'selected_on_test', ("'%s': the checkpoint was chosen by '%s' on the split it is "
      .. 'tested on'):format(column.title, rule))
  end
end

local function note_stale(ctx, run, cell)
  local plugins = ctx.stale:of(run.id)
  if not plugins then return end
  cell.stale = cell.stale + 1
  note(ctx.notes, 'stale', table.concat(plugins, ', '))
end

-- ---- one cell ----------------------------------------------------------------------------

-- The value of one seed's stages, last stage first, or how its missing runs stand.
local function seed_value(ctx, made, column)
  local failed, running, missing = false, false, {}
  for i = #ctx.experiment.stages, 1, -1 do
    local run = made[ctx.experiment.stages[i]]
    local result = run and ctx.records:result(run.id)
    local value = result and metric_of(result, column.metric)
    if value then
      note_selection(ctx.notes, run, result, column)
      note_data(ctx.notes, ctx.records:run(run.id))
      return value, run
    end
    if run and not result then
      local state = ctx.records:state(run.id)
      failed, running = failed or state == 'failed', running or state == 'running'
      missing[#missing + 1] = run
    end
  end
  return nil, { failed = failed, running = running, missing = missing }
end

-- Plugins of a run, as one text: seeds of a cell should share it.
local function code_of(run)
  local parts = {}
  for _, p in ipairs(run and run.provenance and run.provenance.plugins or {}) do
    parts[#parts + 1] = p.sha256
  end
  return table.concat(parts)
end

local function note_code(ctx, row, cell)
  local first
  for _, id in pairs(cell.runs) do
    local code = code_of(ctx.records:run(id))
    if first and code ~= first then
      note(ctx.notes, 'mixed', ("seeds of '%s' were run with different plugins"):format(row.label))
    end
    first = first or code
  end
end

local function cell_of(ctx, row, column)
  local cell = { values = {}, runs = {}, n = 0, n_seeds = #row.seeds, failed = 0, running = 0,
    stale = 0, missing = {} }
  local list, runs = {}, plans.variant(row, column).cells
  for _, seed in ipairs(row.seeds) do
    local value, more = seed_value(ctx, runs[seed], column)
    if value then
      cell.values[seed], cell.runs[seed] = value, more.id
      list[#list + 1] = value
      note_stale(ctx, more, cell)
    else
      cell.failed = cell.failed + (more.failed and 1 or 0)
      cell.running = cell.running + (more.running and 1 or 0)
      for _, run in ipairs(more.missing) do cell.missing[run.id] = run end
    end
  end
  cell.n = #list
  if cell.n > 0 then cell.mean, cell.std = significance.mean_std(list) end
  note_code(ctx, row, cell)
  return cell
end

-- ---- what is missing, in seconds ------------------------------------------------------------

-- Mean wall time of finished runs, by stage.
local function pace(ctx, plan)
  local sum, n = {}, {}
  for _, run in ipairs(plan.runs) do
    local result = ctx.records:result(run.id)
    local wall = result and result.cost and result.cost.wall_s
    if type(wall) == 'number' then
      sum[run.stage], n[run.stage] = (sum[run.stage] or 0) + wall, (n[run.stage] or 0) + 1
    end
  end
  for stage, total in pairs(sum) do sum[stage] = total / n[stage] end
  return sum
end

local function eta_of(cell, by_stage)
  local total = 0
  for _, run in pairs(cell.missing) do
    if not by_stage[run.stage] then return nil end
    total = total + by_stage[run.stage]
  end
  return total
end

-- A table that lacks nothing has no run read for its pace.
local function forecast(ctx, plan, t)
  local by_stage
  for _, row in ipairs(t.rows) do
    for k, column in ipairs(t.columns) do
      local cell = row.cells[k]
      if column.metric and next(cell.missing) then
        by_stage = by_stage or pace(ctx, plan)
        cell.eta = eta_of(cell, by_stage)
      end
    end
  end
end

-- Finished runs of a plan and the time that they took.
local function cost_of(ctx, plan)
  local cost = { runs = 0, wall_s = 0 }
  for _, run in ipairs(plan.runs) do
    local result = ctx.records:result(run.id)
    local wall = result and result.cost and result.cost.wall_s
    if type(wall) == 'number' then
      cost.runs, cost.wall_s = cost.runs + 1, cost.wall_s + wall
    end
  end
  return cost
end

-- ---- the table ---------------------------------------------------------------------------------

local function is_better(column, a, b)
  if column.better == 'lower' then return a < b end
  return a > b
end

-- The best of the complete cells, when there is something to be better than.
local function mark_best(t, k)
  local column, best, n = t.columns[k], nil, 0
  if not column.metric then return end
  for _, row in ipairs(t.rows) do
    local cell = row.cells[k]
    if cell.n > 0 and cell.n == cell.n_seeds and cell.stale == 0 then
      n = n + 1
      if not best or is_better(column, cell.mean, best) then best = cell.mean end
    end
  end
  for _, row in ipairs(t.rows) do
    local cell = row.cells[k]
    local counts = cell.n == cell.n_seeds and cell.stale == 0
    cell.best = n > 1 and counts and cell.mean == best or nil
  end
end

--- A descriptor's text for a row: a key's value, or what a function says of the resolved row.
local function described(column, row)
  local value
  if type(column.of) == 'function' then
    value = column.of(setmetatable({}, { __index = function(_, key)
      local v = row.values[key]
      if v == nil then
        c.raise_at(column.place, 'INVALID', "column '%s': no key '%s' in a row", column.title,
          tostring(key))
      end
      return v
    end }))
  else
    value = row.values[column.of]
  end
  local text = require 'avcl.config'.value_text(value)
  return column.show and column.show[text] or text
end

---@class avcl.Table
---@field name string
---@field columns table[]  metrics and descriptors
---@field rows { label: string, cells: (avcl.Cell | { text: string })[] }[]
---@field notes table<string, string|true>
---@field seeds integer[]
---@field cost { runs: integer, wall_s: number }

--- Cells of a plan.
---@param options { paper: avcl.Paper?, is_part: boolean? }?  a part may lack rows of the paper
---@return avcl.Table
function M.collect(experiment, plan, records, options)
  if #experiment.columns == 0 then
    c.raise_at(experiment.place, 'INVALID', "the experiment has no columns: add columns = "
      .. "{ avcl.metric { 'title', metric = 'test/top1' } }")
  end
  local t = { name = experiment.name, columns = {}, rows = {}, notes = {}, seeds = plan.seeds,
    experiment = experiment, is_part = options and options.is_part }
  for k, column in ipairs(experiment.columns) do
    t.columns[k] = setmetatable({}, { __index = column }) -- ours to note things on
  end
  local ctx = { experiment = experiment, records = records, notes = t.notes,
    stale = stale.new(records) }
  for i, row in ipairs(plan.rows) do
    local cells = {}
    for k, column in ipairs(t.columns) do
      cells[k] = column.metric and cell_of(ctx, row, column) or { text = described(column, row) }
    end
    t.rows[i] = { label = row.label, seeds = row.seeds, cells = cells }
  end
  forecast(ctx, plan, t)
  t.cost = cost_of(ctx, plan)
  for k in ipairs(t.columns) do mark_best(t, k) end
  if options and options.paper then options.paper:judge(t) end
  compare.rows(t, experiment.baseline, records)
  return t
end

return M
