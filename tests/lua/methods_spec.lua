-- Methods of the shipped model: their knobs, what a choice brings along, what a run is known by.
local fields = require 'avcl.fields'
local hosts = require 'avcl.host'
local layers = require 'avcl.overrides'
local methods = require 'avcl.methods'
local plan = require 'avcl.plan'
local presets = require 'avcl.presets'
local script = require 'avcl.script'
local support = require 'support'

describe('a method', function()
  local root, study
  setup(function()
    root = support.project()
    study = script.load(support.script(root, support.study))
  end)
  teardown(function() support.remove(root) end)

  local function resolve(overrides, row)
    return (study.schema:resolve(row or {}, layers.layer(study.schema, overrides or {})))
  end

  it('has the knobs that its module has parameters, with the same defaults and limits', function()
    for name in pairs(methods.official) do
      local module = hosts.get():find('method', name)
      for _, param in ipairs(module.params) do
        local field = fields.knobs[name .. '.' .. param.name]
        if param.name == 'samples' then -- of the data set, not of the study
          assert.is_nil(field)
        else
          assert.are.equal(param.default, field and field.default, name .. '.' .. param.name)
          assert.are.same(param.choices, field.choices)
          if param.min then assert.are.equal(param.min, field.min, name .. '.' .. param.name) end
        end
      end
      for path in pairs(fields.knobs) do
        local key = path:match('^' .. name .. '%.(.+)$')
        assert.truthy(not key or module.params[key], path)
      end
    end
  end)

  it('of supervision alone leaves pre-training out', function()
    local v = resolve { 'method=baseline-r' }
    assert.are.equal('rgb', v.modalities)
    assert.are.equal('none', v['finetune.from'])
    assert.are.equal(2, v['finetune.epochs'])
    v = resolve { 'method=baseline-a', 'baseline.epochs=total', 'pretrain.epochs=5' }
    assert.are.equal('mel', v.modalities)
    assert.are.equal(7, v['finetune.epochs'])
    assert.are.equal('both', resolve({}, { method = 'baseline-ra' }).modalities)
    assert.are.equal(9, resolve { 'method=baseline-ra', 'finetune.epochs=9' }['finetune.epochs'])
  end)

  it('that remembers clips is not selected by clips it does not know', function()
    assert.are.equal('last', resolve { 'method=iic' }['pretrain.select']) -- as the script says
    local below = methods.settings.iic['pretrain.select']
    assert.are.equal('min train/loss', below(nil, 'min val/loss'))
  end)

  it('is trained as the paper trains all of them, or as its authors did', function()
    assert.are.equal(0.07, resolve { 'method=moco' }['moco.tau'])
    assert.are.equal(5e-4, resolve { 'method=moco' }['pretrain.optim.weight_decay'])
    local v = resolve { 'method=moco', 'preset=official', 'batch=64' }
    assert.are.equal(0.2, v['moco.tau'])
    assert.are.equal(65536, v['moco.queue'])
    assert.are.equal(1e-4, v['pretrain.optim.weight_decay'])
    assert.are.equal(0.03 * 64 / 256, v['pretrain.optim.lr'])
    v = resolve({}, { method = 'byol', preset = 'official' })
    assert.are.equal('lars', v['pretrain.optim.kind'])
    assert.are.equal(0.9, resolve { 'preset=official' }.lambda_cor) -- avcl: the paper itself
  end)

  it('has official settings that are keys of a study and fit', function()
    for name in pairs(methods.official) do
      local v = resolve { 'method=' .. name, 'preset=official' }
      for path in pairs(presets.official(name)) do
        assert.truthy(study.schema.fields[path], path)
        study.schema:check(path, v[path], name)
      end
    end
  end)

  it('does not make another run of what other methods are set to', function()
    local function config(overrides) return plan.semantic(study, 'pretrain', resolve(overrides)) end
    assert.are.same(config {}, config { 'moco.queue=16', 'baseline.epochs=total' })
    assert.are_not.same(config { 'method=moco' }, config { 'method=moco', 'moco.queue=16' })
    assert.is_nil(config {}['moco.queue'])
  end)
end)
