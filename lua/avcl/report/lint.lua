-- report/lint.lua - what makes a table say less than it seems to.
local config = require 'avcl.config'

local M = {}

local MIN_SEEDS = 3 -- with fewer, a deviation is hardly one

-- Keys in which two resolved rows differ, as far as results depend on them.
local function difference(schema, a, b)
  local keys = {}
  for _, path in ipairs(config.sorted_keys(a)) do
    local same = config.value_text(a[path]) == config.value_text(b[path])
    if not same and not schema.machine[path] then keys[#keys + 1] = path end
  end
  return keys
end

local function reference(plan, experiment)
  for _, row in ipairs(plan.rows) do
    if row.label == (experiment.baseline or 'base') then return row end
  end
  return plan.rows[1]
end

local function is_of_model(experiment, path)
  local top = path:match '^[^.]+'
  for _, stage in ipairs(experiment.stages) do
    if top == stage then return false end
  end
  local elsewhere = { rgb = true, mel = true, data = true, batch = true, modalities = true,
    control = true, preset = true, precision = true }
  return not elsewhere[top]
end

-- Every key belongs to the model, and no graph is another: the model does not read them.
local function is_unread(experiment, keys, a, b)
  for _, path in ipairs(keys) do
    if not is_of_model(experiment, path) then return false end
  end
  local seed = a.seeds[1]
  local cells, others = a.cells[seed], b.cells[seed]
  if not cells or not others then return false end
  for name, run in pairs(cells) do
    if not others[name] or others[name].keys.graph ~= run.keys.graph then return false end
  end
  return #keys > 0
end

local function lint_rows(plan, experiment, say, warn)
  local base = reference(plan, experiment)
  for _, row in ipairs(plan.rows) do
    if row ~= base then
      local keys = difference(experiment.schema, row.values, base.values)
      local names = table.concat(keys, ', ')
      if is_unread(experiment, keys, row, base) then
        warn("row '%s' differs from '%s' in %s, and the model reads none of it: the graphs are "
          .. 'equal', row.label, base.label, names)
      else
        say("row '%s' differs from '%s' in %d key%s: %s", row.label, base.label, #keys,
          #keys == 1 and '' or 's', names)
      end
    end
  end
end

local function lint_seeds(plan, warn)
  local most = 0
  for _, row in ipairs(plan.rows) do most = math.max(most, #row.seeds) end
  for _, row in ipairs(plan.rows) do
    if #row.seeds < most then
      warn("row '%s' has %d seeds, others have %d", row.label, #row.seeds, most)
    end
  end
  if most < MIN_SEEDS then
    warn('%d seed%s a row: a standard deviation needs %d or more', most, most == 1 and '' or 's',
      MIN_SEEDS)
  end
end

local function lint_cells(t, warn)
  for _, row in ipairs(t.rows) do
    for k, column in ipairs(t.columns) do
      local cell = row.cells[k]
      if column.metric and cell.n < cell.n_seeds then
        warn("'%s', '%s': %d of %d seeds are there", row.label, column.title, cell.n, cell.n_seeds)
      end
      if column.metric and cell.stale > 0 then
        warn("'%s', '%s': %d of its seeds are stale", row.label, column.title, cell.stale)
      end
    end
  end
  for _, kind in ipairs { 'select', 'selected_on_test', 'mixed' } do
    if t.notes[kind] then warn('%s', t.notes[kind]) end
  end
end

--- Sentences about a table, and whether one of them is a warning.
---@return string[], boolean
function M.table(t, plan, experiment)
  local lines, bad = {}, false
  local function say(fmt, ...) lines[#lines + 1] = fmt:format(...) end
  local function warn(fmt, ...)
    bad = true
    lines[#lines + 1] = 'warning: ' .. fmt:format(...)
  end
  lint_rows(plan, experiment, say, warn)
  lint_seeds(plan, warn)
  lint_cells(t, warn)
  return lines, bad
end

return M
