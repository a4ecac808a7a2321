-- cli/table.lua - `avcl table`: the study's table from its records.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local formats = require 'avcl.report.formats'
local lint = require 'avcl.report.lint'
local lock = require 'avcl.report.lock'
local results = require 'avcl.cli.results'
local sheets = require 'avcl.report.sheet'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {
  summary = "Print a study's table from its records, write it, or check what was written.",
  example = 'avcl table experiments/quickstart.lua --per-seed',
  examples = {
    { 'avcl table quickstart', 'Markdown: mean ± std (n), best in bold, marks and notes' },
    { 'avcl table quickstart --format tex --write', 'to results/tables, with a lock file' },
    { 'avcl table quickstart --check', 'exits 1 when a written table is stale or was edited' },
    { 'avcl table quickstart --lint', 'rows that differ in more than one key, and the like' },
  },
}

function M.setup(command)
  study.setup(command)
  command:flag('--per-seed', 'One line for every row and seed.')
  command:option('--format', 'md, tex, csv, tsv, html or json.'):choices(formats.names)
    :count '*':argname 'NAME'
  command:flag('--write', 'Write to STORE/tables, with a lock file: which runs are behind a cell.')
  command:flag('--check', 'Compare what was written with the records; exits 1 when they differ.')
  command:flag('--lint', 'Look for what makes a table say less than it seems to.')
end

local function one_format(args)
  if #args.format > 1 then
    c.raise_at('command line', 'INVALID', 'several --format need --write')
  end
  return args.format[1] or 'md'
end

local function show(text)
  if not term.is_utf8() and c.isatty(1) then text = sheets.ascii(text) end
  io.write(text)
end

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

local function write(r, t, args)
  local command, uuid, files = results.command('table', args), results.uuid(r.store), {}
  local folder = r.store.root .. '/tables/'
  c.call('avcl_store_mkdirs', folder)
  for i, format in ipairs(#args.format > 0 and args.format or { 'md' }) do
    local text = lock.render(t, format, command, uuid)
    local file = ('%s.%s'):format(t.name, format)
    c.call('avcl_file_publish', folder .. file, text, #text, 1)
    files[i] = { file = file, sha256 = c.sha256(text) }
    term.say('%s', folder .. file)
  end
  local d = lock.document(t, r.plan, { script = args.script, arguments = arguments(args),
    store = uuid, paper = r.paper_path }, files)
  c.call('avcl_store_publish', lock.path(r.store, t.name), doc.new(d), 1)
end

local function check(args)
  local store = stores.open(args.store)
  local experiment = study.load(args.script)
  local locked = lock.read(store, experiment.name)
  if not locked then
    c.raise_at(nil, 'NOT_FOUND', "no %s; `avcl table %s --write` makes it",
      lock.path(store, experiment.name), args.script)
  end
  restore(args, locked)
  local r = results.open(args, 'table')
  local t = results.table(r, args)
  local command, uuid = results.command('table', args), results.uuid(r.store)
  local lines = lock.check(t, store, locked, function(format)
    return lock.render(t, format, command, uuid)
  end)
  for _, line in ipairs(lines) do print(line) end
  if #lines > 0 then return require 'avcl.cli'.exit.failed end
  term.say("ok: '%s' says what the records say (lock %s)", t.name, locked.lock)
end

function M.run(args)
  if args.check then return check(args) end
  local r = results.open(args, 'table')
  local t = results.table(r, args)
  if args.lint then
    local lines, bad = lint.table(t, r.plan, r.experiment)
    for _, line in ipairs(lines) do print(line) end
    return bad and require 'avcl.cli'.exit.failed or nil
  end
  if args.write then return write(r, t, args) end
  if args.per_seed then return show(formats.per_seed(t)) end
  local format = one_format(args)
  show(lock.render(t, format, results.command('table', args), results.uuid(r.store)))
end

return M
