-- cli/resume.lua - `avcl resume [RUN...]`: goes on with what was stopped, lost or failed.
--
-- A run's record says by which command it came; that command is planned again and carries out
-- these runs alone, and what they come from.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Go on with runs that were stopped or failed, by the commands they came from.',
  example = 'avcl resume            # all of them; `avcl resume 3f9c2a71` that one',
}

function M.setup(command)
  command:argument('runs', 'By their first digits; all unfinished ones without.'):args '*'
    :argname 'RUN'
  at_store.option(command)
  command:option('-j --jobs', 'Runs at a time.'):convert(tonumber):default '1':argname 'N'
  command:flag('--steal', 'Also runs of another machine that nobody can prove to be gone.')
  command:option('--progress', 'auto, plain, json or none.')
    :choices { 'auto', 'plain', 'json', 'none' }:default 'auto'
end

local function wanted(view, prefixes)
  if #prefixes > 0 then return at_store.ids(view, prefixes) end
  local list = {}
  local filter = 'state == "stopped" or state == "lost" or state == "failed"'
  for i, row in ipairs(view:select(filter)) do list[i] = view:get(row, 'run') end
  return list
end

-- Runs by the command they came from: { key = { argv, ids, seeds } }.
local function by_command(store, ids)
  local groups, order = {}, {}
  for _, id in ipairs(ids) do
    local run = store:read(id, 'run.yaml')
    local argv = run and run.provenance and run.provenance.argv
    if not argv or argv[1] ~= 'run' then
      c.raise_at(nil, 'NOT_FOUND', 'run %s does not say by which command it came', id:sub(1, 8))
    end
    local key = table.concat(argv, '\0')
    if not groups[key] then
      groups[key] = { argv = argv, ids = {}, seeds = {} }
      order[#order + 1] = groups[key]
    end
    groups[key].ids[id] = true
    groups[key].seeds[run.seed] = true
  end
  return order
end

local function seeds_text(seeds)
  local list = {}
  for seed in pairs(seeds) do list[#list + 1] = seed end
  table.sort(list)
  return table.concat(list, ',')
end

local function run_group(args, group)
  local argv = { 'run', '--store', args.store, '--seeds', seeds_text(group.seeds), '--jobs',
    tostring(args.jobs), '--progress', args.progress }
  for i = 2, #group.argv do argv[#argv + 1] = group.argv[i] end
  local ok, parsed = require 'avcl.cli'.parse(argv)
  if not ok then c.raise_at(nil, 'INVALID', 'cannot repeat `avcl %s`: %s',
    table.concat(group.argv, ' '), parsed) end
  parsed.ids, parsed.steal = group.ids, args.steal
  return require 'avcl.cli.run'.run(parsed)
end

function M.run(args)
  local store, view = at_store.open(args)
  local ids = wanted(view, args.runs)
  if #ids == 0 then
    term.say 'nothing is unfinished'
    return
  end
  local worst = 0
  for _, group in ipairs(by_command(store, ids)) do
    worst = math.max(worst, run_group(args, group))
  end
  return worst
end

return M
