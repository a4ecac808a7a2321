-- cli/lua.lua - `avcl lua`: a plain script with the library, nothing masked.
local c = require 'avcl.ffi'

local M = {
  summary = 'Run a Lua script with the library: graphs, sessions, data.',
  example = 'avcl lua check.lua 3 --verbose',
}

function M.setup(command)
  command:handle_options(false)
  command:argument('file', 'The script.'):argname 'FILE'
  command:argument('args', 'Its arguments: `...` and `arg` in the script.'):args '*':argname 'ARG'
end

function M.run(args)
  local chunk, problem = loadfile(args.file)
  if not chunk then
    local f = io.open(args.file)
    if f then f:close() end
    c.raise_at(nil, f and 'INVALID' or 'NOT_FOUND', '%s', problem)
  end
  rawset(_G, 'arg', { [0] = args.file, unpack(args.args) }) -- as lua itself does
  local result = chunk(unpack(args.args))
  return type(result) == 'number' and result or nil
end

return M
