-- report/formats.lua - a sheet in Markdown, LaTeX, HTML; a table as CSV, TSV, JSON.
local csv = require 'avcl.csv'
local doc = require 'avcl.doc'
local sheets = require 'avcl.report.sheet'

local M = {}

-- ---- Markdown --------------------------------------------------------------------------------

local function pipes(text)
  return (text:gsub('|', '\\|'))
end

local function markdown_rows(rows)
  local lines = {}
  for i, row in ipairs(rows) do
    lines[#lines + 1] = '| ' .. table.concat(row, ' | ') .. ' |'
    if i == 1 then lines[2] = '|' .. ('---|'):rep(#row) end
  end
  return table.concat(lines, '\n')
end

local function markdown_cell(cell)
  local text = pipes(sheets.text(cell))
  return cell.best and '**' .. text .. '**' or text
end

local function notes_text(list)
  return #list > 0 and '\n\n' .. table.concat(list, '\n') or ''
end

--- Mean ± std (n), what is missing, and marks on synthetic data and dirty trees.
function M.md(sheet)
  local rows = { {} }
  for i, head in ipairs(sheet.head) do rows[1][i] = pipes(head.text) end
  for i, row in ipairs(sheet.rows) do
    rows[i + 1] = {}
    for k, cell in ipairs(row) do rows[i + 1][k] = markdown_cell(cell) end
  end
  return markdown_rows(rows) .. notes_text(sheet.notes) .. '\n'
end

--- One line for every row and seed.
function M.per_seed(t)
  local rows = { { 'row', 'seed' } }
  for _, column in ipairs(t.columns) do
    if column.metric then rows[1][#rows[1] + 1] = pipes(column.title) end
  end
  for _, row in ipairs(t.rows) do
    for _, seed in ipairs(row.seeds) do
      local out = { pipes(row.label), tostring(seed) }
      for k, column in ipairs(t.columns) do
        local value = column.metric and row.cells[k].values[seed]
        if column.metric then out[#out + 1] = value and ('%.2f'):format(value) or '-' end
      end
      rows[#rows + 1] = out
    end
  end
  return markdown_rows(rows) .. notes_text(sheets.of(t).notes) .. '\n'
end

-- ---- LaTeX -----------------------------------------------------------------------------------

local special = {
  ['\\'] = '\\textbackslash{}', ['{'] = '\\{', ['}'] = '\\}', ['$'] = '\\$', ['&'] = '\\&',
  ['#'] = '\\#', ['%'] = '\\%', ['_'] = '\\_', ['^'] = '\\textasciicircum{}',
  ['~'] = '\\textasciitilde{}',
}
local symbols = {
  ['±'] = '$\\pm$', ['…'] = '\\dots{}', ['†'] = '$^\\dagger$', ['Δ'] = '$\\Delta$',
  ['⚠'] = '$^{!}$', ['✓'] = '\\checkmark{}', ['✗'] = '$\\times$', ['·'] = '$\\cdot$',
  ['λ'] = '$\\lambda$', ['τ'] = '$\\tau$',
}

local function tex(text)
  text = text:gsub('[\\{}$&#%%_^~]', special)
  return (text:gsub('[\194-\244][\128-\191]*', symbols))
end

local digits = { 'Zero', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine' }

-- 'no AMFM' -> NoAMFM, 'tau=0.1' -> TauZeroOne: names of macros are letters.
local function letters(text)
  text = text:gsub('%d', function(d) return ' ' .. digits[tonumber(d) + 1] .. ' ' end)
  text = text:gsub('(%a)(%a*)', function(first, rest) return first:upper() .. rest end)
  return (text:gsub('%A', ''))
end

-- Names of cells, each once.
local function macro_names(sheet)
  local names, used = {}, {}
  for i, row in ipairs(sheet.rows) do
    names[i] = {}
    for k, cell in ipairs(row) do
      if cell.kind == 'metric' then
        local title = sheet.head[k].text:gsub(' %(synthetic%)', ''):gsub(' ⚠', '')
        local name = '\\avcl' .. letters(sheet.name) .. letters(row[1].text) .. letters(title)
        used[name] = (used[name] or 0) + 1
        if used[name] > 1 then name = name .. ('X'):rep(used[name] - 1) end
        names[i][k] = name
      end
    end
  end
  return names
end

local function tex_metric(cell)
  local text = tex(sheets.text(cell))
  return cell.best and '\\textbf{' .. text .. '}' or text
end

local function tex_line(cells)
  return '  ' .. table.concat(cells, ' & ') .. ' \\\\'
end

--- booktabs, and a macro for every cell so that prose cites the same numbers.
function M.tex(sheet, stamp)
  local lines, names = {}, macro_names(sheet)
  for _, text in ipairs(stamp or {}) do lines[#lines + 1] = '% ' .. text end
  for i, row in ipairs(sheet.rows) do
    for k, name in pairs(names[i]) do
      lines[#lines + 1] = ('\\newcommand{%s}{%s}'):format(name, tex_metric(row[k]))
    end
  end
  local spec, head = {}, {}
  for k, h in ipairs(sheet.head) do
    spec[k] = (h.kind == 'label' or h.kind == 'text') and 'l' or 'r'
    head[k] = tex(h.text)
  end
  lines[#lines + 1] = '\\begin{tabular}{' .. table.concat(spec) .. '}'
  lines[#lines + 1] = '  \\toprule'
  lines[#lines + 1] = tex_line(head)
  lines[#lines + 1] = '  \\midrule'
  for i, row in ipairs(sheet.rows) do
    local cells = {}
    for k, cell in ipairs(row) do
      cells[k] = names[i][k] and names[i][k] .. '{}' or tex(cell.text)
    end
    lines[#lines + 1] = tex_line(cells)
  end
  lines[#lines + 1] = '  \\bottomrule'
  lines[#lines + 1] = '\\end{tabular}'
  for _, note in ipairs(sheet.notes) do lines[#lines + 1] = '\\par ' .. tex(note) end
  return table.concat(lines, '\n') .. '\n'
end

-- ---- HTML ----------------------------------------------------------------------------------

local entities = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' }
local function html(text)
  return (text:gsub('[&<>"]', entities))
end

function M.html(sheet, stamp)
  local lines = { '<table>' }
  for _, text in ipairs(stamp or {}) do
    table.insert(lines, #lines, '<!-- ' .. text:gsub('%-%-', '- -') .. ' -->')
  end
  local function line(cells)
    lines[#lines + 1] = ('<tr>%s</tr>'):format(table.concat(cells))
  end
  local head = {}
  for k, h in ipairs(sheet.head) do head[k] = '<th>' .. html(h.text) .. '</th>' end
  line(head)
  for _, row in ipairs(sheet.rows) do
    local cells = {}
    for k, cell in ipairs(row) do
      local text = html(sheets.text(cell))
      cells[k] = '<td>' .. (cell.best and '<b>' .. text .. '</b>' or text) .. '</td>'
    end
    line(cells)
  end
  lines[#lines + 1] = '</table>'
  for _, note in ipairs(sheet.notes) do lines[#lines + 1] = '<p>' .. html(note) .. '</p>' end
  return table.concat(lines, '\n') .. '\n'
end

-- ---- for programs ----------------------------------------------------------------------------

--- One entry for each row and metric, with numbers as they are.
function M.entries(t)
  local list = {}
  for _, row in ipairs(t.rows) do
    for k, column in ipairs(t.columns) do
      local cell = row.cells[k]
      if column.metric then
        list[#list + 1] = {
          row = row.label, column = column.title, metric = column.metric, mean = cell.mean,
          std = cell.std, n = cell.n, n_seeds = cell.n_seeds, n_failed = cell.failed,
          n_stale = cell.stale,
          best = cell.best or false, p = cell.p, paper = cell.paper and cell.paper.value,
          delta = cell.paper and cell.paper.delta, verdict = cell.paper and cell.paper.verdict,
          synthetic = t.notes.synthetic or false, dirty = t.notes.dirty or false,
        }
      end
    end
  end
  return list
end

local ORDER = { 'row', 'column', 'metric', 'mean', 'std', 'n', 'n_seeds', 'n_failed', 'best', 'p',
  'paper', 'delta', 'verdict', 'synthetic', 'dirty', 'n_stale' }

local function separated(t, separator)
  local lines = { csv.line(ORDER, separator) }
  for _, entry in ipairs(M.entries(t)) do
    local values = {}
    for i, name in ipairs(ORDER) do values[i] = csv.scalar(entry[name]) end
    lines[#lines + 1] = csv.line(values, separator)
  end
  return table.concat(lines)
end

local is_whole = { n = true, n_seeds = true, n_failed = true, n_stale = true }

local function json(t)
  local list = doc.list()
  for i, entry in ipairs(M.entries(t)) do
    local pairs_list = {}
    for k, name in ipairs(ORDER) do
      local value = entry[name]
      if type(value) == 'number' and not is_whole[name] then value = doc.float(value) end
      if value == nil then value = doc.null end
      pairs_list[k] = { name, value }
    end
    list[i] = doc.map(pairs_list)
  end
  return doc.json(doc.map {
    { 'schema', 'avcl.table/1' }, { 'table', t.name }, { 'cells', list },
    { 'notes', doc.list { unpack(sheets.of(t).notes) } },
  }) .. '\n'
end

M.names = { 'md', 'tex', 'csv', 'tsv', 'html', 'json' }

--- A table's text. `stamp` = comment lines of formats that have comments.
---@param t avcl.Table
function M.render(t, format, stamp)
  if format == 'csv' then return separated(t, ',') end
  if format == 'tsv' then return separated(t, '\t') end
  if format == 'json' then return json(t) end
  return M[format](sheets.of(t), stamp)
end

return M
