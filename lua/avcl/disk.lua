-- disk.lua - whole files as text.
local M = {}

--- All of a file; nil and why when it cannot be opened or is a directory.
---@return string? text, string? problem
function M.read(path)
  local f, problem = io.open(path, 'rb')
  if not f then return nil, problem end
  local text, fault = f:read '*a'
  f:close()
  return text, fault and ('%s: %s'):format(path, fault)
end

return M
