-- cli/plugin/check.lua - `avcl plugin check`: does a plugin keep the rules?
local check = require 'avcl.check'
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local hosts = require 'avcl.host'
local lfs = require 'lfs'
local term = require 'avcl.cli.term'

local M = { summary = 'Test a plugin: loading, parameters, shapes, numbers, gradients, threads.' }

function M.setup(command)
  command:argument('file', 'A plugin file, or the name of a module.'):argname 'FILE'
  command:option('--module', 'This module of it only.'):argname 'NAME'
  command:option('--only', 'Tests with this in their name, as gradient.'):argname 'TEXT'
  command:option('--seed', 'Seed of drawn values.'):argname 'N':convert(tonumber):default '1'
  command:option('--seconds', 'Time that a test may take.'):argname 'S':convert(tonumber)
    :default '60'
  command:flag('--in-process', 'No child processes: for a debugger.')
  command:flag('--json', 'One JSON document.')
end

-- A path is a path; a name is looked up among the candidates, without loading any.
local function file_of(name)
  if name:find '%.so$' or lfs.attributes(name) then return name end
  for _, p in ipairs(hosts.get():inventory()) do
    if p.id == name then return p.path end
    for _, m in ipairs(p.modules) do
      if m.name == name or m.full_name == name then return p.path, m.name end
    end
  end
  c.raise_at(nil, 'NOT_FOUND', "no plugin file and no module '%s'", name)
end

local colors = { ok = 'green', warn = 'yellow', fail = 'red' }

local function print_result(r)
  local where = r.module ~= '' and r.module .. '  ' or ''
  print(('%s  %s%s%s'):format(term.paint(('%-4s'):format(r.verdict), colors[r.verdict] or 'dim', 1),
    where, r.test, r.text ~= '' and ': ' .. r.text or ''))
end

function M.run(args)
  local file, module = file_of(args.file)
  local counts, results = { ok = 0, skip = 0, warn = 0, fail = 0 }, {}
  for r in check.run(file, {
    module = args.module or module, only = args.only, seed = args.seed, seconds = args.seconds,
    in_process = args.in_process,
  }) do
    counts[r.verdict] = counts[r.verdict] + 1
    results[#results + 1] = r
    if not args.json then print_result(r) end
  end
  local document = check.document(file, results, counts)
  -- Part of the tests is no check.
  local problem = not (args.only or args.module or module) and check.remember(file, document)
  if problem then term.say('not kept beside the plugin: %s', problem) end
  if args.json then
    print(doc.json(document))
  else
    print(('%d ok, %d failed, %d warnings, %d do not apply (seed %d)'):format(counts.ok,
      counts.fail, counts.warn, counts.skip, args.seed))
  end
  return counts.fail > 0 and require 'avcl.cli'.exit.failed or nil
end

return M
