-- Graphs and sessions from Lua: numbers, gradients, places of errors.
local avcl = require 'avcl'
local c = require 'avcl.ffi'
local gradcheck = require 'avcl.gradcheck'

local F64 = { device = 'reference', precision = 'f64', seed = 1 }

local function line()
  return debug.getinfo(2, 'l').currentline
end

local function message(fn)
  local ok, e = pcall(fn)
  assert.is_false(ok)
  return tostring(e)
end

describe('graph', function()
  it('computes what the ops say', function()
    local g = avcl.graph()
    local x = g:input('x', { 2, 2 })
    g:keep('y', (x * 2 + 1) / g:add(x, x))
    g:minimize(g:mean(g:square(x)))
    local s = avcl.session(g, F64)
    s:set('x', { { 1, 2 }, { 4, -5 } }):run 'train'
    assert.are.same({ { 1.5, 1.25 }, { 1.125, 0.9 } }, s:get 'y')
    assert.are.equal((1 + 4 + 16 + 25) / 4, s:get 'loss')
  end)

  it('takes numbers, lists of nodes, one axis and a list for the only list', function()
    local g = avcl.graph()
    local x = g:input('x', { 2, 3 })
    assert.are.same({ 2, 6 }, g:concat({ x, x }, { axis = 1 }).shape)
    assert.are.same({ 4, 3 }, g:concat(x, x, { axis = 0 }).shape)
    assert.are.same({ 2 }, g:variance(x, { axis = 1 }).shape)
    assert.are.same({ 3, 2 }, g:transpose(x, { 1, 0 }).shape)
    assert.are.same({ 6 }, g:reshape(x, { 6 }).shape)
    assert.are.same({ 2, 3 }, g:maximum(x, 0).shape)
  end)

  it('has the gradient of a loss written in Lua', function()
    local g = avcl.graph()
    local w = g:weight('w', { 3, 4 }, { 'uniform', 0.5 })
    local z = g:linear(g:input('x', { 5, 4 }), w)
    local std = g:sqrt(g:add(g:variance(z, { axis = 1 }), 1e-4))
    g:minimize(g:mean(g:relu(g:sub(2, std))))
    assert.is_true(gradcheck.run(g) < gradcheck.TOLERANCE)
  end)

  it('finds a gradient that is cut off', function()
    local g = avcl.graph()
    local w = g:weight('w', { 3 }, { 'fill', 0.5 })
    g:minimize(g:sum(w * g:stop_gradient(w)))
    assert.is_true(gradcheck.run(g) > 0.1)
  end)

  it('names the line of the script', function()
    local g = avcl.graph()
    local x = g:input('x', { 2, 3 })
    local at = line() + 1
    local text = message(function() g:matmul(x, x) end)
    assert.truthy(text:find('graph_spec.lua:' .. at, 1, true), text)
  end)

  it('suggests ops and outputs', function()
    local g = avcl.graph()
    local x = g:input('x', { 2, 3 })
    assert.truthy(message(function() g:sigmod(x) end):find("did you mean 'sigmoid'", 1, true))
    assert.truthy(message(function() g:op('reluu', { x }) end):find("'relu'", 1, true))
    assert.truthy(message(function() return g:input 'y' end):find("no input 'y'", 1, true))
  end)

  it('refuses a value of the wrong size', function()
    local g = avcl.graph()
    g:minimize(g:mean(g:input('x', { 2, 3 })))
    local s = avcl.session(g, F64)
    assert.truthy(message(function() s:set('x', { 1, 2 }) end):find('6 elements', 1, true))
  end)

  it('chooses the algorithm of convolutions', function()
    local function session(options)
      local g = avcl.graph()
      g:minimize(g:mean(g:input('x', { 2, 3 })))
      return avcl.session(g, options)
    end
    local text = message(function() session { conv = 'winogard' } end)
    assert.truthy(text:find("did you mean 'winograd'?", 1, true), text)
    assert.truthy(message(function() session { convv = 'direct' } end):find("'conv'", 1, true))
    assert.truthy(session { conv = 'direct' }:device():find('conv direct, plan', 1, true))
    text = message(function() session { kernel_plan = '# none yet\n\nconv3d avx9 oops\n' } end)
    assert.truthy(text:find('line 3 of the kernel plan', 1, true), text)
    -- Another plan is another hash in the record.
    local row = 'conv3d avx512 8x1x1x1 8x1x1x1 s1x1x1 p0x0x0 direct\n'
    assert.are_not.equal(session {}:device(), session { kernel_plan = row }:device())
    assert.are.equal(session {}:device(), session { conv = 'auto' }:device())
  end)

  it('pops the scope of a declaration that failed', function()
    local g = avcl.graph()
    pcall(g.scope, g, 'a', function() error 'x' end)
    g:weight('w', { 1 })
    assert.are.equal('w', g:weights()[1].name)
  end)

  it('moves values through safetensors, across precisions', function()
    local g = avcl.graph()
    g:minimize(g:sum(g:weight('w', { 2, 2 }, { 'fill', 0 })))
    local path = os.tmpname()
    avcl.save_safetensors(path, { w = { data = { 1, 2, 3, 4.5 }, shape = { 2, 2 } } })
    local s = avcl.session(g, F64):load(path)
    assert.are.same({ { 1, 2 }, { 3, 4.5 } }, s:get 'w')
    avcl.save_safetensors(path, { v = { data = { 1 }, shape = { 1 } } })
    assert.truthy(message(function() s:load(path) end):find("lacks 1 of the graph's values: w", 1,
      true))
    os.remove(path)
  end)

  it('reads and writes IEEE halves', function()
    local tensor = require 'avcl.tensor'
    local cases = { { 1, 0x3C00 }, { -2, 0xC000 }, { 65504, 0x7BFF }, { 2 ^ -24, 1 },
      { 2 ^ -14, 0x0400 }, { 0.333251953125, 0x3555 }, { 0, 0 } }
    for _, case in ipairs(cases) do
      local buffer = tensor.pack({ case[1] }, 'f16', 1, 'half')
      assert.are.equal(case[2], tonumber(buffer[0]))
      assert.are.equal(case[1], tensor.list(buffer, 'f16', 1)[1])
    end
    assert.are.equal(0x3C00, tonumber(tensor.pack({ 1 + 2 ^ -11 }, 'f16', 1, 'even')[0]))
    assert.are.equal(0x3C02, tonumber(tensor.pack({ 1 + 3 * 2 ^ -11 }, 'f16', 1, 'even')[0]))
  end)

  it('trains nothing of a frozen scope', function()
    local function state_and_gradients(frozen)
      local g = avcl.graph()
      g.frozen_scopes.a = frozen
      local x = g:input('x', { 4, 2 })
      local h = g:scope('a', function()
        local function of(name, kind, value) return g[kind](g, name, { 2 }, { 'fill', value }) end
        local y = g:batch_norm(x, of('weight', 'weight', 1), of('bias', 'weight', 0),
          of('mean', 'state', 0), of('var', 'state', 1))
        g:assign(g:state('seen', { 2 }), g:result(y, 3))
        return y
      end)
      g:keep('h', h)
      g:minimize(g:sum(g:square(h * g:weight('w', { 2 }, { 'fill', 1 }))))
      local s = avcl.session(g, F64)
      s:set('x', { 1, 2, 3, 4, 5, 6, 7, 8 }):run 'train':commit()
      return s, #g:weights()
    end
    local s, n = state_and_gradients(true)
    assert.are.equal(1, n)
    assert.is_true(math.abs(s:get('h')[1][1] - 1) < 1e-4) -- by its state: mean 0, variance 1
    assert.are.same({ 0, 0 }, s:get 'a/seen')
    assert.is_true(s:grad('w')[1] > 0)
    s, n = state_and_gradients(nil)
    assert.are.equal(3, n)
    assert.is_true(math.abs(s:get('h')[1][1] - 1) > 0.5)
    assert.is_true(s:get('a/seen')[1] > 0)
  end)

  it('outlives its Lua handles in any order', function()
    for _ = 1, 20 do
      local g = avcl.graph()
      g:minimize(g:sum(g:weight('w', { 2 }, { 'fill', 1 })))
      local s = avcl.session(g, F64)
      g = nil -- luacheck: ignore 311
      collectgarbage()
      assert.are.equal(2, s:run 'train':get 'loss')
    end
    collectgarbage()
    assert.is_true(c.is_error(select(2, pcall(avcl.session, avcl.graph(), { precison = 'f64' }))))
  end)
end)
