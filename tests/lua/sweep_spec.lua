-- Rows of a table: what lists of points hold, in which order, under which names.
local ablation = require 'avcl.ablation'
local config = require 'avcl.config'
local draw = require 'avcl.draw'
local rows = require 'avcl.rows'
local sweep = require 'avcl.sweep'

local function values(points)
  local out = {}
  for i, point in ipairs(points.list) do out[i] = point.values end
  return out
end

local function schema()
  local s = config.new()
  s.given = { tau = 0.5, fusion = 'amfm', lambda_self = 0.1, lambda_cor = 0.9, width = 8 }
  return s
end

local function labels(points)
  local out = {}
  for i, row in ipairs(rows.of(points, schema(), 'study.lua:1')) do out[i] = row.label end
  return out
end

local function refuses(part, fn, ...)
  local ok, e = pcall(fn, ...)
  assert.is_false(ok)
  assert.truthy(tostring(e):find(part, 1, true), tostring(e))
end

describe('a list of points', function()
  it('takes lists side by side', function()
    assert.are.same({ { a = 1, b = 3 }, { a = 2, b = 4 } },
      values(sweep.zip { a = { 1, 2 }, b = { 3, 4 } }))
    refuses("'b' has 1 values, 'a' has 2", sweep.zip, { a = { 1, 2 }, b = { 3 } })
  end)

  it('combines every value, the first key slowest', function()
    assert.are.same({ { a = 1, b = 3 }, { a = 1, b = 4 }, { a = 2, b = 3 }, { a = 2, b = 4 } },
      values(sweep.grid { b = { 3, 4 }, a = { 1, 2 } }))
  end)

  it('combines named cases with keys, the cases slowest and in their order', function()
    local grid = sweep.grid { sweep.cases { { 'wide', width = 16 }, { 'slim', width = 4 } },
      tau = { 0.1, 1 } }
    assert.are.same({ 'wide, tau=0.1', 'wide, tau=1', 'slim, tau=0.1', 'slim, tau=1' },
      labels(grid))
  end)

  it('takes lists of points side by side with keys', function()
    local zip = sweep.zip { sweep.cases { { 'a', width = 4 }, { 'b', width = 16 } },
      tau = { 0.1, 1 } }
    assert.are.same({ { width = 4, tau = 0.1 }, { width = 16, tau = 1 } }, values(zip))
    refuses("'tau' is set twice", sweep.grid, { sweep.list { tau = { 1 } }, tau = { 2 } })
  end)

  it('keeps rows in the order written', function()
    assert.are.same({ { t = 0 }, { t = 1 }, { t = 2 }, { t = 9 }, { u = 5 } }, values(sweep.rows {
      { label = 'x', t = 0 }, sweep.zip { t = { 1, 2 } }, { label = 'y', t = 9 },
      sweep.grid { u = { 5 } },
    }))
    refuses("'b' belongs inside one", sweep.rows, { { a = 1 }, b = 2 })
  end)

  it('unites without repeats, and filters', function()
    local both = sweep.union { sweep.list { a = { 1, 2 } }, sweep.list { a = { 2, 3 } } }
    assert.are.same({ { a = 1 }, { a = 2 }, { a = 3 } }, values(both))
    assert.are.equal(4, #sweep.concat { sweep.list { a = { 1, 2 } }, { a = 2 }, { a = 3 } }.list)
    assert.are.same({ { a = 3 } }, values(sweep.where(both, function(p) return p.a > 2 end)))
    refuses("does not set 'b' (known: a)", sweep.where, both, function(p) return p.b end)
    refuses('keeps none of 3', sweep.where, both, function() return false end)
  end)

  it('is never empty', function()
    refuses("'a' is an empty list", sweep.grid, { a = {} })
    refuses('nothing', sweep.grid, {})
    refuses('nothing', sweep.zip, {})
    refuses('nothing', sweep.cases, {})
    refuses('nothing', sweep.rows, {})
  end)
end)

describe('a row', function()
  it('is named by its difference', function()
    assert.are.same({ 'base' }, labels(nil))
    assert.are.same({ 'base', 'tau=0.1' }, labels { {}, { tau = 0.1, width = 8 } })
    -- Varied keys are named in all rows, the base's own value too.
    assert.are.same({ 'tau=0.5', 'tau=0.1' }, labels(sweep.list { tau = { 0.5, 0.1 } }))
    assert.are.same({ 'cgra_at=conv4+conv5' }, labels { { cgra_at = { 'conv4', 'conv5' } } })
    assert.are.same({ 'tau=0.30000000000000004' }, labels { { tau = 0.1 + 0.2 } })
  end)

  it('may not be there twice, under any name', function()
    refuses("rows 1 and 2 are both 'x'", labels, { { label = 'x', tau = 1 }, { label = 'x' } })
    refuses("rows 1 'a' and 2 'b' are the same point", labels,
      { { label = 'a', tau = 0.5 }, { label = 'b' } })
    refuses('the same point', labels, { { label = 'a' }, { label = 'b', workers = 3 } })
  end)

  it('has its own seeds when it says so', function()
    local given = { { seeds = 3 }, { tau = 1, seeds = { 7 } }, { tau = 2 } }
    local list = rows.of(given, schema(), 'x:1')
    assert.are.same({ 1, 2, 3 }, list[1].seeds)
    assert.are.same({ 7 }, list[2].seeds)
    assert.is_nil(list[3].seeds)
    refuses('seed 1 is there twice', rows.of, { { seeds = { 1, 1 } } }, schema(), 'x:1')
  end)
end)

describe('an ablation', function()
  local parts = {
    { 'SelfCL', lambda_self = 0, lambda_cor = 1 }, { 'AMFM', fusion = 'concat' }, label = 'AVCL',
  }

  it('leaves one out', function()
    local points = ablation.leave_one_out(parts)
    assert.are.same({ 'AVCL', 'no SelfCL', 'no AMFM' }, labels(points))
    assert.are.same({ {}, { lambda_self = 0, lambda_cor = 1 }, { fusion = 'concat' } },
      values(points))
  end)

  it('adds one in', function()
    local points = ablation.add_one_in(parts)
    assert.are.same({ 'none', 'only SelfCL', 'only AMFM', 'AVCL' }, labels(points))
    assert.are.same({ { lambda_self = 0, lambda_cor = 1, fusion = 'concat' },
      { fusion = 'concat' }, { lambda_self = 0, lambda_cor = 1 }, {} }, values(points))
    refuses("'a' and 'b' both set 'tau'", ablation.add_one_in,
      { { 'a', tau = 1 }, { 'b', tau = 2 } })
  end)

  it('varies one factor at a time, without repeating the base', function()
    assert.are.same({ 'base', 'fusion=concat', 'tau=0.1' },
      labels(ablation.one_factor { tau = { 0.1, 0.5 }, fusion = { 'amfm', 'concat' } }))
    assert.are.same({ 'wide', 'tau=0.1' },
      labels(ablation.one_factor { base = { width = 64 }, label = 'wide', tau = { 0.1, 0.5 } }))
  end)

  it('swaps a part for others', function()
    assert.are.same({ 'AVCL', 'fusion=concat' },
      labels(sweep.rows { { label = 'AVCL' }, ablation.swap { fusion = { 'concat' } } }))
    refuses("the base's own: fusion=amfm", labels, ablation.swap { fusion = { 'amfm' } })
  end)

  it('needs components that say what being without them means', function()
    refuses('two components', ablation.leave_one_out, { { 'a', tau = 1 } })
    refuses('does not say', ablation.leave_one_out, { { 'a' }, { 'b', tau = 1 } })
    refuses("belongs in a component", ablation.leave_one_out, { tau = 1 })
  end)
end)

describe('random points', function()
  local function drawn(t)
    local out = {}
    for i, row in ipairs(rows.of(draw.random(t), schema(), 'x:1')) do out[i] = row.values end
    return out
  end

  it('are the same each time, and stay when more are drawn', function()
    local few = drawn { n = 5, seed = 3, tau = draw.log_uniform(0.01, 1) }
    local many = drawn { n = 9, seed = 3, tau = draw.log_uniform(0.01, 1),
      fusion = draw.choice { 'amfm', 'concat' } }
    for i, point in ipairs(few) do assert.are.equal(point.tau, many[i].tau) end
    assert.are_not.same(few, drawn { n = 5, seed = 4, tau = draw.log_uniform(0.01, 1) })
  end)

  -- Kolmogorov-Smirnov: the distance stays below 1.63 / sqrt(n) with probability 0.99, and the
  -- points are always the same ones.
  local function distance(list, cdf)
    table.sort(list)
    local worst = 0
    for i, x in ipairs(list) do
      worst = math.max(worst, math.abs(cdf(x) - i / #list), math.abs(cdf(x) - (i - 1) / #list))
    end
    return worst * math.sqrt(#list)
  end

  it('follow their distribution', function()
    local plain, logs, whole = {}, {}, {}
    for i, p in ipairs(drawn { n = 400, tau = draw.uniform(0.2, 0.6),
      lambda = draw.log_uniform(1e-4, 1), width = draw.uniform(1, 4) }) do
      plain[i], logs[i] = p.tau, p.lambda
      whole[p.width] = (whole[p.width] or 0) + 1
    end
    assert.is_true(distance(plain, function(x) return (x - 0.2) / 0.4 end) < 1.63)
    assert.is_true(distance(logs, function(x) return math.log10(x) / 4 + 1 end) < 1.63)
    local chi2 = 0
    for w = 1, 4 do chi2 = chi2 + (whole[w] - 100) ^ 2 / 100 end
    assert.is_true(chi2 < 11.34) -- 99 % of chi-squared with 3 degrees of freedom
  end)

  it('take bounds and choices from the schema', function()
    for _, p in ipairs(drawn { n = 30, width = draw.log_uniform(), fusion = 'concat',
      modalities = draw.choice() }) do
      assert.is_true(p.width >= 1 and p.width <= 4096 and p.width == math.floor(p.width))
      assert.truthy(({ both = true, rgb = true, mel = true })[p.modalities])
    end
    assert.are.equal(2, #drawn { n = 40, fusion = draw.choice { 'amfm', 'concat' } })
    refuses("'tau' has no upper bound", drawn, { n = 2, tau = draw.uniform() })
    refuses("'fusion' has no choices", drawn, { n = 2, fusion = draw.choice() })
    refuses("did you mean 'tau'", drawn, { n = 2, tua = draw.uniform(0, 1) })
    refuses('draws no key', draw.random, { n = 2, tau = 1 })
    refuses('needs n', draw.random, { tau = draw.uniform(0, 1) })
    refuses('a lower and an upper bound', draw.uniform, 2, 1)
  end)
end)
