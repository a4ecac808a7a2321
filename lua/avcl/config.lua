-- config.lua - one flat table of every key a study may set: 'tau', 'rgb.size', 'pretrain.epochs'.
--
-- Precedence: built-in < preset < user's file < project's file < the experiment < a preset named
-- later < row < AVCL_* < command line. Files and AVCL_* set only where a run happens.
local by = require 'avcl.by'
local c = require 'avcl.ffi'
local fields = require 'avcl.fields'
local methods = require 'avcl.methods'
local presets = require 'avcl.presets'
local source = require 'avcl.source'
local spec = require 'avcl.spec'
local suggest = require 'avcl.suggest'
local transforms = require 'avcl.transforms'

local M = {}

-- What is kept whole: lists, and objects such as a draw.
local function is_value(t)
  return #t > 0 or next(t) == nil or getmetatable(t) ~= nil
end

--- { rgb = { size = 8 } } -> { ['rgb.size'] = 8 }; lists stay values.
function M.flatten(t, prefix, out)
  out = out or {}
  for key, value in pairs(t) do
    local path = prefix and prefix .. '.' .. key or tostring(key)
    if type(value) == 'table' and not is_value(value) then
      M.flatten(value, path, out)
    else
      out[path] = value
    end
  end
  return out
end

--- The reverse.
function M.nest(flat)
  local out = {}
  for path, value in pairs(flat) do
    local at = out
    for part in path:gmatch '([^.]+)%.' do
      at[part] = at[part] or {}
      at = at[part]
    end
    at[path:match '[^.]+$'] = value
  end
  return out
end

function M.sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Shortest text that reads back as the same number.
function M.number_text(x)
  for digits = 14, 17 do
    local text = ('%.' .. digits .. 'g'):format(x)
    if tonumber(text) == x then return text end
  end
  return tostring(x)
end

--- A value as people write it: 0.1, concat, conv4+pool.
function M.value_text(value)
  if type(value) == 'number' then return M.number_text(value) end
  if type(value) ~= 'table' or getmetatable(value) then return tostring(value) end
  local parts = {}
  for i, item in ipairs(value) do parts[i] = M.value_text(item) end
  return table.concat(parts, '+')
end

--- Equal values, equal text: of a flat table, or of some of its keys.
function M.text_of(values, keys)
  local parts = {}
  for i, key in ipairs(keys or M.sorted_keys(values)) do
    local value = values[key]
    parts[i] = ('%s=%s:%s'):format(key, type(value), M.value_text(value))
  end
  return table.concat(parts, '\0')
end

---@class avcl.Schema path -> field, default and what the experiment says (`given`)
local Schema = {}
Schema.__index = Schema

local function type_of(value)
  if by.is(value) then return by.each(value, type_of) end
  return type(value) == 'table' and 'list' or type(value)
end

