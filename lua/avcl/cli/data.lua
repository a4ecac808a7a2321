-- cli/data.lua - `avcl data`: what is in files and sets; making, importing and checking sets.
local M = {
  summary = 'Look into media files as training sees them; make, import and check data sets.',
  example = 'avcl data synth data/synth --clips 2000',
}

-- Each adds commands in setup(command) and runs them in actions[name](args).
local parts = { 'files', 'prepare', 'synth', 'import', 'stats', 'sheet' }

local actions = {}

function M.setup(command)
  command:command_target 'action'
  for _, name in ipairs(parts) do
    local part = require('avcl.cli.data.' .. name)
    part.setup(command)
    for action, run in pairs(part.actions) do actions[action] = run end
  end
end

function M.run(args)
  return actions[args.action](args)
end

return M
