-- cli/logs.lua - `avcl logs RUN`: what a run printed.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'

local M = {
  summary = 'Print the log of a run; -f follows it until the run ends.',
  example = 'avcl logs -f 3f9c2a71',
}

local EVERY_S = 0.5

function M.setup(command)
  command:argument('run', 'The first digits of its id are enough.'):argname 'RUN'
  at_store.option(command)
  command:flag('-f --follow', 'Go on until the run ends.')
end

-- What is new behind `from`; the new end.
local function copy(path, from)
  local f = io.open(path)
  if not f then return from end
  f:seek('set', from)
  local text = f:read '*a'
  f:close()
  io.stdout:write(text)
  io.stdout:flush()
  return from + #text
end

function M.run(args)
  local store, view = at_store.open(args)
  local row = view:find(args.run)
  local id = view:get(row, 'run')
  local sources = { store:work_path(id, 'log'), store:run_path(id, 'epochs.jsonl') }
  local ends = { 0, 0 }
  repeat
    local state = store:state(id) -- before reading: what was written until then is shown
    for i, path in ipairs(sources) do ends[i] = copy(path, ends[i]) end
    local more = args.follow and state == 'running'
    if more then c.sleep(EVERY_S) end
  until not more
  local message = view:refresh():get(view:find(id), 'message')
  if message then require 'avcl.cli.term'.say('%s', message) end
end

return M
