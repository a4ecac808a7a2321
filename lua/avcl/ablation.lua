-- ablation.lua - rows relative to a base: what does each part contribute?
--
--   avcl.leave_one_out { { 'SelfCL', lambda_self = 0 }, { 'AMFM', fusion = 'concat' } }
--
-- A component is { 'name', key = value }: what to set to be without it. Rows: the base, and each
-- component left out. `label` names the base row; `base` is a point that all rows start from.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local source = require 'avcl.source'
local sweep = require 'avcl.sweep'
local where = require 'avcl.where'

local M = {}

local function fail(place, fmt, ...)
  c.raise_at(place, 'INVALID', fmt, ...)
end

-- `label` and `base` of an operator, and the rest of its table.
local function split(t, what, place)
  if type(t) ~= 'table' then fail(place, '%s takes a table, got a %s', what, type(t)) end
  local rest = {}
  for key, value in pairs(t) do rest[key] = value end
  local label, base = rest.label, rest.base or {}
  rest.label, rest.base = nil, nil
  if type(base) ~= 'table' or sweep.is_points(base) then
    fail(source.locate(place, 'base'), "%s: 'base' is one point, { key = value }", what)
  end
  return label, config.flatten(base), rest
end

local function overlay(...)
  local out = {}
  for _, layer in ipairs { ... } do
    for key, value in pairs(layer) do out[key] = value end
  end
  return out
end

-- A labelled point on the base.
local function row(place, label, ...)
  local values = overlay(...)
  values.label = label
  return sweep.point(values, place)
end

local function components(rest, what, place)
  for key in pairs(rest) do
    if type(key) == 'string' then
      fail(source.locate(place, key), "%s: '%s' belongs in a component, { 'name', %s = … }", what,
        key, key)
    end
  end
  local list = {}
  for i, item in ipairs(rest) do
    if type(item) ~= 'table' or type(item[1]) ~= 'string' or #item ~= 1 then
      fail(place, "%s: item %d is not { 'component', key = value without it }", what, i)
    end
    local values = {}
    for key, value in pairs(item) do
      if key ~= 1 then values[key] = value end
    end
    if next(values) == nil then
      fail(source.find(place, item[1]) or place, "%s: '%s' does not say what being without it sets",
        what, item[1])
    end
    list[i] = { name = item[1], without = config.flatten(values) }
  end
  if #list < 2 then fail(place, '%s needs two components or more, got %d', what, #list) end
  return list
end

--- The base, then the base without each component.
function M.leave_one_out(t)
  local place = where.script()
  local label, base, rest = split(t, 'leave_one_out', place)
  local out = { row(place, label, base) }
  for _, part in ipairs(components(rest, 'leave_one_out', place)) do
    out[#out + 1] = row(place, 'no ' .. part.name, base, part.without)
  end
  return sweep.points(out, place)
end

-- Everything off but component `keep` (nil = everything off).
local function without_all(list, keep, place)
  local out, by = {}, {}
  for _, part in ipairs(list) do
    for key, value in pairs(part ~= keep and part.without or {}) do
      if out[key] ~= nil and config.text_of { out[key] } ~= config.text_of { value } then
        fail(source.locate(place, key), "add_one_in: '%s' and '%s' both set '%s', to different "
          .. 'values', by[key], part.name, key)
      end
      out[key], by[key] = value, part.name
    end
  end
  return out
end

--- None of the components, each alone, then the base with all of them.
function M.add_one_in(t)
  local place = where.script()
  local label, base, rest = split(t, 'add_one_in', place)
  local list = components(rest, 'add_one_in', place)
  local out = { row(place, 'none', base, without_all(list, nil, place)) }
  for _, part in ipairs(list) do
    out[#out + 1] = row(place, 'only ' .. part.name, base, without_all(list, part, place))
  end
  out[#out + 1] = row(place, label, base)
  return sweep.points(out, place)
end

-- Alternatives of each key on the base; rows name themselves by their difference from it.
local function alternatives(rest, what, base, place)
  local out = {}
  for _, factor in ipairs(sweep.factors(rest, what, place)) do
    for _, point in ipairs(factor.list) do
      local made = sweep.point(overlay(base, point.values), place)
      made.names, made.relative = point.names, { to = base, by = what }
      for key in pairs(base) do made.named[key] = point.values[key] == nil or nil end
      for key in pairs(point.named) do made.named[key] = true end
      out[#out + 1] = made
    end
  end
  return out
end

--- The base, then one row for each other value of each key, the rest as in the base.
function M.one_factor(t)
  local place = where.script()
  local label, base, rest = split(t, 'one_factor', place)
  local out = { row(place, label, base) }
  for _, point in ipairs(alternatives(rest, 'one_factor', base, place)) do out[#out + 1] = point end
  return sweep.points(out, place)
end

--- One part exchanged for each alternative; without the base itself.
function M.swap(t)
  local place = where.script()
  local _, base, rest = split(t, 'swap', place)
  return sweep.points(alternatives(rest, 'swap', base, place), place)
end

return M