-- A new knob that is a slip of the pen from a known one is an error.
local function refuse_slip(self, path, place)
  local near = suggest.nearest(path, M.sorted_keys(self.fields))
  if not near or math.abs(#near - #path) > 1 or #path < 4 then return end
  if near:gsub('[^%l]', '') == path:gsub('[^%l]', '') then return end
  c.raise_at(source.locate(place, path), 'INVALID', "unknown key '%s' in defaults; did you mean "
    .. "'%s'?", path, near)
end

function Schema:add(prefix, list, machine)
  for name, field in pairs(list) do
    local path = prefix and prefix .. '.' .. name or name
    self.fields[path] = field
    self.values[path] = field.default
    self.machine[path] = machine or field.machine or nil
  end
end

--- Checks and sets one key of the experiment itself.
function Schema:define(path, value, place)
  local field = self.fields[path]
  if not field then
    refuse_slip(self, path, place)
    self:add(nil, { [path] = { type = type_of(value), default = value } })
  end
  self:check(path, value, 'defaults', place)
  self.given[path] = value
end

--- Raises "unknown key", with the nearest one.
function Schema:unknown(path, what, place)
  spec.unknown(path, M.sorted_keys(self.fields), what, place)
end

--- Raises unless `value` fits the field at `path`.
function Schema:check(path, value, what, place)
  local field = self.fields[path] or self:unknown(path, what, place)
  local problem = spec.problem(field, path, value, what)
  if problem then c.raise_at(source.locate(place, path), 'INVALID', '%s', problem) end
end

--- A schema with the built-in knobs.
---@return avcl.Schema
function M.new()
  local self = setmetatable({ fields = {}, values = {}, machine = {}, given = {} }, Schema)
  setmetatable(self.fields, { __index = function(_, path) return transforms.field(self, path) end })
  self:add(nil, fields.knobs)
  self:add(nil, fields.machine, true)
  self:add('rgb', fields.clip)
  self:add('mel', fields.mel)
  transforms.add_to(self)
  return self
end

--- Keys that say where a run happens, not what it computes.
function Schema:machine_names()
  return M.sorted_keys(self.machine)
end

--- A checked flat point: a row or a base of one.
function Schema:point(t, what, place)
  local flat = M.flatten(t)
  for path, value in pairs(flat) do self:check(path, value, what, place) end
  return flat
end

-- Values of a point while layers are laid over each other; `origins` notes who set what.
local function overlay(point, layer, origin, dropped)
  for path, value in pairs(layer or {}) do
    if not (dropped and dropped[path]) then
      point.values[path], point.origins[path] = value, origin
    end
  end
end

local function known_of(schema, values)
  local known = {}
  for path, value in pairs(values) do
    if schema.fields[path] then known[path] = value end
  end
  return known
end

local function apply_preset(point, schema, name, method, origin)
  overlay(point, known_of(schema, presets.of(name, method)), ("preset '%s'"):format(name))
  overlay(point, { preset = name }, origin)
end

-- A value that follows from others, as presets and avcl.by have them.
local function settled(value, path, get)
  if by.is(value) then return by.value(value, path, get) end
  if type(value) == 'function' then return value(get) end
  return value
end

-- What the choice of a method brings along: see methods.lua.
local function apply_method(point, schema, method)
  local layer = {}
  for path, value in pairs(known_of(schema, methods.settings[method] or {})) do
    local below = point.values[path]
    layer[path] = type(value) ~= 'function' and value
      or function(get) return value(get, settled(below, path, get)) end
  end
  overlay(point, layer, ("method '%s'"):format(method))
end

local function settle(values)
  local get
  function get(path) return settled(values[path], path, get) end
  for path, value in pairs(values) do values[path] = settled(value, path, get) end
end

-- Preset and method may be decided by a key too: by what the layers known by now say of it.
local function early(value, path, layers)
  return by.is(value) and by.value(value, path, function(key)
    for _, layer in ipairs(layers) do
      if layer[key] ~= nil then return layer[key] end
    end
  end) or value
end

local none = {}

--- All values of one point, and who set each. `row` is flat and checked; `layer` comes from
--- overrides.lua.
---@return table<string, any> values, table<string, string> origins
function Schema:resolve(row, layer)
  layer = layer or none
  local point, dropped = { values = {}, origins = {} }, layer.dropped
  local given = self.given
  local asked = layer.values or none
  local later = asked.preset or row.preset
  local layers = { asked, row, given, self.values }
  local method = early(asked.method or row.method or given.method or self.values.method,
    'method', layers)
  local first = early(given.preset, 'preset', layers)
  overlay(point, self.values, 'built-in')
  apply_preset(point, self, later or first or 'paper', method,
    first and 'experiment' or 'built-in')
  for _, file in ipairs(self.files or none) do overlay(point, file.values, file.name) end
  overlay(point, given, 'experiment', dropped)
  if later then apply_preset(point, self, later, method, 'row') end
  apply_method(point, self, method)
  overlay(point, row, 'row', dropped)
  overlay(point, self.environment, 'environment')
  overlay(point, layer.values, 'command line')
  for _, change in ipairs(layer.changes or none) do
    point.values[change.path] = change.apply(point.values[change.path])
    point.origins[change.path] = 'command line'
  end
  settle(point.values)
  return point.values, point.origins
end

return M
