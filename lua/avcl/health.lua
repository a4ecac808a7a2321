-- health.lua - which numbers of an epoch say that features collapse, and in what words.
--
-- The measures: core/src/train/health.h; what to make of them: core/doc/methods.md.
local M = {}

-- metric, when it is bad, the sentence with %s for the number.
local signs = {
  { 'diag/dead_channels', function(x) return x > 0.5 end, function(x)
    return ('%.0f %% of the fused channels are zero for whole batches (diag/dead_channels): the '
      .. 'gate has died'):format(100 * x)
  end },
  { 'diag/spread', function(x) return x < 0.05 end, function(x)
    return ('features of all clips are nearly the same (diag/spread %.2g, 1 is fully spread): a '
      .. 'collapse'):format(x)
  end },
  { 'diag/rank', function(x) return x < 1.5 end, function(x)
    return ('features of a batch lie on a line (diag/rank %.2g): a collapse of dimensions')
      :format(x)
  end },
  { 'diag/leak', function(x, all)
    return x > 0.5 and x > 2 * (tonumber(all['diag/match_shuffled']) or 1)
  end, function(x)
    return ('fused features of wrong pairs match in %.0f %% (diag/leak): the shared gate gives the '
      .. 'pair away, losses on fused features fall without learning'):format(100 * x)
  end },
}

--- What is wrong after an epoch: { { metric, sentence }, … }.
---@param metrics table<string, number>
function M.warnings(metrics)
  local list = {}
  for _, sign in ipairs(signs) do
    local x = tonumber(metrics[sign[1]])
    if x and sign[2](x, metrics) then
      list[#list + 1] = { metric = sign[1], sentence = sign[3](x) }
    end
  end
  return list
end

return M
