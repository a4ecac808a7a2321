-- cli/reproduce.lua - `avcl reproduce RUN`: runs it again elsewhere and compares bit for bit.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local record = require 'avcl.record'
local stores = require 'avcl.store'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Run a finished run again, in a store of its own, and compare bit for bit.',
  example = 'avcl reproduce 3f9c2a71',
}

function M.setup(command)
  command:argument('run', 'A finished run, by its first digits.'):argname 'RUN'
  at_store.option(command)
  command:option('--progress', 'auto, plain, json or none.')
    :choices { 'auto', 'plain', 'json', 'none' }:default 'auto'
end

local function link(from, to)
  c.call('avcl_store_mkdirs', to:match '^(.*)/')
  local lfs = require 'lfs'
  if not lfs.link(from, to, true) then
    c.raise_at(nil, 'IO', 'cannot link %s to %s', to, from)
  end
end

-- A store with the run's parents, by links, and nothing else.
local function scratch_store(store, view, row)
  local root = os.tmpname()
  os.remove(root)
  local scratch = stores.open(root, true)
  local parent = view:get(row, 'parent')
  while parent do
    link(c.realpath(store:run_path(parent)), scratch:run_path(parent))
    local work = c.realpath(store:work_path(parent))
    if not work then
      c.raise_at(nil, 'NOT_FOUND', 'the checkpoint of its parent %s is gone (work/ was deleted); '
        .. 'reproduce that first', parent:sub(1, 8))
    end
    link(work, scratch:work_path(parent))
    parent = view:get(view:find(parent), 'parent')
  end
  return scratch
end

-- What is not as it was: said before the numbers, for it explains them.
local function say_changes(before, now)
  local a = before.provenance and before.provenance.code
  local b = now and now.provenance and now.provenance.code or {}
  for _, name in ipairs(config.sorted_keys(type(a) == 'table' and a or {})) do
    if a[name] ~= b[name] then term.warn('%s is not the one the run was made with', name) end
  end
end

local function flat(value, prefix, out)
  for _, key in ipairs(config.sorted_keys(value or {})) do
    local v = value[key]
    if type(v) == 'table' and v ~= doc.null then
      flat(v, prefix .. key .. '.', out)
    else
      out[prefix .. key] = v
    end
  end
  return out
end

local function print_differences(before, now)
  local a, b = flat(before.metrics, '', {}), flat(now.metrics, '', {})
  local rows = { { 'metric', 'recorded', 'now', 'difference' } }
  for _, name in ipairs(config.sorted_keys(a)) do
    local x, y = a[name], b[name]
    rows[#rows + 1] = { name, at_store.text(x), at_store.text(y),
      type(x) == 'number' and type(y) == 'number' and ('%.3g'):format(y - x) or '-' }
  end
  print(term.columns(rows))
end

local function again(args, run, id, root, parser)
  local argv = { 'run', '--store', root, '--seeds', tostring(run.seed), '--progress',
    args.progress }
  for i = 2, #run.provenance.argv do argv[#argv + 1] = run.provenance.argv[i] end
  local ok, parsed = parser:pparse(argv)
  if not ok then c.raise_at(nil, 'INVALID', 'cannot repeat its command: %s', parsed) end
  parsed.ids = { [id] = true }
  parsed.threads = run.threads
  return require 'avcl.cli.run'.run(parsed)
end

local function compare(store, scratch, id)
  local before, now = store:read(id, 'result.yaml'), scratch:read(id, 'result.yaml')
  if record.same_result(before, now) then
    print(('%s  equal: metrics, checkpoint and items are the same bits'):format(id:sub(1, 8)))
    return 0
  end
  print(('%s  differs'):format(id:sub(1, 8)))
  print_differences(before, now)
  return 1
end

function M.run(args, parser)
  local store, view = at_store.open(args)
  local row = view:find(args.run)
  local id = view:get(row, 'run')
  if view:get(row, 'state') ~= 'done' then
    c.raise_at(nil, 'INVALID', 'run %s is %s, not done', id:sub(1, 8), view:get(row, 'state'))
  end
  local run = store:read(id, 'run.yaml')
  run.threads = view:get(row, 'threads')
  local scratch = scratch_store(store, view, row)
  local code = again(args, run, id, scratch.root, parser)
  if code ~= 0 then
    term.say('what it left is in %s', scratch.root)
    return code
  end
  say_changes(run, scratch:read(id, 'run.yaml'))
  local verdict = compare(store, scratch, id)
  require 'avcl.garbage'.delete(scratch.root)
  return verdict
end

return M
