-- by.lua - a value that another key decides: size = avcl.by('scale', { paper = 112, small = 32 }).
--
-- Stands wherever a script gives a value; which one it is is settled for each point, when all
-- layers have been laid over each other.
local c = require 'avcl.ffi'
local source = require 'avcl.source'
local suggest = require 'avcl.suggest'
local where = require 'avcl.where'

local M = {}

---@class avcl.By
---@field key string
---@field cases table<string, any>
---@field place string?
local By = {}
By.__index = By
By.__tostring = function(self) return 'by ' .. self.key end

function M.is(value)
  return getmetatable(value) == By
end

local function names(cases)
  local list = {}
  for name in pairs(cases) do list[#list + 1] = tostring(name) end
  table.sort(list)
  return list
end

--- One value for each value of another key.
---@param key string
---@param cases table<string, any>
function M.new(key, cases)
  local place = where.script()
  if type(key) ~= 'string' or type(cases) ~= 'table' or next(cases) == nil then
    c.raise_at(place, 'INVALID', "avcl.by takes a key and a value for each of its values: "
      .. "avcl.by('scale', { paper = 16, small = 8 })")
  end
  for name, value in pairs(cases) do
    if type(name) ~= 'string' then
      c.raise_at(place, 'INVALID', "avcl.by('%s', …): case %s is no text", key, tostring(name))
    end
    if M.is(value) then
      c.raise_at(source.locate(place, name), 'INVALID', "avcl.by('%s', …): case '%s' is decided by "
        .. "another key, '%s'", key, name, value.key)
    end
  end
  return setmetatable({ key = key, cases = cases, place = place }, By)
end

--- Calls each(value) for every case until it returns something; returns that.
function M.each(self, each)
  for _, name in ipairs(names(self.cases)) do
    local result = each(self.cases[name])
    if result ~= nil then return result end
  end
end

--- The value that get(key) chooses.
---@param path string whose value it is, for the message
function M.value(self, path, get)
  local name = get(self.key)
  if name == nil then
    c.raise_at(self.place, 'INVALID', "'%s' is decided by '%s', a key that there is not", path,
      self.key)
  end
  local value = self.cases[tostring(name)]
  if value == nil then
    c.raise_at(self.place, 'INVALID', "'%s' has no value for %s = '%s'%s", path, self.key,
      tostring(name), suggest.text(tostring(name), names(self.cases)))
  end
  return value
end

return M
