-- query.lua - a Lua expression over columns, as a function of a row.
--
--   query.compile('state == "done" and config.tau <= 0.1', column)(row) -> boolean
--
-- Names are replaced by calls of their columns' getters, so a name that no column has is an
-- error before the first row is looked at, and a row costs no table look-ups.
local c = require 'avcl.ffi'

local M = {}

local keywords = {
  ['and'] = true, ['or'] = true, ['not'] = true, ['nil'] = true, ['true'] = true,
  ['false'] = true,
}
local statements = {
  ['break'] = true, ['do'] = true, ['else'] = true, ['elseif'] = true, ['end'] = true,
  ['for'] = true, ['function'] = true, ['if'] = true, ['in'] = true, ['local'] = true,
  ['repeat'] = true, ['return'] = true, ['then'] = true, ['until'] = true, ['while'] = true,
}
-- What an expression may call by name: never a column.
local functions = { tonumber = tonumber, tostring = tostring, math = math }

local function refuse(text, fmt, ...)
  c.raise_at(nil, 'INVALID', "filter '%s': " .. fmt, text, ...)
end

local function quoted(text, at)
  local mark = text:sub(at, at)
  local stop = at + 1
  while true do
    local found = text:find('[\\' .. mark .. ']', stop)
    if not found then refuse(text, 'a text is not closed') end
    if text:sub(found, found) == mark then return found end
    stop = found + 2
  end
end

-- A name with its dots: `config.stage.optim.lr`. After ':' a method's name stays as it is.
local function name_at(text, at)
  local stop = select(2, text:find('^[%a_][%w_]*', at))
  while true do
    local _, more = text:find('^%.[%a_][%w_]*', stop + 1)
    if not more then return text:sub(at, stop), stop end
    stop = more
  end
end

local function take_name(text, at, out, column, getters)
  local name, stop = name_at(text, at)
  local before = table.concat(out):match '(%S)%s*$'
  local top = name:match '^[^.]+'
  if statements[name] then refuse(text, "'%s' is a statement, not a value", name) end
  if keywords[name] or functions[top] or before == ':' then
    out[#out + 1] = name
  else
    getters.n = getters.n + 1
    getters[getters.n] = column(name)
    out[#out + 1] = ('(get[%d](row))'):format(getters.n)
  end
  return stop + 1
end

-- The expression with names replaced; numbers and texts are copied.
local function translate(text, column, getters)
  local out, at = {}, 1
  while at <= #text do
    local ch = text:sub(at, at)
    if ch:match '[%a_]' then
      at = take_name(text, at, out, column, getters)
    else
      local stop = at
      if ch == '"' or ch == "'" then
        stop = quoted(text, at)
      elseif ch:match '%d' then
        stop = select(2, text:find('^0[xX]%x+', at))
          or select(2, text:find('^[%d.]+[eE][+-]?%d+', at))
          or select(2, text:find('^[%d.]+', at))
      elseif text:find('^%-%-', at) or text:find('^%[=*%[', at) or ch == '{' then
        refuse(text, "'%s' has no place in a filter", ch)
      elseif text:find('^!=', at) then
        refuse(text, "Lua writes ~= for !=")
      elseif text:find('^[^=<>~]=[^=]', at - 1) and ch == '=' then
        refuse(text, 'Lua compares by ==')
      end
      out[#out + 1] = text:sub(at, stop)
      at = stop + 1
    end
  end
  return table.concat(out)
end

--- column(name) -> getter, raising on an unknown name. A comparison with a missing value does
--- not hold.
---@return fun(row: integer): boolean
function M.compile(text, column)
  local getters = { n = 0 }
  local body = translate(text, column, getters)
  local chunk, problem = loadstring(('local get = ... return function(row) return (%s) end')
    :format(body), '=filter')
  if not chunk then
    refuse(text, '%s', (problem:gsub('^filter:%d+: ', ''):gsub('%(get%[%d+%]%(row%)%)', 'name')))
  end
  local holds = setfenv(chunk, functions)(getters)
  return function(row)
    local ok, value = pcall(holds, row)
    return ok and value and true or false
  end
end

return M
