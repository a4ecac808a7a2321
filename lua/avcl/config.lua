-- config.lua - one flat table of every key a study may set: 'tau', 'rgb.size', 'pretrain.epochs'.
--
-- Precedence: built-in < preset < the experiment < a preset named later < row < command line.
local c = require 'avcl.ffi'
local fields = require 'avcl.fields'
local presets = require 'avcl.presets'
local source = require 'avcl.source'
local spec = require 'avcl.spec'
local suggest = require 'avcl.suggest'

local M = {}

local function is_list(t)
  return #t > 0 or next(t) == nil
end

--- { rgb = { size = 8 } } -> { ['rgb.size'] = 8 }; lists stay values.
function M.flatten(t, prefix, out)
  out = out or {}
  for key, value in pairs(t) do
    local path = prefix and prefix .. '.' .. key or tostring(key)
    if type(value) == 'table' and not is_list(value) then
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

---@class avcl.Schema path -> field, and the experiment's own values
local Schema = {}
Schema.__index = Schema

local function type_of(value)
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
    self.machine[path] = machine or nil
  end
end

--- Checks and sets one key of the experiment itself.
function Schema:define(path, value, place)
  local field = self.fields[path]
  if not field then
    refuse_slip(self, path, place)
    field = { type = type_of(value), default = value }
    self.fields[path] = field
  end
  self:check(path, value, 'defaults', place)
  self.values[path] = value
end

--- Raises unless `value` fits the field at `path`.
function Schema:check(path, value, what, place)
  local field = self.fields[path]
  if not field then spec.unknown(path, M.sorted_keys(self.fields), what, place) end
  local problem = spec.problem(field, path, value, what)
  if problem then c.raise_at(source.locate(place, path), 'INVALID', '%s', problem) end
end

--- A schema with the built-in knobs.
---@return avcl.Schema
function M.new()
  local self = setmetatable({ fields = {}, values = {}, machine = {} }, Schema)
  self:add(nil, fields.knobs)
  self:add(nil, fields.machine, true)
  self:add('rgb', fields.clip)
  self:add('mel', fields.mel)
  return self
end

--- A checked flat point: a row or a base of one.
function Schema:point(t, what, place)
  local flat = M.flatten(t)
  flat.label = nil
  for path, value in pairs(flat) do self:check(path, value, what, place) end
  return flat
end

local function apply_preset(values, schema, name)
  for path, value in pairs(presets[name]) do
    if schema.fields[path] then values[path] = value end
  end
  values.preset = name
end

local function overlay(values, layer)
  for path, value in pairs(layer) do values[path] = value end
end

--- All values of one point: `row` and `overrides` are flat and checked.
function Schema:resolve(row, overrides)
  local values = {}
  overlay(values, self.values)
  local later = overrides.preset or row.preset
  local first = self.given and self.given.preset or 'paper'
  apply_preset(values, self, first)
  overlay(values, self.given or {})
  if later then apply_preset(values, self, later) end
  overlay(values, row)
  overlay(values, overrides)
  local function get(path)
    local v = values[path]
    return type(v) == 'function' and v(get) or v
  end
  for path, value in pairs(values) do
    if type(value) == 'function' then values[path] = value(get) end
  end
  return values
end

-- ---- command line ------------------------------------------------------------------------

local booleans = { ['true'] = true, ['false'] = false, yes = true, no = false }

local function number_of(text)
  local n = tonumber(text)
  if n and not text:match '^0[xX]' then return n end
end

local function parse_list(text)
  local list = {}
  for item in text:gsub('^{(.*)}$', '%1'):gmatch '[^,]+' do
    item = item:match "^%s*['\"]?(.-)['\"]?%s*$"
    list[#list + 1] = number_of(item) or item
  end
  return list
end

local function parse_value(field, path, text)
  if field.type == 'list' then return parse_list(text) end
  if text:find(',', 1, true) and field.type ~= 'string' then
    c.raise_at('command line', 'INVALID', "'%s=%s': one value is wanted here; a list of values "
      .. 'is a sweep and belongs in the script\'s rows', path, text)
  end
  if field.type == 'number' or field.type == 'integer' then
    return number_of(text)
      or c.raise_at('command line', 'INVALID', "'%s=%s': not a number", path, text)
  elseif field.type == 'boolean' then
    if booleans[text] == nil then
      c.raise_at('command line', 'INVALID', "'%s=%s': neither true nor false", path, text)
    end
    return booleans[text]
  end
  return text:match "^'(.*)'$" or text:match '^"(.*)"$' or text
end

--- { 'tau=0.1', 'pretrain.epochs=3' } as a checked flat layer.
function Schema:overrides(list)
  local out = {}
  for _, text in ipairs(list or {}) do
    local path, value = text:match '^([%w_.-]+)=(.*)$'
    if not path then
      c.raise_at('command line', 'INVALID', "'%s' is not key=value", text)
    end
    local field = self.fields[path]
    if not field then
      spec.unknown(path, M.sorted_keys(self.fields), 'an override', 'command line')
    end
    out[path] = parse_value(field, path, value)
    self:check(path, out[path], 'an override', 'command line')
  end
  return out
end

return M
