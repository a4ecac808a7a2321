-- attr.lua - Lua tables to avcl_attr lists, typed by the schema of the op or module.
local c = require 'avcl.ffi'

local M = {}

local function is_whole(v)
  return type(v) == 'number' and v == math.floor(v) and math.abs(v) < 2 ^ 53
end

-- The type to send: the schema's, where the value fits it; else the value's own, and the core
-- says what is wrong with it.
local function type_of(value, row)
  local kind = type(value)
  if kind == 'boolean' then return 'bool' end
  if kind == 'string' then return 'str' end
  if kind == 'table' then return 'ints' end
  if kind ~= 'number' then return nil end
  if row and row.type == 'ints' then return 'ints' end
  if row and row.type == 'float' then return 'float' end
  return is_whole(value) and 'int' or 'float'
end

local fill = {
  bool = function(v, value) v.type, v.i = c.C.AVCL_BOOL, value and 1 or 0 end,
  int = function(v, value) v.type, v.i = c.C.AVCL_INT, value end,
  float = function(v, value) v.type, v.f = c.C.AVCL_FLOAT, value end,
  str = function(v, value) v.type, v.s = c.C.AVCL_STR, value end,
  ints = function(v, value, keep)
    local list = type(value) == 'table' and value or { value }
    for i, x in ipairs(list) do
      if not is_whole(x) then
        c.raise('INVALID', 'element %d is %s, not a whole number', i, tostring(x))
      end
    end
    local array = c.new('int64_t[?]', math.max(#list, 1), list)
    keep[#keep + 1] = array
    v.type, v.count, v.iv = c.C.AVCL_INTS, #list, array
  end,
}

--- attrs, n and a table that must live as long as attrs.
---@param values table<string, any>?
---@param schema avcl.Param[]?
---@param what string for messages: "op 'relu'"
function M.pack(values, schema, what)
  local names = {}
  for name in pairs(values or {}) do
    if type(name) ~= 'string' then
      c.raise('INVALID', '%s: attributes are name = value, got a list', what)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  if #names == 0 then return nil, 0, {} end
  local attrs, keep = c.new('avcl_attr[?]', #names), { names }
  for i, name in ipairs(names) do
    local value = values[name]
    local kind = type_of(value, schema and schema[name])
    if not kind then
      c.raise('INVALID', "%s: '%s' is a %s", what, name, type(value))
    end
    keep[#keep + 1] = value
    attrs[i - 1].name = name
    fill[kind](attrs[i - 1].value, value, keep)
  end
  return attrs, #names, keep
end

return M
