-- cli/written.lua - `avcl table --write`, `--into` and `--check`: tables that are committed.
local block = require 'avcl.report.block'
local c = require 'avcl.ffi'
local checks = require 'avcl.report.check'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local lfs = require 'lfs'
local lock = require 'avcl.report.lock'
local results = require 'avcl.cli.results'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {}

-- What --write was given, so that --check needs the name alone.
local function arguments(args)
  return doc.map {
    { 'overrides', doc.list { unpack(args.overrides) } }, { 'sweep', args.sweep or false },
    { 'seeds', args.seeds or doc.null }, { 'only', args.only or doc.null },
  }
end

local function restore(args, locked)
  local a = locked.arguments
  if #args.overrides > 0 or args.sweep or args.seeds or args.only then return end
  args.overrides, args.sweep = a.overrides, a.sweep
  if a.seeds ~= doc.null then args.seeds = a.seeds end
  if a.only ~= doc.null then args.only = a.only end
end

-- ---- writing -----------------------------------------------------------------------------------

local function read(path)
  local text, why = disk.read(path)
  return text or c.raise_at(nil, 'NOT_FOUND', 'no document %s', why)
end

-- A document's path from the root of the project, which is where --check looks for it.
local function from_root(root, path)
  local folder, name = path:match '^(.*)/([^/]+)$'
  local at = c.realpath(folder or '.')
  if not at or (at .. '/'):sub(1, #root + 1) ~= root .. '/' then
    c.raise_at('command line', 'INVALID', "--into '%s' lies outside of the project %s", path, root)
  end
  return ((at .. '/' .. (name or path)):sub(#root + 2))
end

local function publish(path, text)
  c.call('avcl_file_publish', path, text, #text, 1)
  term.say('%s', path)
end

--- Writes what `results.table` gave, its lock, and the documents that it is a part of.
function M.write(r, t, args)
  local command, uuid, files, blocks = results.command('table', args), results.uuid(r.store), {}, {}
  local folder, documents = r.store.root .. '/tables/', {}
  for i, path in ipairs(args.into) do -- nothing is written when one has no place for it
    local text, file = lock.render(t, 'md', command, uuid), from_root(r.root, path)
    documents[i] = { path = path, text = block.put(read(path), t.name, text, path) }
    blocks[i] = { file = file, sha256 = c.sha256(text) }
  end
  c.call('avcl_store_mkdirs', folder)
  for i, format in ipairs(#args.format > 0 and args.format or { 'md' }) do
    local text = lock.render(t, format, command, uuid)
    local file = ('%s.%s'):format(t.name, format)
    publish(folder .. file, text)
    files[i] = { file = file, sha256 = c.sha256(text) }
  end
  for _, d in ipairs(documents) do publish(d.path, d.text) end
  local d = lock.document(t, r.plan, { script = args.script, arguments = arguments(args),
    store = uuid, paper = r.paper_path }, files, blocks)
  c.call('avcl_store_publish', lock.path(r.store, t.name), doc.new(d), 1)
end

-- ---- checking ----------------------------------------------------------------------------------

local function tell(lines, name, locked)
  for _, line in ipairs(lines) do print(line) end
  if #lines > 0 then return require 'avcl.cli'.exit.failed end
  term.say("ok: '%s' says what the records say (lock %s)", name, locked.lock)
end

local function check_one(args)
  local store, experiment, loaded = { root = args.store }, study.load(args.script)
  local name = args.as or experiment.name
  local locked = lock.read(store, name)
  if not locked then
    c.raise_at(nil, 'NOT_FOUND', "no %s; `avcl table %s --write` makes it", lock.path(store, name),
      args.script)
  end
  restore(args, locked)
  local n, here = checks.recorded(store, locked)
  if n > 0 and here == 0 then
    return tell(checks.against_lock(store, locked, loaded.root, n), locked.table, locked)
  end
  local r = results.open(args, 'table')
  local t = results.table(r, args)
  local command, uuid = results.command('table', args), results.uuid(r.store)
  return tell(checks.against_records(t, store, locked, r.root, function(format)
    return lock.render(t, format, command, uuid)
  end), t.name, locked)
end

-- Scripts of all locks of a store, by name of the table.
local function locked_scripts(root)
  local names, scripts = {}, {}
  local folder = root .. '/tables'
  if lfs.attributes(folder, 'mode') ~= 'directory' then return names, scripts end
  for file in lfs.dir(folder) do
    local name = file:match '^(.+)%.lock%.yaml$'
    if name then
      names[#names + 1] = name
      local locked = lock.read({ root = root }, name)
      if not locked then
        c.raise_at(nil, 'CORRUPT', '%s/%s is damaged; restore it or write the table again', folder,
          file)
      end
      scripts[name] = locked.script
    end
  end
  table.sort(names)
  return names, scripts
end

local function check_all(args)
  local names, scripts = locked_scripts(args.store)
  local code
  if #names == 0 then term.say('no tables in %s/tables', args.store) end
  for _, name in ipairs(names) do
    local one = { script = scripts[name], store = args.store, overrides = {} }
    if study.load(one.script).name ~= name then one.as = name end
    code = check_one(one) or code
  end
  return code
end

--- Checks one table, or all of the store when no script is named. Exit code.
function M.check(args)
  if args.script then return check_one(args) end
  return check_all(args)
end

return M
