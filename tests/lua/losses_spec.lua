-- What the shipped model's losses may be told to do: gates per pair, projection, dropout.
local avcl = require 'avcl'
local gradcheck = require 'avcl.gradcheck'

local F64 = { device = 'reference', precision = 'f64', seed = 3 }
local ROUTES = 1e-11 -- two f64 routes to one number, a few thousand operations each
local N, D = 3, 4

local function shipped(name)
  return assert(loadfile(os.getenv 'AVCL_SOURCE_DIR' .. '/experiments/_base/' .. name .. '.lua'))()
end

local V = { { 1, 2, 0, 1 }, { 0.5, 1, 3, 0 }, { 2, 0.2, 1, 1 } }
local A = { { 2, 0, 1, 0.3 }, { 1, 1, 1, 2 }, { 0.1, 3, 0.5, 1 } }

local function near(want, got)
  assert.is_true(math.abs(want - got) <= ROUTES * math.max(1, math.abs(want)),
    ('got %.17g, want %.17g'):format(got, want))
end

-- declare(g, v, a) -> a term to minimise; returns the session, its inputs set.
local function session_of(declare)
  local g = avcl.graph()
  local v, a = g:input('v', { N, D }), g:input('a', { N, D })
  g:minimize(declare(g, v, a))
  return avcl.session(g, F64):set('v', V):set('a', A)
end

local function loss_of(declare)
  return session_of(declare):run 'train':get 'loss'
end

describe('SelfCL with a gate for every pair', function()
  local pairwise = shipped 'pairwise'

  local function p(reduction) return { tau = 0.3, selfcl = { reduction = reduction } } end

  local function by_pairs(name, params, reduction)
    return function(g, v, a)
      local fusion = g:instance('fusion', name, params, 'fusion')
      g:apply(fusion, { video = v, audio = a })
      return pairwise(g, p(reduction), fusion, v, a)
    end
  end

  it('is SelfCL where nothing is gated', function()
    for _, reduction in ipairs { 'sum', 'mean' } do
      near(loss_of(function(g, v, a)
        return g:loss('selfcl', { v, a }, { tau = 0.3, reduction = reduction })
      end), loss_of(by_pairs('concat', nil, reduction)))
    end
  end)

  it('is what each pair by itself gives', function()
    -- the gate of (i, j), one pair at a time
    local s = session_of(by_pairs('amfm', { gate = 'sigmoid' }, 'sum'))
    local loss = s:run 'train':get 'loss'
    local names = { 'squeeze/weight', 'squeeze/bias', 'excite/weight', 'excite/bias' }
    local one = avcl.graph()
    local v, a = one:input('v', { 1, D }), one:input('a', { 1, D })
    local f = one:fusion('amfm', { video = v, audio = a }, { gate = 'sigmoid' })
    one:keep('v_', one:l2_normalise(f.video))
    one:keep('a_', one:l2_normalise(f.audio))
    one:minimize(one:mean(f.video))
    local single = avcl.session(one, F64)
    for _, name in ipairs(names) do
      single:set('fusion/' .. name, s:get('fusion/' .. name))
    end
    local function cosine(x, y)
      local xy, xx, yy = 0, 0, 0
      for k = 1, D do xy, xx, yy = xy + x[k] * y[k], xx + x[k] ^ 2, yy + y[k] ^ 2 end
      return xy / math.sqrt(xx * yy)
    end
    local across = {}
    for i = 1, N do
      across[i] = {}
      for j = 1, N do
        single:set('v', { V[i] }):set('a', { A[j] }):run 'eval'
        across[i][j] = cosine(single:get 'v_'[1], single:get 'a_'[1])
      end
    end
    local want = 0
    for i = 1, N do
      local of_v, of_a = 0, 0
      for j = 1, N do
        of_v, of_a = of_v + math.exp(across[i][j] / 0.3), of_a + math.exp(across[j][i] / 0.3)
        if j ~= i then
          of_v = of_v + math.exp(cosine(V[i], V[j]) / 0.3)
          of_a = of_a + math.exp(cosine(A[i], A[j]) / 0.3)
        end
      end
      want = want + math.log(of_v) + math.log(of_a) - 2 * across[i][i] / 0.3
    end
    near(want, loss)
  end)
end)

describe('SelfCL behind a projection', function()
  local function projected(g, v, a)
    return g:loss('selfcl', { v, a }, { projection = 'elu' })
  end

  it('sees what the projection makes of both modalities', function()
    local s = session_of(projected)
    local zero = {}
    for i = 1, D do zero[i] = { 0, 0, 0, 0 } end
    s:set('selfcl/projection/fc2/weight', zero)
    near(2 * N * math.log(2 * N - 1), s:run 'train':get 'loss') -- all of them equal
  end)

  it('has the gradients of its loss', function()
    local g = avcl.graph()
    local v, a = g:input('v', { N, D }), g:input('a', { N, D })
    g:minimize(projected(g, v, a))
    local worst = gradcheck.run(g, { elements = 24 })
    assert.is_true(worst < 1e-5)
  end)
end)

describe('AMFM with dropout', function()
  local function fused(p)
    return function(g, v, a)
      local f = g:fusion('amfm', { video = v, audio = a }, { gate = 'sigmoid', dropout = p })
      g:keep('f', f.video)
      return g:mean(f.video)
    end
  end

  it('drops between its layers in training alone', function()
    local plain, dropped = session_of(fused(0)), session_of(fused(0.5))
    dropped:rng(1, 0, 0)
    assert.are.same(plain:run 'eval':get 'f', dropped:run 'eval':get 'f')
    assert.are_not.same(plain:run 'train':get 'f', dropped:run 'train':get 'f')
  end)
end)

describe('warnings of collapse', function()
  local health = require 'avcl.health'

  it('name the metric', function()
    local function named(metrics)
      local list = {}
      for i, w in ipairs(health.warnings(metrics)) do
        assert.truthy(w.sentence:find(w.metric, 1, true))
        list[i] = w.metric
      end
      return list
    end
    assert.are.same({}, named { ['diag/spread'] = 0.5, ['diag/rank'] = 9, ['diag/leak'] = 0.1,
      ['diag/dead_channels'] = 0.2, ['diag/match_shuffled'] = 0.06 })
    assert.are.same({ 'diag/dead_channels' }, named { ['diag/dead_channels'] = 0.9 })
    assert.are.same({ 'diag/spread', 'diag/rank' },
      named { ['diag/spread'] = 0.01, ['diag/rank'] = 1.1 })
    assert.are.same({ 'diag/leak' },
      named { ['diag/leak'] = 0.99, ['diag/match_shuffled'] = 0.06 })
  end)
end)
