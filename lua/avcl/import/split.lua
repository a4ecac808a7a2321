-- import/split.lua - holding clips out: a pure function of what the clips are called.
--
-- Clips that share a group (one source video) stay together, for a clip beside its own neighbour
-- is no test. Groups are taken in the order of SHA-256 of their names, class by class.
local c = require 'avcl.ffi'

local M = {}

local usual = {
  training = 'train', validation = 'val', validate = 'val', valid = 'val', dev = 'val',
  testing = 'test', eval = 'test',
}

--- The usual name of a split: 'validation' -> 'val'.
function M.usual(name)
  return usual[name:lower()] or name
end

local function by_class(rows, from)
  local classes, order = {}, {}
  for _, row in ipairs(rows) do
    if row.split == from and row.label ~= '' then
      local class = classes[row.label]
      if not class then
        class = { n = 0, groups = {}, names = {} }
        classes[row.label] = class
        order[#order + 1] = class
      end
      local name = row.group or row.id
      if not class.groups[name] then
        class.groups[name] = {}
        class.names[#class.names + 1] = name
      end
      table.insert(class.groups[name], row)
      class.n = class.n + 1
    end
  end
  return order
end

--- Moves about `fraction` of each class from one split to another: at least one group where a
--- class has two, and never all of them. Returns how many rows moved.
function M.hold_out(rows, fraction, from, to)
  local moved = 0
  if fraction <= 0 then return 0 end
  for _, class in ipairs(by_class(rows, from)) do
    local sha = {}
    for _, name in ipairs(class.names) do sha[name] = c.sha256(name) end
    table.sort(class.names, function(a, b) return sha[a] < sha[b] end)
    local want, got = math.max(1, math.floor(fraction * class.n + 0.5)), 0
    for i = 1, #class.names - 1 do
      if got >= want then break end
      for _, row in ipairs(class.groups[class.names[i]]) do
        row.split = to
        got = got + 1
      end
    end
    moved = moved + got
  end
  return moved
end

--- The rule in words.
function M.rule(fraction, from, to, groups)
  return ('%s: about %g %% of each class of %s, chosen by SHA-256 of the %s'):format(to,
    100 * fraction, from, groups or 'name')
end

return M
