-- source.lua - which line of a script a table key was written on.
--
-- LuaJIT tells the line of a call, often its last one; a key has none. So it is looked up in the
-- text: as `key =`, `['key'] =` or `'key'`, nearest before the line of the call, else after it.
local M = {}

local function lines_of(file)
  local list = {}
  local f = io.open(file)
  if f then
    for line in f:lines() do
      local code = line:gsub('%-%-.*$', '')
      list[#list + 1] = code
    end
    f:close()
  end
  return list
end

local function escape(text)
  return (text:gsub('%W', '%%%0'))
end

local function finds(line, key)
  local k = escape(key)
  return line:find('%f[%w_]' .. k .. '%s*=[^=]') or line:find('%f[%w_]' .. k .. '%s*=$')
    or line:find("%[%s*['\"]" .. k .. "['\"]%s*%]%s*=")
end

--- The line that has `text` in quotes, nearest to `place`; nil when there is none.
function M.find(place, text)
  local file, near = (place or ''):match '^(.*):(%d+)$'
  if not file then return nil end
  local best
  for i, line in ipairs(lines_of(file)) do
    local has = line:find("'" .. text .. "'", 1, true) or line:find('"' .. text .. '"', 1, true)
    if has and (not best or math.abs(i - near) < math.abs(best - near)) then best = i end
  end
  return best and file .. ':' .. best
end

local function last_part(key)
  return key:match '[^.]+$'
end

--- 'table3.lua:14' of the key nearest to `place` ('table3.lua:20'); `place` itself if unseen.
---@param place string? file:line of the call the table went to
---@param key string dotted keys are looked up by their last part too
function M.locate(place, key)
  local file, near = (place or ''):match '^(.*):(%d+)$'
  if not file then return place end
  local lines = lines_of(file)
  near = tonumber(near)
  for _, name in ipairs { key, last_part(key) } do
    for i = math.min(near, #lines), 1, -1 do
      if finds(lines[i], name) then return file .. ':' .. i end
    end
    for i = near + 1, #lines do
      if finds(lines[i], name) then return file .. ':' .. i end
    end
  end
  return place
end

return M
