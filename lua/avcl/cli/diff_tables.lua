-- cli/diff_tables.lua - `avcl diff table3@HEAD~10 table3`: which cells changed, and by what.
--
-- A table's version is its lock file: in the store, in a commit, or anywhere by its path.
local c = require 'avcl.ffi'
local differences = require 'avcl.differences'
local doc = require 'avcl.doc'
local lfs = require 'lfs'
local lock = require 'avcl.report.lock'
local machine = require 'avcl.machine'
local significance = require 'avcl.significance'
local stores = require 'avcl.store'
local term = require 'avcl.cli.term'

local M = {}

local function path_of(text, args)
  if text:match '%.lock%.yaml$' then return text end
  return lock.path({ root = args.store }, text)
end

--- Whether an argument means a table, not a run.
function M.is_one(text, args)
  return text:find('@', 1, true) ~= nil or lfs.attributes(path_of(text, args)) ~= nil
end

local function read(text, args)
  local name, commit = text:match '^(.-)@(.+)$'
  local path = path_of(name or text, args)
  if not commit then
    local locked = doc.read(path, 0)
    if locked then return locked end
    c.raise_at('command line', 'NOT_FOUND', "no table '%s': no %s", text, path)
  end
  local found = machine.git_file('.', commit, path)
  if not found then
    c.raise_at('command line', 'NOT_FOUND', "no table '%s': commit %s has no %s", text, commit,
      path)
  end
  return doc.parse(found)
end

-- Cells by row and column: mean, n and the runs by seed.
local function cells_of(locked)
  local by, order = {}, {}
  for _, cell in ipairs(locked.cells) do
    local values, runs, key = {}, {}, cell.row .. '\0' .. cell.column
    for _, r in ipairs(cell.runs) do
      if r.run ~= doc.null then
        values[#values + 1] = r.value
        runs[r.seed] = r.run
      end
    end
    order[#order + 1] = key
    by[key] = { row = cell.row, column = cell.column, n = #values, runs = runs,
      mean = #values > 0 and significance.mean_std(values) or nil }
  end
  return by, order
end

-- What two runs differ in, those first that they come from; a knob of several stages is said once.
local function of_runs(store, id, other, said)
  local a, b = store:read(id, 'run.yaml'), store:read(other, 'run.yaml')
  if not (a and b) then
    return { ('run %s is not in %s'):format((a and other or id):sub(1, 8), store.root) }
  end
  local p, q = a.parent, b.parent
  local list = p.run and q.run and p.run ~= q.run and of_runs(store, p.run, q.run, said) or {}
  for _, part in ipairs(differences.of_runs(a, b)) do
    if not said[part] then list[#list + 1] = ('%s: %s'):format(b.stage, part) end
    said[part] = true
  end
  return list
end

-- Why a cell's runs are others now: what the records of the first two say.
local function cause(store, was, now)
  for seed, id in pairs(was.runs) do
    local other = now.runs[seed]
    if other and other ~= id then
      if not store then return 'their records are not here' end
      return table.concat(of_runs(store, id, other, {}), '; ')
    end
  end
  return was.n ~= now.n and ('%d runs, now %d'):format(was.n, now.n) or 'by hand: the same runs'
end

local function number(x) return x and ('%.6g'):format(x) or '-' end

local function same_runs(a, b)
  for seed, id in pairs(a.runs) do
    if b.runs[seed] ~= id then return false end
  end
  return a.n == b.n
end

-- Cells that have other runs or other numbers: { row, column, was?, now?, why }.
local function changed(store, before, after)
  local was, order = cells_of(before)
  local now, later = cells_of(after)
  local list = {}
  for _, key in ipairs(order) do
    local a, b = was[key], now[key]
    if not b then
      list[#list + 1] = { a.row, a.column, a, nil, 'no such cell now' }
    elseif a.mean ~= b.mean or not same_runs(a, b) then
      list[#list + 1] = { a.row, a.column, a, b, cause(store, a, b) }
    end
  end
  for _, key in ipairs(later) do
    local b = now[key]
    if not was[key] then list[#list + 1] = { b.row, b.column, nil, b, 'new' } end
  end
  return list, #later
end

local function print_json(args, list)
  local cells = doc.list()
  for i, m in ipairs(list) do
    cells[i] = doc.map { { 'row', m[1] }, { 'column', m[2] },
      { 'was', m[3] and m[3].mean and doc.float(m[3].mean) or doc.null },
      { 'now', m[4] and m[4].mean and doc.float(m[4].mean) or doc.null }, { 'why', m[5] } }
  end
  print(doc.json(doc.map { { 'schema', 'avcl.diff-tables/1' },
    { 'tables', doc.list { args.a, args.b } }, { 'changed', cells } }))
end

function M.run(args)
  local store = lfs.attributes(args.store .. '/runs') and stores.open(args.store)
  local list, n = changed(store, read(args.a, args), read(args.b, args))
  if args.json then return print_json(args, list) end
  local rows = { { 'row', 'column', args.a, args.b, 'B - A', 'why' } }
  for _, m in ipairs(list) do
    local x, y = m[3] and m[3].mean, m[4] and m[4].mean
    rows[#rows + 1] = { m[1], m[2], number(x), number(y),
      x and y and ('%+.6g'):format(y - x) or '-', m[5] }
  end
  if #list > 0 then print(term.columns(rows, { false, false, true, true, true })) end
  term.say('%d of %d cells changed', #list, n)
end

return M
