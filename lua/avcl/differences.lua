-- differences.lua - what makes two runs two: configuration, graph, data, parent; and which nodes
-- two graphs differ in.
local config = require 'avcl.config'
local doc = require 'avcl.doc'

local M = {}

local function shown(value)
  if value == nil or value == doc.null then return 'nothing' end
  return config.value_text(type(value) == 'table' and { unpack(value) } or value)
end

-- "tau 0.1, now 0.2", by key.
local function of_config(was, now)
  local names, list = {}, {}
  for path in pairs(was) do names[path] = true end
  for path in pairs(now) do names[path] = true end
  for _, path in ipairs(config.sorted_keys(names)) do
    local a, b = shown(was[path]), shown(now[path])
    if a ~= b then list[#list + 1] = ('%s %s, now %s'):format(path, a, b) end
  end
  return list
end

--- What differs between two runs, of { config, keys = { graph, data } }: parts of a sentence;
--- none where only what they come from differs.
---@return string[]
function M.of_runs(was, now)
  local list = of_config(was.config, now.config)
  for _, key in ipairs { 'graph', 'data' } do
    local a, b = was.keys[key], now.keys[key]
    if a ~= b then
      list[#list + 1] = ('%s %s, now %s'):format(key, a:sub(1, 8), b:sub(1, 8))
    end
  end
  return list
end

-- ---- graphs ------------------------------------------------------------------------------------

-- Numbers of nodes shift with every node that comes before; without them equal nodes are equal.
local function nodes(text)
  local list = {}
  for line in text:gmatch '[^\n]+' do
    list[#list + 1] = line:gsub('^%%%d+ ', ''):gsub(' %%%d+%.%d+', '')
  end
  return list
end

-- Lengths of longest common subsequences of a[i..], b[k..]; rows of n + 1 cells.
local function common_lengths(a, b, from, last_a, last_b)
  local t = {}
  for i = last_a + 1, from, -1 do
    t[i] = {}
    for k = last_b + 1, from, -1 do
      if i > last_a or k > last_b then
        t[i][k] = 0
      elseif a[i] == b[k] then
        t[i][k] = t[i + 1][k + 1] + 1
      else
        t[i][k] = math.max(t[i + 1][k], t[i][k + 1])
      end
    end
  end
  return t
end

local function walk(a, b, from, last_a, last_b)
  local t, out, i, k = common_lengths(a, b, from, last_a, last_b), {}, from, from
  while i <= last_a or k <= last_b do
    if i <= last_a and k <= last_b and a[i] == b[k] then
      i, k = i + 1, k + 1
    elseif i <= last_a and (k > last_b or t[i + 1][k] >= t[i][k + 1]) then
      out[#out + 1] = '- ' .. a[i]
      i = i + 1
    else
      out[#out + 1] = '+ ' .. b[k]
      k = k + 1
    end
  end
  return out
end

local function changed_lines(a, b)
  local from, last_a, last_b = 1, #a, #b
  while from <= last_a and from <= last_b and a[from] == b[from] do from = from + 1 end
  while last_a >= from and last_b >= from and a[last_a] == b[last_b] do
    last_a, last_b = last_a - 1, last_b - 1
  end
  return walk(a, b, from, last_a, last_b)
end

--- Nodes that only one of two canonical texts of graphs has: '- conv3d …', '+ conv3d …'. Where
--- the nodes are the same and their edges are not, the lines with their numbers.
---@return string[]
function M.of_graphs(was, now)
  local list = changed_lines(nodes(was), nodes(now))
  if #list > 0 or was == now then return list end
  local a, b = {}, {}
  for line in was:gmatch '[^\n]+' do a[#a + 1] = line end
  for line in now:gmatch '[^\n]+' do b[#b + 1] = line end
  return changed_lines(a, b)
end

return M
