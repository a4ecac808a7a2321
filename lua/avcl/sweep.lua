-- sweep.lua - rows of a table: lists, zip (side by side) and grid (every combination).
--
--   avcl.rows { { label = 'no AMFM', fusion = 'concat' }, avcl.zip { a = { 1, 2 }, b = { 3, 4 } } }
local c = require 'avcl.ffi'
local source = require 'avcl.source'
local where = require 'avcl.where'

local M = {}

local Points = {}
Points.__index = Points

local function points(list, place)
  return setmetatable({ list = list, place = place }, Points)
end

function M.is_points(value)
  return getmetatable(value) == Points
end

local function sorted_keys(t, what, place)
  local keys = {}
  for key, values in pairs(t) do
    if type(key) ~= 'string' then
      c.raise_at(place, 'INVALID', '%s takes key = { values }', what)
    end
    if type(values) ~= 'table' or #values == 0 then
      local at = source.locate(place, key)
      c.raise_at(at, 'INVALID', "%s: '%s' is not a list of values", what, key)
    end
    keys[#keys + 1] = key
  end
  if #keys == 0 then c.raise_at(place, 'INVALID', '%s of nothing', what) end
  table.sort(keys)
  return keys
end

--- Lists of equal length, taken side by side.
function M.zip(t)
  local place = where.script()
  local keys = sorted_keys(t, 'zip', place)
  local list = {}
  for _, key in ipairs(keys) do
    if #t[key] ~= #t[keys[1]] then
      c.raise_at(source.locate(place, key), 'INVALID', "zip: '%s' has %d values, '%s' has %d", key,
        #t[key], keys[1], #t[keys[1]])
    end
  end
  for i = 1, #t[keys[1]] do
    list[i] = {}
    for _, key in ipairs(keys) do list[i][key] = t[key][i] end
  end
  return points(list, place)
end

--- Every combination; the alphabetically first key varies slowest.
function M.grid(t)
  local place = where.script()
  local keys = sorted_keys(t, 'grid', place)
  local list = { {} }
  for _, key in ipairs(keys) do
    local grown = {}
    for _, point in ipairs(list) do
      for _, value in ipairs(t[key]) do
        local copy = {}
        for k, v in pairs(point) do copy[k] = v end
        copy[key] = value
        grown[#grown + 1] = copy
      end
    end
    list = grown
  end
  return points(list, place)
end

--- Points and lists of points, in order.
function M.rows(t)
  local place, list = where.script(), {}
  for i, item in ipairs(t) do
    if type(item) ~= 'table' then
      c.raise_at(place, 'INVALID', 'row %d is a %s, must be a table', i, type(item))
    end
    if M.is_points(item) then
      for _, point in ipairs(item.list) do list[#list + 1] = point end
    else
      list[#list + 1] = item
    end
  end
  for key in pairs(t) do
    if type(key) ~= 'number' then
      c.raise_at(source.locate(place, tostring(key)), 'INVALID',
        "rows is a list of points; '%s' belongs inside one", tostring(key))
    end
  end
  return points(list, place)
end

return M
