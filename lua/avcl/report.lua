-- report.lua - a table of results, computed from records and from nothing else.
local c = require 'avcl.ffi'

local M = {}

--- Mean and sample standard deviation (n - 1; nil for one value).
function M.mean_std(values)
  local sum = 0
  for _, v in ipairs(values) do sum = sum + v end
  local mean = sum / #values
  if #values < 2 then return mean end
  local squares = 0
  for _, v in ipairs(values) do squares = squares + (v - mean) ^ 2 end
  return mean, math.sqrt(squares / (#values - 1))
end

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

local function note_provenance(notes, run)
  local p = run and run.provenance or {}
  for _, d in ipairs(p.data or {}) do
    if d.synthetic == true then notes.synthetic = true end
  end
  if p.git and p.git.dirty == true then notes.dirty = true end
end

-- The value of one seed's stages, last stage first; nil and whether its run failed.
local function seed_value(store, experiment, made, column, notes)
  local failed = false
  for i = #experiment.stages, 1, -1 do
    local run = made[experiment.stages[i]]
    local result = run and store:read(run.id, 'result.yaml')
    local value = result and metric_of(result, column.metric)
    if value then
      local rule = rule_of(result)
      if column.select and rule ~= column.select then
        notes.select = ("'%s' was selected by '%s', not by '%s'"):format(column.title,
          rule or 'nothing', column.select)
      end
      note_provenance(notes, store:read(run.id, 'run.yaml'))
      return value, run.id
    end
    if run and store:state(run.id) == 'failed' then failed = true end
  end
  return nil, failed
end

---@class avcl.Cell
---@field values table<integer, number> by seed
---@field mean number?
---@field std number?
---@field n integer
---@field n_seeds integer
---@field failed integer

local function cell_of(store, experiment, row, seeds, column, notes)
  local cell = { values = {}, runs = {}, n = 0, n_seeds = #seeds, failed = 0 }
  local list = {}
  for _, seed in ipairs(seeds) do
    local value, more = seed_value(store, experiment, row.cells[seed], column, notes)
    if value then
      cell.values[seed], cell.runs[seed] = value, more
      list[#list + 1] = value
    elseif more then
      cell.failed = cell.failed + 1
    end
  end
  cell.n = #list
  if cell.n > 0 then cell.mean, cell.std = M.mean_std(list) end
  return cell
end

--- Cells of a plan: { columns, rows = { { label, cells } }, notes, seeds }.
function M.collect(experiment, plan, store)
  if #experiment.columns == 0 then
    c.raise_at(experiment.place, 'INVALID', "the experiment has no columns: add columns = "
      .. "{ avcl.metric { 'title', metric = 'test/top1' } }")
  end
  local t = { columns = experiment.columns, rows = {}, notes = {}, seeds = plan.seeds }
  for i, row in ipairs(plan.rows) do
    local cells = {}
    for k, column in ipairs(experiment.columns) do
      cells[k] = cell_of(store, experiment, row, plan.seeds, column, t.notes)
    end
    t.rows[i] = { label = row.label, cells = cells }
  end
  return t
end

-- ---- text ----------------------------------------------------------------------------------

local function missing(cell)
  local text = ('%d/%d seeds'):format(cell.n, cell.n_seeds)
  if cell.failed > 0 then text = text .. (', %d failed'):format(cell.failed) end
  return text
end

local function cell_text(cell, ascii)
  if cell.n == 0 then return (ascii and '... ' or '… ') .. missing(cell) end
  local text = ('%.1f'):format(cell.mean)
  if cell.std then text = text .. (ascii and ' +- ' or ' ± ') .. ('%.1f'):format(cell.std) end
  text = ('%s (%d)'):format(text, cell.n)
  if cell.n < cell.n_seeds then text = text .. ' [' .. missing(cell) .. ']' end
  return text
end

local function markdown(rows)
  local lines = {}
  for i, row in ipairs(rows) do
    lines[#lines + 1] = '| ' .. table.concat(row, ' | ') .. ' |'
    if i == 1 then lines[2] = '|' .. ('---|'):rep(#row) end
  end
  return table.concat(lines, '\n')
end

local function header(t, with_seed)
  local row = { 'row' }
  if with_seed then row[2] = 'seed' end
  for _, column in ipairs(t.columns) do
    row[#row + 1] = column.title .. (t.notes.synthetic and ' (synthetic)' or '')
  end
  return row
end

local function notes_text(t)
  local lines = {}
  if t.notes.synthetic then
    lines[#lines + 1] = 'Synthetic data: not comparable with published numbers.'
  end
  if t.notes.dirty then lines[#lines + 1] = 'Dirty tree: some runs had uncommitted changes.' end
  if t.notes.select then lines[#lines + 1] = 'Selection: ' .. t.notes.select .. '.' end
  return #lines > 0 and '\n\n' .. table.concat(lines, '\n') or ''
end

--- Markdown: mean ± std (n), what is missing, and marks on synthetic data and dirty trees.
function M.markdown(t, options)
  local ascii = options and options.ascii
  local rows = { header(t) }
  for _, row in ipairs(t.rows) do
    local out = { row.label }
    for _, cell in ipairs(row.cells) do out[#out + 1] = cell_text(cell, ascii) end
    rows[#rows + 1] = out
  end
  return markdown(rows) .. notes_text(t)
end

--- One line for every row and seed.
function M.per_seed(t)
  local rows = { header(t, true) }
  for _, row in ipairs(t.rows) do
    for _, seed in ipairs(t.seeds) do
      local out = { row.label, tostring(seed) }
      for _, cell in ipairs(row.cells) do
        local value = cell.values[seed]
        out[#out + 1] = value and ('%.2f'):format(value) or '-'
      end
      rows[#rows + 1] = out
    end
  end
  return markdown(rows) .. notes_text(t)
end

return M
