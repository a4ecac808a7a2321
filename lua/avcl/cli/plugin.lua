-- cli/plugin.lua - `avcl plugin list | info | check | new | lock`; each is a file in plugin/.
local M = {
  summary = 'What can be plugged in: list, show, check, make and lock modules.',
  example = 'avcl plugin info r3d --input 3,16,112,112',
}

local actions = { 'list', 'info', 'check', 'new', 'lock' }

function M.setup(command)
  command:command_target 'action'
  for _, name in ipairs(actions) do
    local action = require('avcl.cli.plugin.' .. name)
    action.setup(command:command(name, action.summary))
  end
end

function M.run(args)
  return require('avcl.cli.plugin.' .. args.action).run(args)
end

return M
