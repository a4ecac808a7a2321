-- plot/curves.lua - epochs of runs as series: mean and deviation over seeds.
local significance = require 'avcl.significance'

local M = {}

---@class avcl.Series
---@field label string
---@field x number[]    epochs
---@field mean number[]
---@field low number[]?   mean - std
---@field high number[]?  mean + std
---@field n integer       seeds

-- epoch -> values, one a run; how many runs have any.
local function gather(records, ids, metric)
  local by_epoch, n = {}, 0
  for _, id in ipairs(ids) do
    local any = false
    for _, line in ipairs(records:epochs(id) or {}) do
      local value = line[metric]
      if type(value) == 'number' then
        any = true
        by_epoch[line.epoch] = by_epoch[line.epoch] or {}
        table.insert(by_epoch[line.epoch], value)
      end
    end
    n = n + (any and 1 or 0)
  end
  return by_epoch, n
end

--- A series of runs that differ in the seed; nil when none has the metric. Epochs that a seed
--- lacks are left out: a mean over fewer seeds would be another curve.
---@return avcl.Series?
function M.series(records, label, ids, metric)
  local by_epoch, n = gather(records, ids, metric)
  if n == 0 then return nil end
  local epochs = {}
  for epoch, values in pairs(by_epoch) do
    if #values == n then epochs[#epochs + 1] = epoch end
  end
  table.sort(epochs)
  local s = { label = label, x = epochs, mean = {}, low = {}, high = {}, n = n }
  if n < #ids then s.label = ('%s (%d/%d seeds)'):format(label, n, #ids) end
  for i, epoch in ipairs(epochs) do
    local mean, std = significance.mean_std(by_epoch[epoch])
    s.mean[i], s.low[i], s.high[i] = mean, mean - (std or 0), mean + (std or 0)
  end
  if n < 2 then s.low, s.high = nil, nil end
  return s
end

--- Names of what the runs recorded every epoch, sorted.
function M.metrics(records, ids)
  local seen, list = {}, {}
  for _, id in ipairs(ids) do
    for _, line in ipairs(records:epochs(id) or {}) do
      for name, value in pairs(line) do
        if type(value) == 'number' and name ~= 'epoch' and not seen[name] then
          seen[name] = true
          list[#list + 1] = name
        end
      end
    end
  end
  table.sort(list)
  return list
end

local LEVELS = { '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█' }
local PLAIN = { '_', '.', '-', '=', '+', '*', '%', '#' }

--- A line of text that rises and falls as the values do.
function M.spark(values, width, ascii)
  local levels, low, high = ascii and PLAIN or LEVELS, math.huge, -math.huge
  for _, v in ipairs(values) do
    if v == v and math.abs(v) < math.huge then low, high = math.min(low, v), math.max(high, v) end
  end
  local n, out = math.min(width, #values), {}
  for i = 1, n do
    local v = values[n == 1 and #values or 1 + math.floor((i - 1) * (#values - 1) / (n - 1) + 0.5)]
    local share = high > low and (v - low) / (high - low) or 0.5
    out[i] = v == v and levels[1 + math.min(7, math.max(0, math.floor(share * 8)))] or '?'
  end
  return table.concat(out)
end

return M
