-- report/compare.lua - is a row different from the reference, by the very items it was tested on?
--
-- One common seed: McNemar's exact test. More: a paired bootstrap over items of the difference
-- of means over seeds. Holm's adjustment over the rows of a column.
local significance = require 'avcl.significance'

local M = {}

M.LEVEL = 0.05

local BITS = {} -- of every byte, the lowest first
for byte = 0, 255 do
  local list = {}
  for i = 0, 7 do list[i] = math.floor(byte / 2 ^ i) % 2 end
  BITS[byte] = list
end

-- Adds sign * (right or wrong) of every item.
local function add(sums, bits, n, sign)
  for item = 0, n - 1 do
    local right = BITS[bits:byte(math.floor(item / 8) + 1)][item % 8]
    sums[item] = (sums[item] or 0) + sign * right
  end
end

local function data_of(records, id)
  local run = records:run(id)
  return run and run.keys and run.keys.data
end

-- Differences of two cells over items, summed over the seeds that both have: counts, seeds.
local function differences(records, cell, other)
  local sums, n_items, k = {}, nil, 0
  for seed, id in pairs(cell.runs) do
    local against = other.runs[seed]
    local a, n = records:items(id)
    local b, m = nil, 0
    if against then b, m = records:items(against) end
    if a and b and n == m and n > 0 and data_of(records, id) == data_of(records, against) then
      n_items = n_items or n
      if n ~= n_items then return nil end
      add(sums, a, n, 1)
      add(sums, b, n, -1)
      k = k + 1
    end
  end
  if k == 0 then return nil end
  local counts = {}
  for item = 0, n_items - 1 do counts[sums[item]] = (counts[sums[item]] or 0) + 1 end
  return counts, k, n_items
end

--- p of two cells, the test's name and the number of items; nil when they share none.
function M.p_value(records, cell, other)
  local counts, k, n = differences(records, cell, other)
  if not counts then return nil end
  if k == 1 then return significance.mcnemar(counts[1] or 0, counts[-1] or 0), 'McNemar', n end
  return significance.bootstrap(counts, k), 'bootstrap', n
end

-- The row that others are compared with: the named one, else the best.
local function reference(t, k, baseline)
  for _, row in ipairs(t.rows) do
    if baseline and row.label == baseline then return row end
  end
  if baseline then return nil end
  for _, row in ipairs(t.rows) do
    if row.cells[k].best then return row end
  end
end

local function column(t, k, baseline, records)
  local with = reference(t, k, baseline)
  if not with then return end
  local cells, list, tests, n_items = {}, {}, {}, nil
  for _, row in ipairs(t.rows) do
    local cell = row.cells[k]
    if row ~= with then
      local p, test, n = M.p_value(records, cell, with.cells[k])
      if p then
        cells[#cells + 1], list[#list + 1] = cell, p
        tests[test], n_items = true, n
      end
    end
  end
  for i, p in ipairs(significance.holm(list)) do cells[i].p_raw, cells[i].p = list[i], p end
  if #cells == 0 then return end
  t.columns[k].reference, t.columns[k].n_items = with.label, n_items
  t.columns[k].test = tests.bootstrap and 'paired bootstrap over test items'
    or "McNemar's exact test"
end

-- A best that is within noise of another row, or that nobody can compare, is none.
local function forget_unsure(t, k, records)
  local best, list = reference(t, k), {}
  for _, row in ipairs(best and t.rows or {}) do
    local cell = row.cells[k]
    if row ~= best then
      list[#list + 1] = cell.n > 0 and M.p_value(records, cell, best.cells[k]) or 1
    end
  end
  local sure = #list > 0
  for _, p in ipairs(significance.holm(list)) do sure = sure and p < M.LEVEL end
  for _, row in ipairs(t.rows) do row.cells[k].best = sure and row.cells[k].best or nil end
end

--- Puts p and p_raw into the cells of a table.
function M.rows(t, baseline, records)
  for k, of in ipairs(t.columns) do
    -- Items say right or wrong: they are about accuracy on the test split.
    if of.metric == 'test/top1' then column(t, k, baseline, records) end
    if of.bold == 'significant' then forget_unsure(t, k, records) end
  end
end

return M
