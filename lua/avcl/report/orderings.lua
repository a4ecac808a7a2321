-- report/orderings.lua - which of the paper's orderings of rows our numbers keep.
--
-- A table from other data says nothing of the paper's numbers, but it may of what is better than
-- what. Every two rows that the paper has numbers for are a claim; ours holds it or reverses it,
-- and is beyond noise when the paired test over items says so (no adjustment: a list to read).
local compare = require 'avcl.report.compare'

local M = {}

---@class avcl.Ordering
---@field better string   label of the row that the paper has above the other
---@field worse string
---@field paper number    by how much, > 0
---@field here number     ours of the same two: < 0 is the reverse
---@field p number?
---@field holds boolean
---@field clear boolean   p < LEVEL

-- Ours in the direction of the column: more is better.
local function gain(column, a, b)
  return column.better == 'lower' and b - a or a - b
end

local function ordering(column, records, a, b, k)
  local cell, other = a.cells[k], b.cells[k]
  local by = gain(column, cell.paper.value, other.paper.value)
  if by == 0 then return nil end
  if by < 0 then return ordering(column, records, b, a, k) end
  local here = gain(column, cell.mean, other.mean)
  local p = compare.p_value(records, cell, other)
  return { better = a.label, worse = b.label, paper = by, here = here, p = p, holds = here > 0,
    clear = here ~= 0 and p ~= nil and p < compare.LEVEL }
end

local function has_both(cell)
  return cell.paper and cell.n > 0 and cell.n == cell.n_seeds
end

--- All of column k of a table that `collect` gave, the largest gaps of the paper first.
---@return avcl.Ordering[]
function M.of(t, k, records)
  local list = {}
  for i, a in ipairs(t.rows) do
    for j = i + 1, #t.rows do
      local b = t.rows[j]
      if has_both(a.cells[k]) and has_both(b.cells[k]) then
        list[#list + 1] = ordering(t.columns[k], records, a, b, k)
      end
    end
  end
  table.sort(list, function(x, y)
    if x.paper ~= y.paper then return x.paper > y.paper end
    return x.better .. '\0' .. x.worse < y.better .. '\0' .. y.worse
  end)
  return list
end

local function verdict(o)
  local word = o.holds and 'holds' or o.here < 0 and 'reversed' or 'equal'
  return word .. (o.clear and '†' or '')
end

--- Counts: { n, holds, holds_clear, reversed, reversed_clear }.
function M.count(list)
  local out = { n = #list, holds = 0, holds_clear = 0, reversed = 0, reversed_clear = 0 }
  for _, o in ipairs(list) do
    local name = o.holds and 'holds' or 'reversed'
    out[name] = out[name] + 1
    if o.clear then out[name .. '_clear'] = out[name .. '_clear'] + 1 end
  end
  return out
end

--- Lines of text about a column, and rows of cells for `term.columns`.
function M.text(t, k, list)
  local n, column = M.count(list), t.columns[k]
  local head = ("%s, '%s'%s: of %d orderings in the paper %d hold (%d beyond noise), %d do not (%d "
    .. 'beyond noise)'):format(t.name, column.title, t.notes.synthetic and ' (synthetic)' or '',
    n.n, n.holds, n.holds_clear, n.reversed, n.reversed_clear)
  local rows = { { '', 'better in the paper', 'than', 'paper', 'here', 'p' } }
  local digits = '%+.' .. (column.digits or 1) .. 'f'
  for i, o in ipairs(list) do
    rows[i + 1] = { verdict(o), o.better, o.worse, digits:format(o.paper), digits:format(o.here),
      o.p and ('%.2g'):format(o.p) or '-' }
  end
  return head, rows
end

return M
