-- cli/reproduce.lua - `avcl reproduce RUN`: runs it again elsewhere and compares bit for bit.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local lfs = require 'lfs'
local project = require 'avcl.project'
local record = require 'avcl.record'
local remake = require 'avcl.remake'
local results = require 'avcl.cli.results'
local snapshot = require 'avcl.snapshot'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Run a finished run again, in a store of its own, and compare bit for bit.',
  example = 'avcl reproduce 3f9c2a71',
  examples = {
    { 'avcl reproduce 3f9c2a71', 'scripts as they were then, from the store or from git' },
    { "avcl reproduce table3 'no AMFM' K32 --seed 1", 'the run behind a cell of a table' },
  },
}

function M.setup(command)
  command:argument('run', 'A finished run, by its first digits; or a table, with a row of it.')
    :argname 'RUN'
  command:argument('row', 'Label of the row, or the part that only it has.'):args '?'
    :argname 'ROW'
  command:argument('column', 'Title of the column; the only one when not given.'):args '?'
    :argname 'COLUMN'
  command:option('--seed', 'Of the cell.'):convert(tonumber):argname 'N'
  at_store.option(command)
  command:option('--progress', 'auto, plain, json or none.')
    :choices { 'auto', 'plain', 'json', 'none' }:default 'auto'
end

local function link(from, to)
  c.call('avcl_store_mkdirs', to:match '^(.*)/')
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

-- The command that made the run, in the store at `root`.
local function command_of(args, run, id, root)
  local argv = { 'run', '--store', root, '--seeds', tostring(run.seed), '--progress',
    args.progress }
  for i = 2, #run.provenance.argv do argv[#argv + 1] = run.provenance.argv[i] end
  local ok, parsed = require 'avcl.cli'.parse(argv)
  if not ok then c.raise_at(nil, 'INVALID', 'cannot repeat its command: %s', parsed) end
  parsed.ids, parsed.threads = { [id] = true }, run.threads
  return parsed
end

-- The run as today's code plans it; raises with what keeps it from being the same run.
local function planned(parsed, run, id, root)
  local _, plan = study.plan(parsed)
  for _, r in ipairs(plan.runs) do
    if r.id == id then return r end
  end
  c.raise_at(nil, 'NOT_FOUND', 'run %s is not in the plan of its own script (%s): %s',
    id:sub(1, 8), root, remake.why_absent(run, plan))
end

local function again(args, run, id, scratch, root)
  local parsed = command_of(args, run, id, scratch.root)
  local now = planned(parsed, run, id, root)
  local changed = remake.changed_code(run, snapshot.code(snapshot.engine(), now.plugins))
  local sentence = remake.code_sentence(run, root, changed)
  if sentence then term.warn('%s', sentence) end
  return require 'avcl.cli.run'.run(parsed)
end

-- Where the run's scripts are what they were: here, or in a copy of the project made of them.
local function in_its_project(store, run, scratch, work)
  local root = project.root './.'
  local changed = remake.changed_scripts(run, root)
  if #changed == 0 then return work(root) end
  local tree, here = scratch.root .. '/project', c.realpath '.'
  remake.rebuild(store, run, root, tree)
  for _, s in ipairs(changed) do
    term.say('%s is taken as it was (%s)', s.path, s.sha256:sub(1, 8))
  end
  assert(lfs.chdir(tree))
  local ok, code = pcall(work, root)
  assert(lfs.chdir(here))
  if not ok then error(code, 0) end
  return code
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

-- The run behind a cell of a table.
local function of_cell(args)
  local of = { script = args.run, store = args.store, overrides = {} }
  local t = results.table(results.open(of, 'reproduce'), of)
  local i, k = results.place(t, args)
  local row, seed = t.rows[i], args.seed or #t.rows[i].seeds == 1 and t.rows[i].seeds[1]
  local id = row.cells[k].runs[seed]
  if not id then
    c.raise_at('command line', 'NOT_FOUND', "'%s', '%s' has %s; --seed is one of %s", row.label,
      t.columns[k].title, seed and ('no finished run with seed %d'):format(seed) or 'several seeds',
      table.concat(row.seeds, ', '))
  end
  return id
end

function M.run(args)
  local store, view = at_store.open(args)
  local row = view:find(args.row and of_cell(args) or args.run)
  local id = view:get(row, 'run')
  if view:get(row, 'state') ~= 'done' then
    c.raise_at(nil, 'INVALID', 'run %s is %s, not done', id:sub(1, 8), view:get(row, 'state'))
  end
  local run = store:read(id, 'run.yaml')
  run.threads = view:get(row, 'threads')
  local scratch = scratch_store(store, view, row)
  local ok, code = pcall(in_its_project, store, run, scratch, function(root)
    return again(args, run, id, scratch, root)
  end)
  if ok and code ~= 0 then
    term.say('what it left is in %s', scratch.root)
    return code
  end
  local verdict = ok and compare(store, scratch, id)
  require 'avcl.garbage'.delete(scratch.root)
  if not ok then error(code, 0) end
  return verdict
end

return M
