-- cli/cancel.lua - `avcl cancel RUN...`: stops runs; their checkpoints are kept.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local process = require 'avcl.process'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Stop runs that run now: a checkpoint, then state stopped. The others go on.',
  example = 'avcl cancel 3f9c2a71      # --all for every run on this machine',
}

function M.setup(command)
  command:argument('runs', 'By their first digits.'):args '*':argname 'RUN'
  at_store.option(command)
  command:flag('--all', 'Every running one.')
end

-- The worker that holds the claim; only its own machine can reach it.
local function owner_of(store, id)
  local state, attempt = store:state(id)
  if state ~= 'running' then
    c.raise_at(nil, 'INVALID', 'run %s does not run: it is %s', id:sub(1, 8), state)
  end
  local claim = doc.read(('%s/claims/%s.%d'):format(store.root, id, attempt), 0)
  local host = require 'avcl.machine'.describe().name
  if not claim or claim.host ~= host then
    c.raise_at(nil, 'INVALID', 'run %s runs on %s: cancel it there', id:sub(1, 8),
      claim and tostring(claim.host) or 'another machine')
  end
  return claim.pid
end

function M.run(args)
  local store, view = at_store.open(args)
  local ids = at_store.ids(view, args.runs)
  if args.all then
    for _, row in ipairs(view:select 'state == "running"') do
      ids[#ids + 1] = view:get(row, 'run')
    end
  elseif #ids == 0 then
    c.raise_at('command line', 'INVALID', 'cancel which run? `avcl status` shows them; or --all')
  end
  for _, id in ipairs(ids) do
    process.kill(owner_of(store, id), process.SIGUSR1)
    term.say('asked %s to stop', id:sub(1, 8))
  end
end

return M
