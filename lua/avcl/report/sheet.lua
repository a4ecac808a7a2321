-- report/sheet.lua - a table as texts in cells: what every format says, each in its own way.
local compare = require 'avcl.report.compare'
local config = require 'avcl.config'
local term = require 'avcl.cli.term'

local M = {}

---@class avcl.SheetCell
---@field kind string   'label', 'text', 'metric' or 'paper'
---@field text string?  of a label, a descriptor, a paper's value
---@field mean string?  '61.0'
---@field std string?   '1.4'
---@field n integer?
---@field best boolean?
---@field mark string?  '†': significant
---@field missing string?  '2/3 seeds, ~3h00', '2 stale'

---@class avcl.Sheet
---@field name string
---@field head { kind: string, text: string }[]
---@field rows avcl.SheetCell[][]
---@field notes string[]

local function missing_text(cell)
  local old = cell.stale > 0 and ('%d stale'):format(cell.stale) or nil
  if cell.n == cell.n_seeds then return old end
  local text = ('%d/%d seeds'):format(cell.n, cell.n_seeds)
  if cell.running > 0 then text = ('%s, %d running'):format(text, cell.running) end
  if cell.failed > 0 then text = ('%s, %d failed'):format(text, cell.failed) end
  if cell.eta then text = ('%s, ~%s'):format(text, term.duration(cell.eta)) end
  return old and ('%s, %s'):format(text, old) or text
end

local function number(column, x)
  return ('%.' .. (column.digits or 1) .. 'f'):format(x)
end

--- The texts of one metric cell.
---@return avcl.SheetCell
function M.cell(column, cell)
  local out = { kind = 'metric', n = cell.n, best = cell.best, missing = missing_text(cell) }
  if cell.n > 0 then out.mean = number(column, cell.mean) end
  if cell.std then out.std = number(column, cell.std) end
  if cell.p and cell.p < compare.LEVEL then out.mark = '†' end
  return out
end

local function paper_cell(column, cell)
  local paper = cell.paper
  if not paper then return { kind = 'paper', text = '' } end
  local text = number(column, paper.value)
  if paper.delta then
    text = ('%s, Δ %+.' .. (column.digits or 1) .. 'f %s'):format(text, paper.delta, paper.verdict)
  end
  return { kind = 'paper', text = text, verdict = paper.verdict }
end

local function title_of(t, column)
  local text = column.title
  if t.notes.synthetic then text = text .. ' (synthetic)' end
  if column.selected_on_test then text = text .. ' ⚠' end
  return text
end

-- ---- notes -----------------------------------------------------------------------------------

-- Keys that the paper does not state: the first suspects of a number that is off.
local function assumptions(schema)
  local list = {}
  for _, path in ipairs(config.sorted_keys(schema.fields)) do
    local text = schema.fields[path].doc
    if text and text:find('[assumed]', 1, true) then list[#list + 1] = path end
  end
  return table.concat(list, ', ')
end

local function test_note(t)
  for _, column in ipairs(t.columns) do
    if column.reference then
      return ("† differs from '%s': %s (%d), Holm-adjusted p < %g."):format(column.reference,
        column.test, column.n_items, compare.LEVEL)
    end
  end
end

local function has_mark(t)
  for _, row in ipairs(t.rows) do
    for _, cell in ipairs(row.cells) do
      if cell.p and cell.p < compare.LEVEL then return true end
    end
  end
end

local function notes_of(t)
  local notes, out = t.notes, {}
  local function add(text) out[#out + 1] = text end
  if notes.synthetic then add 'Synthetic data: not comparable with published numbers.' end
  if notes.dirty then add 'Dirty tree: some runs had uncommitted changes.' end
  if notes.stale then
    add(('Stale: computed by another file of %s; --rerun=code runs it again.'):format(notes.stale))
  end
  if notes.mixed then add('Mixed code: ' .. notes.mixed .. '.') end
  if notes.select then add('Selection: ' .. notes.select .. '.') end
  if notes.selected_on_test then add('⚠ ' .. notes.selected_on_test .. '.') end
  if notes.overrides then add('Overrides: ' .. notes.overrides .. '.') end
  if t.paper then add('Paper: ' .. t.paper.source .. '.') end
  if notes.off then
    add('off: first look at what the paper does not state: '
      .. assumptions(t.experiment.schema) .. '.')
  end
  if has_mark(t) then add(test_note(t)) end
  if t.cost.runs > 0 then
    add(('Behind it: %d run%s.'):format(t.cost.runs, t.cost.runs == 1 and '' or 's'))
  end
  return out
end

-- ---- the sheet ---------------------------------------------------------------------------------

--- Rows and columns as texts.
---@param t avcl.Table
---@return avcl.Sheet
function M.of(t)
  local sheet = { name = t.name, head = { { kind = 'label', text = 'row' } }, rows = {},
    notes = notes_of(t) }
  for _, column in ipairs(t.columns) do
    local kind = column.metric and 'metric' or 'text'
    sheet.head[#sheet.head + 1] = { kind = kind,
      text = column.metric and title_of(t, column) or column.title }
    if column.has_paper then sheet.head[#sheet.head + 1] = { kind = 'paper', text = 'paper' } end
  end
  for i, row in ipairs(t.rows) do
    local out = { { kind = 'label', text = row.label } }
    for k, column in ipairs(t.columns) do
      local cell = row.cells[k]
      out[#out + 1] = column.metric and M.cell(column, cell)
        or { kind = 'text', text = cell.text }
      if column.has_paper then out[#out + 1] = paper_cell(column, cell) end
    end
    sheet.rows[i] = out
  end
  return sheet
end

--- A metric as plain text: "61.0 ± 1.4 (2)", "… 0/3 seeds, ~3h00".
function M.text(cell)
  if cell.kind ~= 'metric' then return cell.text end
  if not cell.mean then return '… ' .. (cell.missing or 'no seeds') end
  local text = cell.mean
  if cell.std then text = text .. ' ± ' .. cell.std end
  text = ('%s (%d)%s'):format(text, cell.n, cell.mark or '')
  return cell.missing and ('%s [%s]'):format(text, cell.missing) or text
end

local plain = { ['±'] = '+-', ['…'] = '...', ['†'] = '*', ['Δ'] = 'd', ['⚠'] = '!', ['·'] = '-' }

--- The same for a terminal without UTF-8.
function M.ascii(text)
  return (text:gsub('[\194-\244][\128-\191]*', plain))
end

return M
