-- cli/table.lua - `avcl table`: the study's table from its records.
local c = require 'avcl.ffi'
local formats = require 'avcl.report.formats'
local lint = require 'avcl.report.lint'
local lock = require 'avcl.report.lock'
local orderings = require 'avcl.report.orderings'
local results = require 'avcl.cli.results'
local sheets = require 'avcl.report.sheet'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'
local written = require 'avcl.cli.written'

local M = {
  summary = "Print a study's table from its records, write it, or check what was written.",
  example = 'avcl table experiments/quickstart.lua --per-seed',
  examples = {
    { 'avcl table quickstart', 'Markdown: mean ± std (n), best in bold, marks and notes' },
    { 'avcl table quickstart --format tex --write', 'to results/tables, with a lock file' },
    { 'avcl table quickstart --check', 'exits 1 when a written table is stale or was edited' },
    { 'avcl table --check', 'the same for every table of the store: for CI' },
    { 'avcl table quickstart --into README.md', 'also between <!-- avcl table quickstart --> and '
      .. '<!-- end of quickstart -->' },
    { 'avcl table table3 scale=small --write --as table3-small', 'beside the one of full size' },
    { 'avcl table table3 --orderings', 'what is better than what, in the paper and here' },
    { 'avcl table quickstart --lint', 'rows that differ in more than one key, and the like' },
  },
}

local function file_name(text)
  if text:match '^[%w_][%w_.-]*$' then return text end
  return nil, "--as '" .. text .. "' is no name of a file"
end

function M.setup(command)
  study.setup(command, '?')
  command:flag('--per-seed', 'One line for every row and seed.')
  command:option('--format', 'md, tex, csv, tsv, html or json.'):choices(formats.names)
    :count '*':argname 'NAME'
  command:flag('--write', 'Write to STORE/tables, with a lock file: which runs are behind a cell.')
  command:option('--as', 'Write and check it under this name: a study at another size, say.')
    :argname 'NAME':convert(file_name)
  command:option('--into', 'Write it into this document too, between its two comments.')
    :count '*':argname 'FILE'
  command:flag('--check', 'Compare what was written with the records; exits 1 when they differ.')
  command:flag('--orderings', 'Which of the orderings of rows in the paper hold here?')
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

local function print_orderings(r, t)
  local any = false
  for k, column in ipairs(t.columns) do
    local list = column.has_paper and orderings.of(t, k, r.records) or {}
    if #list > 0 then
      local head, rows = orderings.text(t, k, list)
      print((any and '\n' or '') .. head)
      print(term.columns(rows, { [4] = true, [5] = true, [6] = true }))
      any = true
    end
  end
  if any then return end
  c.raise_at(nil, 'NOT_FOUND', '%s has no two complete cells of one column that the paper has too',
    t.name)
end

-- Not in the table itself: the same study gives the same bytes, whatever it was interrupted by.
local function say_cost(t)
  if t.cost.runs > 0 then
    term.say('%d finished runs, %s of computing', t.cost.runs, term.duration(t.cost.wall_s))
  end
end

function M.run(args)
  if args.check then return written.check(args) end
  if not args.script then
    c.raise_at('command line', 'INVALID', 'which table? a script, or --check for all of the store')
  end
  local r = results.open(args, 'table')
  local t = results.table(r, args)
  say_cost(t)
  if args.lint then
    local lines, bad = lint.table(t, r.plan, r.experiment)
    for _, line in ipairs(lines) do print(line) end
    return bad and require 'avcl.cli'.exit.failed or nil
  end
  if args.orderings then return print_orderings(r, t) end
  if args.write or #args.into > 0 then return written.write(r, t, args) end
  if args.per_seed then return show(formats.per_seed(t)) end
  local format = one_format(args)
  show(lock.render(t, format, results.command('table', args), results.uuid(r.store)))
end

return M
