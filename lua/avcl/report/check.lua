-- report/check.lua - is a written table still what script and records say?
local block = require 'avcl.report.block'
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local lfs = require 'lfs'
local lock = require 'avcl.report.lock'

local M = {}

-- ---- cells -------------------------------------------------------------------------------------

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
local function moved(t, locked)
  local lines = {}
  local was, now = by_cell(locked.cells), by_cell(doc.parse(doc.yaml(lock.cells(t))))
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

-- ---- texts -------------------------------------------------------------------------------------

local function first_difference(a, b)
  local n, other = 0, (b .. '\n'):gmatch '(.-)\n'
  for line in (a .. '\n'):gmatch '(.-)\n' do
    n = n + 1
    local against = other()
    if line ~= against then return n, line, against or '' end
  end
  return n + 1, '', other() or ''
end

-- The texts of a table as they lie there: { where, text?, before, sha256, format }; `before` = the
-- lines above it in its file.
local function written(store, locked, root)
  local list = {}
  for _, f in ipairs(locked.files) do
    local path = ('%s/tables/%s'):format(store.root, f.file)
    list[#list + 1] = { where = path, text = disk.read(path), before = 0, sha256 = f.sha256,
      format = f.file:match '%.(%w+)$' }
  end
  for _, f in ipairs(locked.blocks or {}) do
    local text, before = block.get(disk.read(root .. '/' .. f.file) or '', locked.table)
    list[#list + 1] = { where = f.file, text = text, before = before, sha256 = f.sha256,
      format = 'md', is_block = true }
  end
  return list
end

local function missing(w)
  return ('missing: %s%s'):format(w.is_block and 'the table in ' or '', w.where)
end

-- What is wrong with one text, when the records give another.
local function difference(w, fresh)
  if not w.text then return missing(w) end
  if w.text == fresh then return nil end
  local n, is, should = first_difference(w.text, fresh)
  local how = c.sha256(w.text) == w.sha256 and 'stale' or 'edited by hand'
  return ("%s: %s:%d has '%s', the records give '%s'"):format(how, w.where, w.before + n, is,
    should)
end

--- What is stale or edited, one sentence each; empty when all is well.
---@param root string  of the project, where the documents with blocks lie
---@param render fun(format: string): string
function M.against_records(t, store, locked, root, render)
  local lines = moved(t, locked)
  for _, w in ipairs(written(store, locked, root)) do
    lines[#lines + 1] = difference(w, render(w.format))
  end
  return lines
end

-- ---- a clone without records -------------------------------------------------------------------

--- How many runs the lock names, and how many of them have a result in the store.
function M.recorded(store, locked)
  local n, here, seen = 0, 0, {}
  for _, cell in ipairs(locked.cells) do
    for _, r in ipairs(cell.runs) do
      if r.run ~= doc.null and not seen[r.run] then
        seen[r.run], n = true, n + 1
        local path = ('%s/runs/%s/%s/result.yaml'):format(store.root, r.run:sub(1, 2), r.run)
        if lfs.attributes(path) then here = here + 1 end
      end
    end
  end
  return n, here
end

--- Where none of a lock's runs is here, all that can be seen is an edit; the records' absence is
--- a failure of its own, for nobody can tell whether the numbers are right.
function M.against_lock(store, locked, root, n)
  local lines = {}
  for _, w in ipairs(written(store, locked, root)) do
    if not w.text then
      lines[#lines + 1] = missing(w)
    elseif c.sha256(w.text) ~= w.sha256 then
      lines[#lines + 1] = ('edited by hand: %s is not what %s names'):format(w.where,
        lock.path(store, locked.table))
    end
  end
  lines[#lines + 1] = ("no records: none of the %d runs behind '%s' is in %s/runs; commit "
    .. '%s/store.yaml and %s/runs with the table'):format(n, locked.table, store.root, store.root,
    store.root)
  return lines
end

return M
