-- where.lua - which line of the user's script we are being called from.
--
-- The nearest frame that is not one of our own files: a tail call hides a fixed level, and
-- library code in between is not what the user wrote.
local M = {}

local own = debug.getinfo(1, 'S').source:match '^@(.*)where%.lua$'

local function is_ours(source)
  return source:sub(1, 1) ~= '@' or source:sub(2, #own + 1) == own
end

---@return string? 'table3.lua:14', nil when no script is running
function M.script()
  for level = 2, 200 do
    local info = debug.getinfo(level, 'Sl')
    if not info then return nil end
    if info.what ~= 'C' and info.currentline > 0 and not is_ours(info.source) then
      return info.source:sub(2) .. ':' .. info.currentline
    end
  end
end

--- Where a function was written: 'table3.lua:14'.
function M.of(fn)
  local info = debug.getinfo(fn, 'S')
  return info.source:sub(2) .. ':' .. info.linedefined
end

return M
