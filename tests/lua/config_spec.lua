-- Keys, precedence, overrides and presets of a study.
local layers = require 'avcl.overrides'
local script = require 'avcl.script'
local support = require 'support'

describe('config', function()
  local root, study
  setup(function()
    root = support.project()
    study = script.load(support.script(root, support.study))
  end)
  teardown(function() support.remove(root) end)

  local function resolve(overrides, row)
    return (study.schema:resolve(row or {}, layers.layer(study.schema, overrides)))
  end

  local function refuses(text, part)
    local ok, e = pcall(resolve, { text })
    assert.is_false(ok, text .. ' was accepted')
    assert.truthy(tostring(e):find(part, 1, true), tostring(e))
  end

  it('takes the type of an override from the key', function()
    local v = resolve { 'tau=0.25', 'pretrain.epochs=3', 'data=42', 'mel.norm=false',
      'cgra_at=conv3,pool', 'rgb.resize={20,18}', 'pretrain.optim.nesterov=true' }
    assert.are.equal(0.25, v.tau)
    assert.are.equal(3, v['pretrain.epochs'])
    assert.are.equal('42', v.data)
    assert.is_false(v['mel.norm'])
    assert.are.same({ 'conv3', 'pool' }, v.cgra_at)
    assert.are.same({ 20, 18 }, v['rgb.resize'])
    assert.is_true(v['pretrain.optim.nesterov'])
  end)

  it('refuses what does not fit', function()
    refuses('tua=1', "did you mean 'tau'?")
    refuses('pretrain.epoch=1', "did you mean 'pretrain.epochs'?")
    refuses('tau=abc', 'not a number')
    refuses('tau=-1', 'must be above 0')
    refuses('pretrain.epochs=1.5', 'a whole number')
    refuses('tau=0.1,0.5', '-m (--sweep)')
    refuses('mel.norm=maybe', 'neither true nor false')
    refuses('tau', 'not key=value')
    refuses('rgb.normalise=clp', "did you mean 'clip'?")
  end)

  it('lets the command line win over a row, a row over the script', function()
    assert.are.equal(4, resolve({}).width)
    assert.are.equal(8, resolve({}, { width = 8 }).width)
    assert.are.equal(16, resolve({ 'width=16' }, { width = 8 }).width)
  end)

  it('puts a preset below what is said explicitly', function()
    local v = resolve { 'preset=robust' }
    assert.are.equal('tmean', v['rgb.normalise'])
    assert.are.equal('raw', v['pretext.features'])
    assert.are.equal(0.1, v.tau)
    assert.are.same({ 0.9, 0.1, 'mean', 3 }, -- eq. 11 as printed, but per feature, three times
      { v.lambda_cor, v.lambda_self, v['cgra.reduction'], v['loss.scale'] })
    v = resolve({ 'preset=robust', 'rgb.normalise=clip' }, { tau = 0.7 })
    assert.are.equal('clip', v['rgb.normalise'])
    assert.are.equal(0.7, v.tau)
    assert.are.equal('none', resolve({})['rgb.normalise'])
  end)

  it('gives the model nested, strict, read-only knobs', function()
    local p = require 'avcl.knobs'.of(resolve({}), study.stages)
    assert.are.equal('fused', p.pretext.features)
    assert.has_error(function() return p.lamda end)
    assert.has_error(function() return p.pretext.feature end)
    assert.has_error(function() p.tau = 1 end)
    assert.has_error(function() return p.pretrain end) -- stages are not the model's business
  end)

  it('orders stages by parentage', function()
    assert.are.same({ 'pretrain', 'finetune', 'test' }, study.stages)
    assert.are.same({ pretrain = 'pretext', finetune = 'supervised', test = 'test' }, study.kinds)
  end)

  it('has a default that fits for every key', function()
    for path, value in pairs(resolve {}) do study.schema:check(path, value, 'defaults') end
  end)
end)
