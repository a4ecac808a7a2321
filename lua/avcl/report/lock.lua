-- report/lock.lua - which runs stand behind each cell of a written table, and is it still so?
--
-- results/tables/NAME.lock.yaml lies beside the rendered files. It names runs and values, hashes
-- the files, and keeps what the data sets were, so that a copy of the store renders without them.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local formats = require 'avcl.report.formats'

local M = {}

M.DIGITS = 12 -- of the lock's hash, as tables show it

local function cells_of(t)
  local list = doc.list()
  for _, row in ipairs(t.rows) do
    for k, column in ipairs(t.columns) do
      if column.metric then
        local runs = doc.list()
        for _, seed in ipairs(row.seeds) do
          local id = row.cells[k].runs[seed]
          runs[#runs + 1] = doc.map {
            { 'seed', seed }, { 'run', id or doc.null },
            { 'value', id and doc.float(row.cells[k].values[seed]) or doc.null },
          }
        end
        list[#list + 1] = doc.map { { 'row', row.label }, { 'column', column.title },
          { 'runs', runs } }
      end
    end
  end
  return list
end

--- Hash of cells, runs, values and the paper's file: what a table says, however it is printed.
function M.hash(t)
  return c.sha256(doc.json(doc.map {
    { 'table', t.name }, { 'cells', cells_of(t) },
    { 'paper', t.paper and t.paper.sha256 or doc.null },
  }, true)):sub(1, M.DIGITS)
end

--- The last line of a table: its lock, and what regenerates it.
function M.line(t, command)
  return ('lock %s · %s'):format(M.hash(t), command)
end

-- A date only where the packager fixes one: the same records give the same bytes.
local function stamp_of(t, command, store_uuid)
  local out = { ('table %s, store %s, lock %s'):format(t.name, store_uuid, M.hash(t)), command }
  local epoch = tonumber(os.getenv 'SOURCE_DATE_EPOCH' or '')
  if epoch then out[#out + 1] = os.date('!%Y-%m-%d', epoch) end
  return out
end

--- A table in a format, as it is printed and written.
function M.render(t, format, command, store_uuid)
  local text = formats.render(t, format, stamp_of(t, command, store_uuid))
  if format == 'md' then text = text .. '\n' .. M.line(t, command) .. '\n' end
  return text
end

local function data_of(plan)
  local list, seen = doc.list(), {}
  for _, run in ipairs(plan.runs) do
    local name = run.values.data
    if not seen[name] then
      seen[name] = true
      list[#list + 1] = doc.map {
        { 'name', name }, { 'sha256', run.data.hash }, { 'classes', run.data.n_classes },
        { 'items', run.data.items }, { 'synthetic', run.data.synthetic },
      }
    end
  end
  return list
end

--- The document of a table and its rendered files { { file, sha256 } }.
function M.document(t, plan, info, files)
  local list = doc.list()
  for i, f in ipairs(files) do list[i] = doc.map { { 'file', f.file }, { 'sha256', f.sha256 } } end
  return doc.map {
    { 'schema', 'avcl.lock/1' }, { 'table', t.name }, { 'lock', M.hash(t) },
    { 'script', info.script }, { 'arguments', info.arguments },
    { 'store', info.store }, { 'data', data_of(plan) },
    { 'paper', t.paper and doc.map { { 'file', info.paper }, { 'sha256', t.paper.sha256 } }
      or doc.null },
    { 'files', list }, { 'cells', cells_of(t) },
  }
end

function M.path(store, name)
  return ('%s/tables/%s.lock.yaml'):format(store.root, name)
end

--- The lock of a table's name; nil when it was never written.
function M.read(store, name)
  return (doc.read(M.path(store, name), 0))
end

local function read(path)
  local f = io.open(path, 'rb')
  if not f then return nil end
  local text = f:read '*a'
  f:close()
  return text
end

-- ---- checking --------------------------------------------------------------------------------

local function by_cell(cells)
  local out = {}
  for _, cell in ipairs(cells) do
    local parts = {}
    for _, r in ipairs(cell.runs) do
      local run = r.run ~= doc.null and r.run:sub(1, 8) or 'missing'
      parts[#parts + 1] = ('seed %d %s'):format(r.seed, run)
    end
    out[cell.row .. '\0' .. cell.column] = table.concat(parts, ', ')
  end
  return out
end

-- Cells whose runs are others now, one sentence each.
local function moved(t, lock)
  local lines = {}
  local was, now = by_cell(lock.cells), by_cell(doc.parse(doc.yaml(cells_of(t))))
  for _, row in ipairs(t.rows) do
    for _, column in ipairs(t.columns) do
      local key = row.label .. '\0' .. column.title
      if column.metric and was[key] ~= now[key] then
        lines[#lines + 1] = ("stale: '%s', '%s': the lock has %s; script and store now give %s")
          :format(row.label, column.title, was[key] or 'no such cell', now[key])
      end
    end
  end
  return lines
end

local function first_difference(a, b)
  local n, other = 0, (b .. '\n'):gmatch '(.-)\n'
  for line in (a .. '\n'):gmatch '(.-)\n' do
    n = n + 1
    local against = other()
    if line ~= against then return n, line, against or '' end
  end
  return n + 1, '', other() or ''
end

--- What is stale or edited, one sentence each; empty when all is well.
---@param render fun(format: string): string
function M.check(t, store, lock, render)
  local lines = moved(t, lock)
  for _, f in ipairs(lock.files) do
    local path = ('%s/tables/%s'):format(store.root, f.file)
    local text, fresh = read(path), render(f.file:match '%.(%w+)$')
    if not text then
      lines[#lines + 1] = ('missing: %s'):format(path)
    elseif text ~= fresh then
      local n, is, should = first_difference(text, fresh)
      local how = c.sha256(text) == f.sha256 and 'stale' or 'edited by hand'
      lines[#lines + 1] = ("%s: %s:%d has '%s', the records give '%s'"):format(how, path, n, is,
        should)
    end
  end
  return lines
end

return M
