-- suggest.lua - "did you mean": the known name that a mistyped one most likely meant.
local c = require 'avcl.ffi'

local M = {}

local function nearest(word, candidates)
  if #candidates == 0 then return nil end
  local index = c.C.avcl_nearest(word, c.new('const char *[?]', #candidates, candidates),
    #candidates)
  return index >= 0 and index + 1 or nil
end

--- The nearest of `known`, whole or by its last dotted part; nil when none is near.
---@param name string
---@param known string[]
function M.nearest(name, known)
  local index = nearest(name, known)
  if index then return known[index] end
  local parts = {}
  for i, candidate in ipairs(known) do parts[i] = candidate:match '[^.]+$' end
  index = nearest(name:match '[^.]*$', parts)
  return index and known[index]
end

--- "; did you mean 'x'?", or the list when it is short, or nothing.
function M.text(name, known)
  local near = M.nearest(name, known)
  if near then return ("; did you mean '%s'?"):format(near) end
  if #known > 0 and #known <= 12 then
    local sorted = { unpack(known) }
    table.sort(sorted)
    return ' (known: ' .. table.concat(sorted, ', ') .. ')'
  end
  return ''
end

return M
