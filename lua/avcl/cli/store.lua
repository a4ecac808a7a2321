-- cli/store.lua - `avcl store verify|compact|merge`: the store as files.
local at_store = require 'avcl.cli.at_store'
local compact = require 'avcl.compact'
local merge = require 'avcl.merge'
local stores = require 'avcl.store'
local term = require 'avcl.cli.term'
local verify = require 'avcl.verify'

local M = {
  summary = 'Check the store, fold its logs, take in another one.',
  example = 'avcl store verify',
}

function M.setup(command)
  command:require_command(true)
  command:command_target 'action'
  local v = command:command('verify', 'Find and explain every damage.')
  at_store.option(v)
  v:flag('--checkpoints', 'Also hash checkpoints, which takes longer.')
  at_store.option(command:command('compact', 'Remove logs that help no reader any more.'))
  local m = command:command('merge', 'Copy the runs of another store into this one.')
  m:argument('other', 'The other store.'):argname 'OTHER'
  at_store.option(m)
  m:flag('--work', 'Also checkpoints.')
end

local actions = {}

function actions.verify(args)
  local n, problems = verify.store(stores.open(args.store), { checkpoints = args.checkpoints })
  for _, problem in ipairs(problems) do print(problem) end
  term.say('%d runs, %d problems', n, #problems)
  return #problems > 0 and require 'avcl.cli'.exit.store or 0
end

function actions.compact(args)
  local removed, kept = compact.store(stores.open(args.store))
  term.say('%d logs removed, %d kept: their processes may still write', removed, kept)
end

function actions.merge(args)
  local store = stores.open(args.store, true)
  local result = merge.stores(store, stores.open(args.other), { work = args.work })
  for _, text in ipairs(result.conflicts) do print(text) end
  term.say('%d runs are new, %d have new files, %d the same; %d conflicts', result.new,
    result.grown, result.same, #result.conflicts)
  return #result.conflicts > 0 and 1 or 0
end

function M.run(args)
  return actions[args.action](args)
end

return M
