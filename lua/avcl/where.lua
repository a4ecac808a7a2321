-- where.lua - which line of the user's script we are being called from.
--
-- The nearest frame that is not one of our own files: a tail call hides a fixed level, and
-- library code in between is not what the user wrote. While a script is evaluated only its own
-- files count; `return avcl.experiment { … }` is a tail call that leaves no frame at all, so
-- that line is looked up in the text.
local M = {}

local own = debug.getinfo(1, 'S').source:match '^@(.*)where%.lua$'
local evaluated = {} -- files being evaluated, innermost last

local function is_ours(source)
  return source:sub(1, 1) ~= '@' or source:sub(2, #own + 1) == own
end

local function is_evaluated(source)
  for _, file in ipairs(evaluated) do
    if source == '@' .. file then return true end
  end
  return #evaluated == 0
end

-- The line that a tail call was made from: the last `return` that calls something.
local function last_return(file)
  local n, found = 0, 1
  local f = io.open(file)
  if not f then return file .. ':1' end
  for line in f:lines() do
    n = n + 1
    if line:find '^%s*return%s+[%w_.]+%s*[%({]' then found = n end
  end
  f:close()
  return ('%s:%d'):format(file, found)
end

---@return string? 'table3.lua:14', nil when no script is running
function M.script()
  for level = 2, 200 do
    local info = debug.getinfo(level, 'Sl')
    if not info then break end
    local has_line = info.what ~= 'C' and info.currentline > 0
    if has_line and not is_ours(info.source) and is_evaluated(info.source) then
      return info.source:sub(2) .. ':' .. info.currentline
    end
  end
  if #evaluated > 0 then return last_return(evaluated[#evaluated]) end
end

--- Runs fn while `file` counts as the script; errors pass through `handler` and on.
function M.within(file, fn, handler)
  evaluated[#evaluated + 1] = file
  local ok, result = xpcall(fn, handler)
  evaluated[#evaluated] = nil
  if not ok then error(result, 0) end
  return result
end

--- Where a function was written: 'table3.lua:14'.
function M.of(fn)
  local info = debug.getinfo(fn, 'S')
  return info.source:sub(2) .. ':' .. info.linedefined
end

return M
