-- report/lock.lua - which runs stand behind each cell of a written table, and is it still so?
--
-- results/tables/NAME.lock.yaml lies beside the rendered files. It names runs and values, hashes
-- the files, and keeps what the data sets were, so that a copy of the store renders without them.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local formats = require 'avcl.report.formats'

local M = {}

M.DIGITS = 12 -- of the lock's hash, as tables show it

--- Which run and value every seed of every cell has.
function M.cells(t)
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
    { 'table', t.name }, { 'cells', M.cells(t) },
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

local function files_of(files)
  local list = doc.list()
  for i, f in ipairs(files) do list[i] = doc.map { { 'file', f.file }, { 'sha256', f.sha256 } } end
  return list
end

--- The document of a table, its rendered files and the files it is a block of.
---@param files { file: string, sha256: string }[]
---@param blocks { file: string, sha256: string }[]
function M.document(t, plan, info, files, blocks)
  return doc.map {
    { 'schema', 'avcl.lock/1' }, { 'table', t.name }, { 'lock', M.hash(t) },
    { 'script', info.script }, { 'arguments', info.arguments },
    { 'store', info.store }, { 'data', data_of(plan) },
    { 'paper', t.paper and doc.map { { 'file', info.paper }, { 'sha256', t.paper.sha256 } }
      or doc.null },
    { 'files', files_of(files) }, { 'blocks', files_of(blocks) }, { 'cells', M.cells(t) },
  }
end

function M.path(store, name)
  return ('%s/tables/%s.lock.yaml'):format(store.root, name)
end

--- The lock of a table's name; nil when it was never written.
function M.read(store, name)
  return (doc.read(M.path(store, name), 0))
end

return M
