-- spec.lua - checks a table against named fields: unknown keys, types, ranges, defaults.
--
--   spec.check({ lr = { type = 'number', above = 0, default = 1e-3 } }, t, 'sgd', place)
local by = require 'avcl.by'
local c = require 'avcl.ffi'
local source = require 'avcl.source'
local suggest = require 'avcl.suggest'

local M = {}

---@class avcl.Field
---@field type string      number, integer, string, boolean, list, table, function or any
---@field default any
---@field min number?      inclusive
---@field max number?      inclusive
---@field above number?    exclusive
---@field choices string[]?
---@field doc string?

local function has_type(field, value)
  if field.type == 'integer' then
    return type(value) == 'number' and value == math.floor(value)
  elseif field.type == 'list' then
    return type(value) == 'table'
  elseif field.type == 'any' then
    return true
  end
  return type(value) == field.type
end

local articles = { integer = 'a whole number', list = 'a list' }

local function shown(value)
  if type(value) == 'string' then return "'" .. value .. "'" end
  return type(value) == 'table' and 'a table' or tostring(value)
end

local function range_text(field)
  if field.choices then return 'one of ' .. table.concat(field.choices, ', ') end
  if field.min and field.max then return ('%g..%g'):format(field.min, field.max) end
  if field.min then return ('at least %g'):format(field.min) end
  if field.above and field.max then
    return ('above %g, at most %g'):format(field.above, field.max)
  end
  if field.above then return ('above %g'):format(field.above) end
  if field.max then return ('at most %g'):format(field.max) end
end

local function in_range(field, value)
  if field.choices then
    for _, choice in ipairs(field.choices) do
      if choice == value then return true end
    end
    return false
  end
  if type(value) ~= 'number' then return true end
  return value == value and value >= (field.min or -math.huge) and value <= (field.max or math.huge)
    and (not field.above or value > field.above)
end

--- What is wrong with a value, or nil: "'tau' in row 1 is -1, must be above 0".
function M.problem(field, key, value, what)
  if by.is(value) then
    return by.each(value, function(case) return M.problem(field, key, case, what) end)
  end
  if not has_type(field, value) then
    return ("'%s' in %s is %s, must be %s"):format(key, what, shown(value),
      articles[field.type] or 'a ' .. field.type)
  end
  if in_range(field, value) then return nil end
  local is_name = field.choices and type(value) == 'string'
  local hint = is_name and suggest.nearest(value, field.choices)
  return ("'%s' in %s is %s, must be %s%s"):format(key, what, shown(value), range_text(field),
    hint and ("; did you mean '%s'?"):format(hint) or '')
end

--- Raises "unknown key 'los' in sgd; did you mean 'loss'?" with the key's own line.
function M.unknown(key, known, what, place)
  key = tostring(key)
  table.sort(known)
  c.raise_at(source.locate(place, key), 'INVALID', "unknown key '%s' in %s%s", key, what,
    suggest.text(key, known))
end

--- A checked copy with defaults filled in.
---@param fields table<string, avcl.Field>
---@param what string for messages
---@param place string? where the table was given
function M.check(fields, t, what, place)
  if type(t) ~= 'table' then
    c.raise_at(place, 'INVALID', '%s is %s, must be a table', what, shown(t))
  end
  local names, out = {}, {}
  for name in pairs(fields) do names[#names + 1] = name end
  for key, value in pairs(t) do
    local field = fields[key]
    if not field then M.unknown(key, names, what, place) end
    local problem = M.problem(field, key, value, what)
    if problem then c.raise_at(source.locate(place, tostring(key)), 'INVALID', '%s', problem) end
    out[key] = value
  end
  for name, field in pairs(fields) do
    if out[name] == nil then
      if field.required then
        local hint = field.doc and ' (' .. field.doc .. ')' or ''
        c.raise_at(place, 'INVALID', "%s lacks '%s'%s", what, name, hint)
      end
      out[name] = field.default
    end
  end
  return out
end

return M
