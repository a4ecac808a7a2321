-- draw.lua - points drawn at random, the same ones each time.
--
--   avcl.random { n = 20, seed = 7, tau = avcl.log_uniform(0.01, 1), width = avcl.uniform() }
--
-- Each number is a hash of seed, key and index: another key or a larger n changes none of the
-- points that were there. Without bounds a distribution takes them from the key's schema.
local c = require 'avcl.ffi'
local source = require 'avcl.source'
local sweep = require 'avcl.sweep'
local where = require 'avcl.where'

local M = {}

local DIGITS = 4 -- of a drawn number: it is short enough to be the row's label
local HEX_DIGITS = 13 -- 52 bits: every double in [0, 1) of that step is exact

--- A number in [0, 1) that depends on the text alone.
function M.unit(text)
  return tonumber(c.sha256(text):sub(1, HEX_DIGITS), 16) / 16 ^ HEX_DIGITS
end

-- ---- distributions --------------------------------------------------------------------------

local Distribution = {}
Distribution.__index = Distribution

local function distribution(kind, low, high)
  local place = where.script()
  local good = low == nil and high == nil or type(low) == 'number' and type(high) == 'number'
  if not good or low and low >= high then
    c.raise_at(place, 'INVALID', '%s takes a lower and an upper bound, got %s and %s', kind,
      tostring(low), tostring(high))
  end
  if kind == 'log_uniform' and low and low <= 0 then
    c.raise_at(place, 'INVALID', 'log_uniform needs bounds above 0, got %g', low)
  end
  return setmetatable({ kind = kind, low = low, high = high }, Distribution)
end

function M.uniform(low, high) return distribution('uniform', low, high) end
function M.log_uniform(low, high) return distribution('log_uniform', low, high) end

--- One of a list; without one, of what the schema allows.
function M.choice(list)
  if list ~= nil and (type(list) ~= 'table' or #list == 0) then
    c.raise_at(where.script(), 'INVALID', 'choice takes a list of values')
  end
  return setmetatable({ kind = 'choice', list = list }, Distribution)
end

local function bounds_of(self, field, path, place)
  local low, high = self.low or field.min or field.above, self.high or field.max
  if low and high then return low, high end
  c.raise_at(source.locate(place, path), 'INVALID', "'%s' has no %s bound in its schema: write "
    .. 'avcl.%s(low, high)', path, low and 'upper' or 'lower', self.kind)
end

local function rounded(x)
  return tonumber(('%.' .. DIGITS .. 'g'):format(x))
end

-- The value at quantile u of the distribution, for a key of this schema.
local function quantile(self, u, field, path, place)
  if self.kind == 'choice' then
    local list = self.list or field.choices or field.type == 'boolean' and { false, true }
    if not list then
      c.raise_at(source.locate(place, path), 'INVALID', "'%s' has no choices in its schema: write "
        .. 'avcl.choice { … }', path)
    end
    return list[1 + math.floor(u * #list)]
  end
  local low, high = bounds_of(self, field, path, place)
  if self.kind == 'log_uniform' and low <= 0 then
    c.raise_at(source.locate(place, path), 'INVALID', "'%s' may be %g, which has no logarithm: "
      .. 'write avcl.log_uniform(low, high)', path, low)
  end
  if field.type == 'integer' then -- each whole number has the share between it and the next
    high = high + 1
    local x = self.kind == 'uniform' and low + u * (high - low) or low * (high / low) ^ u
    return math.min(math.floor(x), high - 1)
  end
  local x = self.kind == 'uniform' and low + u * (high - low) or low * (high / low) ^ u
  return math.min(math.max(rounded(x), low), high)
end

-- ---- samples ----------------------------------------------------------------------------------

local Sample = {} -- a value that waits for the schema of its key

function M.is_sample(value)
  return getmetatable(value) == Sample
end

--- The number that a sample stands for, for the key `path` of a schema.
function M.value(sample, field, path, place)
  return quantile(sample.distribution, sample.u, field, path, place)
end

--- n points, fewer where whole numbers and choices repeat; other keys are drawn from their
--- distributions, or fixed by a plain value.
function M.random(t)
  local place, keys, out = where.script(), {}, {}
  if type(t) ~= 'table' or type(t.n) ~= 'number' or t.n < 1 or t.n ~= math.floor(t.n) then
    c.raise_at(place, 'INVALID', 'random needs n = how many points')
  end
  local seed = t.seed or 1
  for key, value in pairs(t) do
    if key ~= 'n' and key ~= 'seed' then
      if type(key) ~= 'string' then
        c.raise_at(place, 'INVALID', 'random takes key = distribution, got item %s', tostring(key))
      end
      keys[#keys + 1] = getmetatable(value) == Distribution and key or nil
    end
  end
  if #keys == 0 then
    c.raise_at(place, 'INVALID', 'random draws no key: write key = avcl.uniform(low, high), '
      .. 'avcl.log_uniform or avcl.choice')
  end
  table.sort(keys)
  for i = 1, t.n do
    local values = {}
    for key, value in pairs(t) do values[key] = value end
    values.n, values.seed = nil, nil
    for _, key in ipairs(keys) do
      local u = M.unit(('%s/%s/%d'):format(tostring(seed), key, i))
      values[key] = setmetatable({ distribution = t[key], u = u }, Sample)
    end
    out[i] = sweep.point(values, place)
    out[i].drawn = true
  end
  return sweep.points(out, place)
end

--- Replaces samples among flat values by numbers.
function M.settle(values, schema, place)
  local out = {}
  for path, value in pairs(values) do
    if M.is_sample(value) then
      value = M.value(value, schema.fields[path] or schema:unknown(path, 'random', place), path,
        place)
    end
    out[path] = value
  end
  return out
end

return M
