-- Statistics against closed forms, a convolution, and SciPy.
local stats = require 'avcl.significance'
local support = require 'support'

local EXACT = 1e-12 -- sums of a few hundred terms in f64
local FOURIER = 1e-10 -- powers of a characteristic function, absolute

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ('%.15g and %.15g'):format(expected, got))
end

-- What Python prints for an expression, as numbers.
local function python(code)
  local out = {}
  for x in support.python(code):gmatch '%S+' do out[#out + 1] = tonumber(x) end
  return out
end

-- The sum of n draws from counts, by convolution: P(S <= 0), P(S >= 0).
local function convolved(counts, k)
  local n, sum = 0, { [0] = 1 }
  for v = -k, k do n = n + (counts[v] or 0) end
  for _ = 1, n do
    local grown = {}
    for s, p in pairs(sum) do
      for v = -k, k do
        local q = p * (counts[v] or 0) / n
        if q > 0 then grown[s + v] = (grown[s + v] or 0) + q end
      end
    end
    sum = grown
  end
  local below, above = 0, 0
  for s, p in pairs(sum) do
    if s <= 0 then below = below + p end
    if s >= 0 then above = above + p end
  end
  return below, above
end

describe('a statistic', function()
  it('is the mean and the sample deviation', function()
    local mean, std = stats.mean_std { 2, 4, 4, 4, 5, 5, 7, 9 }
    assert.are.equal(5, mean)
    near(math.sqrt(32 / 7), std, EXACT)
    assert.is_nil(select(2, stats.mean_std { 3 }))
    mean, std = stats.mean_std { 1e8, 1e8 + 2 } -- no cancellation
    assert.are.equal(1e8 + 1, mean)
    near(math.sqrt(2), std, EXACT)
  end)

  it("is McNemar's exact p", function()
    assert.are.equal(1, stats.mcnemar(0, 0))
    near(2 / 2 ^ 5, stats.mcnemar(5, 0), EXACT)
    near(2 * (1 + 6) / 2 ^ 6, stats.mcnemar(1, 5), EXACT)
    assert.are.equal(1, stats.mcnemar(4, 4))
    assert.are.equal(stats.mcnemar(3, 9), stats.mcnemar(9, 3))
  end)

  it('is what SciPy has', function()
    local pairs_list = { { 3, 10 }, { 40, 61 }, { 700, 820 }, { 0, 30 } }
    local seen = python([[
from scipy.stats import binomtest
for b, c in [(3, 10), (40, 61), (700, 820), (0, 30)]:
    print(repr(binomtest(b, b + c, 0.5).pvalue))]])
    for i, p in ipairs(pairs_list) do near(seen[i], stats.mcnemar(p[1], p[2]), EXACT) end
  end)

  it('is the bootstrap that infinitely many resamples would give', function()
    for _, case in ipairs {
      { { [-1] = 3, [0] = 20, [1] = 10 }, 1 }, { { [-2] = 1, [-1] = 4, [0] = 9, [2] = 6 }, 2 },
      { { [0] = 5, [1] = 1 }, 1 }, { { [-3] = 2, [3] = 2, [1] = 1 }, 3 }, { { [1] = 7 }, 1 },
    } do
      local below, above = convolved(case[1], case[2])
      near(math.min(1, 2 * math.min(below, above)), stats.bootstrap(case[1], case[2]), FOURIER)
    end
    assert.are.equal(1, stats.bootstrap({ [0] = 9 }, 1))
  end)

  it('is near the bootstrap that NumPy samples', function()
    local counts = { [-2] = 40, [-1] = 100, [0] = 600, [1] = 130, [2] = 50 }
    local p = python([[
import numpy as np
d = np.repeat([-2, -1, 0, 1, 2], [40, 100, 600, 130, 50])
rng = np.random.default_rng(1)
s = np.array([rng.choice(d, d.size).sum() for _ in range(4000)])
print(2 * min((s <= 0).mean(), (s >= 0).mean()))]])[1]
    -- Four standard errors of a share near 0.02 over 4000 resamples, doubled.
    near(p, stats.bootstrap(counts, 2), 2 * 4 * math.sqrt(0.02 / 4000))
  end)

  it("is Holm's adjustment", function()
    assert.are.same({}, stats.holm {})
    local adjusted = stats.holm { 0.04, 0.01, 0.03, 0.5 }
    for i, expected in ipairs { 0.09, 0.04, 0.09, 0.5 } do near(expected, adjusted[i], EXACT) end
    assert.are.same({ 1, 1 }, stats.holm { 0.9, 0.8 })
  end)
end)
