-- knobs.lua - what model(g, p) gets as p: nested, read-only, and strict about names.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local suggest = require 'avcl.suggest'

local M = {}

local plain = setmetatable({}, { __mode = 'k' }) -- what stands behind each p

local function strict(t, prefix)
  local known = {}
  for key, value in pairs(t) do
    known[#known + 1] = key
    if type(value) == 'table' and #value == 0 and next(value) ~= nil then
      t[key] = strict(value, prefix .. key .. '.')
    end
  end
  local p = {}
  plain[p] = t
  return setmetatable(p, {
    __index = function(_, key)
      local value = t[key]
      if value == nil then
        c.raise('INVALID', "unknown key '%s%s' in p%s", prefix, tostring(key),
          suggest.text(tostring(key), known))
      end
      return value
    end,
    __newindex = function(_, key)
      c.raise('INVALID', "p is read-only; '%s%s' comes from defaults and rows", prefix,
        tostring(key))
    end,
  })
end

--- p of a flat table of values; keys of stages are left out.
---@param values table<string, any>
---@param stages string[]
function M.of(values, stages)
  local hidden, flat = {}, {}
  for _, name in ipairs(stages) do hidden[name] = true end
  for path, value in pairs(values) do
    if not hidden[path:match '^[^.]+'] then flat[path] = value end
  end
  return strict(config.nest(flat), '')
end

--- The knobs 'name.…' of p as a plain table, { tau = 0.1 } of 'moco.tau'; {} when there are none.
function M.group(p, name)
  local nested, out = (plain[p] or {})[name], {}
  for key, value in pairs(plain[nested] or type(nested) == 'table' and nested or {}) do
    out[key] = value
  end
  return out
end

return M
