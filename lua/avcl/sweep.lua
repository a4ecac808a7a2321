-- sweep.lua - rows of a table: lists of points, and what combines them.
--
--   avcl.rows { { label = 'no AMFM', fusion = 'concat' }, avcl.zip { a = { 1, 2 }, b = { 3, 4 } } }
--   avcl.grid { avcl.cases { { 'small', width = 4 }, { 'wide', width = 16 } }, tau = { 0.1, 1 } }
--
-- A point says only what it changes. Keys are taken in alphabetical order and lists in the order
-- written, so the same text always gives the same rows.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local source = require 'avcl.source'
local suggest = require 'avcl.suggest'
local where = require 'avcl.where'

local M = {}

---@class avcl.Point
---@field values table<string, any>  flat
---@field names string[]             what people call it, in parts
---@field named table<string, true>  keys that the names speak for
---@field seeds any                  its own, instead of the experiment's
---@field place string?
---@field drawn boolean?             at random: repeats are dropped
---@field relative { to: table, by: string }?  an alternative to a base, and whose

---@class avcl.Points
---@field list avcl.Point[]
---@field place string?
local Points = {}
Points.__index = Points

function M.is_points(value)
  return getmetatable(value) == Points
end

function M.points(list, place)
  return setmetatable({ list = list, place = place }, Points)
end

local function fail(place, fmt, ...)
  c.raise_at(place, 'INVALID', fmt, ...)
end

-- ---- one point ---------------------------------------------------------------------------

--- A point of a table as the user writes it; `name` instead of its label when given.
---@return avcl.Point
function M.point(t, place, name)
  local values = {}
  for key, value in pairs(t) do
    if type(key) == 'string' then values[key] = value end
  end
  local label, seeds = name or values.label, values.seeds
  values.label, values.seeds = nil, nil
  local point = { values = config.flatten(values), names = {}, named = {}, seeds = seeds }
  point.place = place
  if label ~= nil then
    if type(label) ~= 'string' or label == '' then
      fail(source.locate(place, 'label'), 'a label is %s, must be text', tostring(label))
    end
    point.place = source.find(place, label) or place
    point.names[1] = label
    for key in pairs(point.values) do point.named[key] = true end
  end
  return point
end

