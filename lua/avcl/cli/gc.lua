-- cli/gc.lua - `avcl gc`: finds what nothing needs; moves it to trash/, later deletes it.
local at_store = require 'avcl.cli.at_store'
local garbage = require 'avcl.garbage'
local term = require 'avcl.cli.term'

local M = {
  summary = 'List what nothing needs any more: left-overs, work without a run, checkpoints.',
  example = 'avcl gc                   # only says; `avcl gc --apply` does',
}

function M.setup(command)
  at_store.option(command)
  command:flag('--apply', 'Do it: to trash/, and delete what has been there for 30 days.')
  command:flag('--checkpoints', 'Also checkpoints of done runs that no run and no table needs.')
end

function M.run(args)
  local store, view = at_store.open(args)
  local list = garbage.find(store, view, { checkpoints = args.checkpoints })
  local rows, bytes = {}, 0
  for i, item in ipairs(list) do
    rows[i] = { item.action, term.bytes(item.bytes), item.path, item.why }
    bytes = bytes + item.bytes
  end
  if #rows == 0 then
    print 'nothing to collect'
    return
  end
  print(term.columns(rows))
  if args.apply then
    for _, item in ipairs(list) do garbage.collect(store, item) end
  end
  term.say('%d things, %s%s', #list, term.bytes(bytes),
    args.apply and '' or "; 'avcl gc --apply' collects them")
end

return M
