-- rows.lua - the points of a study, checked against its schema: labels, seeds, no row twice.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local draw = require 'avcl.draw'
local source = require 'avcl.source'
local sweep = require 'avcl.sweep'

local M = {}

---@class avcl.Row
---@field label string
---@field values table<string, any>  flat
---@field seeds integer[]?           its own
---@field place string?

local function fail(place, fmt, ...)
  c.raise_at(place, 'INVALID', fmt, ...)
end

--- Seeds as a list: { 1, 2, 3 }, or 3 for the first three.
---@return integer[]
function M.seeds(given, what, place)
  local at = source.locate(place, 'seeds')
  if type(given) == 'number' then
    if given < 1 or given ~= math.floor(given) then
      fail(at, "seeds = %g in %s: must be how many, or a list", given, what)
    end
    local list = {}
    for seed = 1, given do list[seed] = seed end
    return list
  end
  if type(given) ~= 'table' then
    fail(at, 'seeds of %s is %s, must be a list', what, tostring(given))
  end
  if #given == 0 then fail(at, 'no seeds in %s', what) end
  local seen = {}
  for _, seed in ipairs(given) do
    if type(seed) ~= 'number' or seed < 0 or seed ~= math.floor(seed) then
      fail(at, 'seed %s is not a whole number >= 0', tostring(seed))
    end
    if seen[seed] then fail(at, 'seed %d is there twice in %s', seed, what) end
    seen[seed] = true
  end
  return given
end

-- Keys whose value is not the base's in every row that speaks of them.
local function telling(points, base)
  local keys = {}
  for _, point in ipairs(points) do
    for key, value in pairs(point.values) do
      if config.value_text(value) ~= config.value_text(base[key]) then keys[key] = true end
    end
  end
  return keys
end

-- Names first, then what else differs: "small, tau=0.1".
local function label_of(point, told)
  local parts = {}
  for _, key in ipairs(config.sorted_keys(point.values)) do
    if told[key] and not point.named[key] then
      parts[#parts + 1] = key .. '=' .. config.value_text(point.values[key])
    end
  end
  local names = table.concat(point.names, ', ')
  local difference = table.concat(parts, ',')
  if names ~= '' and difference ~= '' then return names .. ', ' .. difference end
  if names .. difference == '' then return 'base' end
  return names .. difference
end

-- Sets what the schema has to say: numbers that were drawn, types and ranges.
local function settle(point, i, schema, at)
  local place = point.place or at
  local settled = { names = point.names, named = point.named, seeds = point.seeds,
    relative = point.relative, drawn = point.drawn, place = place }
  settled.values = schema:point(draw.settle(point.values, schema, place), 'row ' .. i, place)
  return settled
end

-- Keys that results depend on, of all rows: the rest is equal anyway, or changes no result.
local function deciding(points, schema)
  local keys = {}
  for _, point in ipairs(points) do
    for key in pairs(point.values) do
      keys[key] = not schema.machine[key] or nil
      if key == 'preset' then return nil end -- it may set any key
    end
  end
  return config.sorted_keys(keys)
end

-- Of points drawn at random, those that were drawn before.
local function without_repeats(points)
  local out, seen = {}, {}
  for _, point in ipairs(points) do
    local text = point.drawn and config.text_of(point.values)
    if not (text and seen[text]) then out[#out + 1] = point end
    if text then seen[text] = true end
  end
  return out
end

local function refuse_twins(rows, points, schema)
  local keys, by_values, by_label = deciding(points, schema), {}, {}
  for i, row in ipairs(rows) do
    local same_label = by_label[row.label]
    if same_label then
      fail(row.place, "rows %d and %d are both '%s'", same_label, i, row.label)
    end
    by_label[row.label] = i
    local text = config.text_of(points[i].resolved, keys)
    local twin = by_values[text]
    if twin then
      fail(row.place, "rows %d '%s' and %d '%s' are the same point: the same runs", twin,
        rows[twin].label, i, row.label)
    end
    by_values[text] = i
  end
end

-- Whether an alternative is the very base it was meant to differ from.
local function is_base(point, base)
  if not point.relative then return false end
  for key, value in pairs(point.values) do
    local own = point.relative.to[key]
    if own == nil then own = base[key] end
    if config.value_text(value) ~= config.value_text(own) then return false end
  end
  return true
end

-- one_factor has the base as a row already; swap was not asked for it.
local function without_base(points, base)
  local out = {}
  for i, point in ipairs(points) do
    if not is_base(point, base) then
      out[#out + 1] = point
    elseif point.relative.by == 'swap' then
      fail(point.place, "swap: row %d is the base's own: %s", i, label_of(point, point.values))
    end
  end
  return out
end

--- Rows of an experiment; one, the base, when none are given.
---@param given avcl.Points|table|nil
---@return avcl.Row[]
function M.of(given, schema, place)
  if given and not sweep.is_points(given) then given = sweep.rows(given) end
  local at = given and given.place or place
  local base, points = schema:resolve({}), {}
  for i, point in ipairs(given and given.list or { sweep.point({}, place) }) do
    points[i] = settle(point, i, schema, at)
  end
  points = without_repeats(without_base(points, base))
  local told, rows = telling(points, base), {}
  for i, point in ipairs(points) do
    point.resolved = schema:resolve(point.values)
    local label = label_of(point, told)
    rows[i] = { label = label, values = point.values, place = point.place,
      seeds = point.seeds ~= nil and M.seeds(point.seeds, "row '" .. label .. "'", point.place)
        or nil }
  end
  refuse_twins(rows, points, schema)
  return rows
end

return M