--- A point with the keys of both; they may not disagree.
function M.join(a, b, what, place)
  local out = { values = {}, names = {}, named = {}, seeds = a.seeds or b.seeds, place = a.place }
  for _, point in ipairs { a, b } do
    for key, value in pairs(point.values) do
      if out.values[key] ~= nil then
        fail(source.locate(place, key), "%s: '%s' is set twice in one point", what, key)
      end
      out.values[key] = value
    end
    for _, name in ipairs(point.names) do out.names[#out.names + 1] = name end
    for key in pairs(point.named) do out.named[key] = true end
  end
  return out
end

-- ---- arguments ---------------------------------------------------------------------------

local function check_values(what, place, key, values)
  local at = source.locate(place, key)
  if type(values) ~= 'table' or M.is_points(values) then
    fail(at, "%s: '%s' is not a list of values", what, key)
  end
  if #values == 0 then fail(at, "%s: '%s' is an empty list: there would be no row", what, key) end
  local n = 0
  for _ in pairs(values) do n = n + 1 end
  if n ~= #values then fail(at, "%s: '%s' has keys or holes, must be a plain list", what, key) end
end

--- The factors of an operator: lists of points in order, then keys alphabetically.
---@return { key: string, list: avcl.Point[] }[]
function M.factors(t, what, place)
  if type(t) ~= 'table' then fail(place, '%s takes a table, got a %s', what, type(t)) end
  local out, keys = {}, {}
  for i, item in ipairs(t) do
    if not M.is_points(item) then
      fail(place, '%s: item %d is a %s, must be key = { values } or a list of points', what, i,
        type(item))
    end
    out[i] = { key = 'item ' .. i, list = item.list }
  end
  for key in pairs(t) do
    if type(key) == 'string' then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    check_values(what, place, key, t[key])
    local list = {}
    for i, value in ipairs(t[key]) do list[i] = M.point({ [key] = value }, place) end
    out[#out + 1] = { key = key, list = list }
  end
  if #out == 0 then fail(place, '%s of nothing: there would be no row', what) end
  return out
end

-- ---- combining ----------------------------------------------------------------------------

--- Lists of equal length, taken side by side.
function M.zip(t)
  local place = where.script()
  local factors, out = M.factors(t, 'zip', place), {}
  local first = factors[1]
  for _, factor in ipairs(factors) do
    if #factor.list ~= #first.list then
      fail(source.locate(place, factor.key), "zip: '%s' has %d values, '%s' has %d", factor.key,
        #factor.list, first.key, #first.list)
    end
  end
  for i, point in ipairs(first.list) do
    for k = 2, #factors do point = M.join(point, factors[k].list[i], 'zip', place) end
    out[i] = point
  end
  return M.points(out, place)
end

--- Every combination; lists of points and then the alphabetically first key vary slowest.
function M.grid(t)
  local place = where.script()
  local list
  for _, factor in ipairs(M.factors(t, 'grid', place)) do
    local grown = {}
    for _, point in ipairs(list or factor.list) do
      if not list then
        grown[#grown + 1] = point
      else
        for _, more in ipairs(factor.list) do
          grown[#grown + 1] = M.join(point, more, 'grid', place)
        end
      end
    end
    list = grown
  end
  return M.points(list, place)
end

--- The values of one key, in order: avcl.list { tau = { 0.1, 0.5 } }.
function M.list(t)
  local place = where.script()
  local factors = M.factors(t, 'list', place)
  if #factors ~= 1 then
    fail(place, 'list varies one key, got %d; zip and grid take more', #factors)
  end
  return M.points(factors[1].list, place)
end

--- Named points, in order: avcl.cases { { 'whole', … }, { 'half', … } }.
function M.cases(t)
  local place, out = where.script(), {}
  for i, case in ipairs(type(t) == 'table' and t or {}) do
    if type(case) ~= 'table' or type(case[1]) ~= 'string' or #case ~= 1 then
      fail(place, "cases: item %d is not { 'name', key = value }", i)
    end
    out[i] = M.point(case, place, case[1])
  end
  if #out == 0 then fail(place, 'cases of nothing: there would be no row') end
  return M.points(out, place)
end

-- Points of a list whose items are tables and lists of points.
local function gather(t, what, place)
  if type(t) ~= 'table' or M.is_points(t) then
    fail(place, '%s takes a list of points { … }', what)
  end
  local out = {}
  for i, item in ipairs(t) do
    if type(item) ~= 'table' then
      fail(place, '%s: item %d is a %s, must be a table', what, i, type(item))
    end
    if M.is_points(item) then
      for _, point in ipairs(item.list) do out[#out + 1] = point end
    else
      out[#out + 1] = M.point(item, place)
    end
  end
  for key in pairs(t) do
    if type(key) ~= 'number' then
      fail(source.locate(place, tostring(key)), "%s is a list of points; '%s' belongs inside one",
        what, tostring(key))
    end
  end
  return out
end

--- Points and lists of points, in order.
function M.rows(t)
  local place = where.script()
  local list = gather(t, 'rows', place)
  if #list == 0 then fail(place, 'rows of nothing: leave rows out for a single row, the base') end
  return M.points(list, place)
end

--- The same in the middle of an expression: lists one after another.
function M.concat(t)
  local place = where.script()
  return M.points(gather(t, 'concat', place), place)
end

--- Lists one after another, without points that were there already.
function M.union(t)
  local place, out, seen = where.script(), {}, {}
  for _, point in ipairs(gather(t, 'union', place)) do
    local text = config.text_of(point.values)
    if not seen[text] then
      seen[text] = true
      out[#out + 1] = point
    end
  end
  return M.points(out, place)
end

-- What a predicate sees of a point: its keys, and an error for any other.
local function view(point, place)
  return setmetatable({}, {
    __index = function(_, key)
      local value = point.values[key]
      if value == nil then
        fail(place, "where: this point does not set '%s'%s", tostring(key),
          suggest.text(tostring(key), config.sorted_keys(point.values)))
      end
      return value
    end,
    __newindex = function() fail(place, 'where: points cannot be changed') end,
  })
end

--- The points for which `keep(point)` is true.
function M.where(points, keep)
  local place, out = where.script(), {}
  if not M.is_points(points) or type(keep) ~= 'function' then
    fail(place, 'where takes a list of points and a function: '
      .. 'avcl.where(avcl.grid { … }, function(p) return p.tau < 1 end)')
  end
  for _, point in ipairs(points.list) do
    if keep(view(point, place)) then out[#out + 1] = point end
  end
  if #out == 0 then fail(place, 'where keeps none of %d points', #points.list) end
  return M.points(out, place)
end

return M
