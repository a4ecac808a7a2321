-- significance.lua - the statistics of tables; every p-value is computed, none is simulated.
local M = {}

--- Mean and sample standard deviation (n - 1; nil for one value).
function M.mean_std(values)
  local sum = 0
  for _, v in ipairs(values) do sum = sum + v end
  local mean = sum / #values
  if #values < 2 then return mean end
  local squares = 0
  for _, v in ipairs(values) do squares = squares + (v - mean) ^ 2 end
  return mean, math.sqrt(squares / (#values - 1))
end

--- Exact McNemar test: b items only the one got right, c only the other. Two-sided p.
function M.mcnemar(b, c)
  local n, fewer = b + c, math.min(b, c)
  if n == 0 then return 1 end
  local log_term, tail = -n * math.log(2), 0 -- of C(n, k) / 2^n
  for k = 0, fewer do
    tail = tail + math.exp(log_term)
    log_term = log_term + math.log(n - k) - math.log(k + 1)
  end
  return math.min(1, 2 * tail)
end

-- phi^n for phi = re + i im.
local function power(re, im, n)
  local radius = math.sqrt(re * re + im * im)
  if radius == 0 then return 0, 0 end
  local r, angle = math.exp(n * math.log(radius)), n * math.atan2(im, re)
  return r * math.cos(angle), r * math.sin(angle)
end

-- The characteristic function at theta of one draw from counts[v], v in -k..k.
local function characteristic(counts, k, n, theta)
  local re, im = 0, 0
  for v = -k, k do
    local p = (counts[v] or 0) / n
    if p > 0 then
      re = re + p * math.cos(theta * v)
      im = im + p * math.sin(theta * v)
    end
  end
  return re, im
end

--- Paired bootstrap over items, in the limit of infinitely many resamples: two-sided p that the
--- mean difference is 0. counts[v] = items with difference v, a whole number in -k..k.
---
--- The sum S of n draws has characteristic function phi^n; a discrete Fourier sum over all its
--- 2kn + 1 values gives P(S <= 0) and P(S = 0), and p = 2 min(P(S <= 0), P(S >= 0)).
function M.bootstrap(counts, k)
  local n = 0
  for v = -k, k do n = n + (counts[v] or 0) end
  if n == 0 or (counts[0] or 0) == n then return 1 end
  local size, last = 2 * k * n + 1, k * n
  local at_zero, below = 1, last + 1 -- frequency 0: phi = 1 and last + 1 terms
  for j = 1, last do -- the others come in conjugate pairs
    local theta = 2 * math.pi * j / size
    local re, im = characteristic(counts, k, n, theta)
    re, im = power(re, im, n)
    -- sum of exp(i theta t), t = 0..last
    local half = math.sin(theta / 2)
    local scale = math.sin(theta * (last + 1) / 2) / half
    local turn = theta * last / 2
    at_zero = at_zero + 2 * re
    below = below + 2 * scale * (re * math.cos(turn) - im * math.sin(turn))
  end
  at_zero, below = at_zero / size, below / size
  local p = 2 * math.min(below, 1 - below + at_zero)
  return math.max(0, math.min(1, p))
end

--- Holm's adjustment of a list of p-values, in the same order.
function M.holm(list)
  local order, out, largest = {}, {}, 0
  for i = 1, #list do order[i] = i end
  table.sort(order, function(a, b)
    return list[a] < list[b] or list[a] == list[b] and a < b
  end)
  for rank, i in ipairs(order) do
    largest = math.max(largest, math.min(1, (#list - rank + 1) * list[i]))
    out[i] = largest
  end
  return out
end

return M
