-- Optimisers in scripts: defaults by kind, identity, scopes, and training with each.
local plan = require 'avcl.plan'
local script = require 'avcl.script'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

describe('optim', function()
  local root
  setup(function() root = support.project() end)
  teardown(function() support.remove(root) end)

  local function study(optim, more)
    local text = support.study:gsub('rows = avcl%.rows {', ([[
      stages = { pretrain = { optim = %s, split = 'unlab', epochs = 2, select = 'last',
        val_split = 'none' %s } },
      %%0]]):format(optim, more or ''))
    return text
  end

  local function pretrain(text)
    local p = plan.resolve(script.load(support.script(root, text)), {
      data = function() return { hash = ('d'):rep(64), n_classes = 3, items = 1 } end,
    })
    return p.rows[1].cells[1].pretrain
  end

  it('has defaults by kind', function()
    local v = pretrain(study 'avcl.adamw {}').values
    assert.are.equal(0.01, v['pretrain.optim.weight_decay'])
    assert.is_false(v['pretrain.optim.exclude_bias_norm'])
    v = pretrain(study 'avcl.lars {}').values
    assert.are.equal(5e-4, v['pretrain.optim.weight_decay'])
    assert.is_true(v['pretrain.optim.exclude_bias_norm'])
    assert.is_false(pretrain(study 'avcl.lars { exclude_bias_norm = false }')
      .values['pretrain.optim.exclude_bias_norm'])
  end)

  it('is no part of a run where it is off or belongs to another optimiser', function()
    local base = pretrain(study 'avcl.sgd { lr = 1e-2 }')
    for key in pairs(base.keys.config) do
      for _, name in ipairs { 'kind', 'beta1', 'eps', 'trust', 'accumulate', 'clip_norm',
        'milestones' } do
        assert.are_not.equal('stage.optim.' .. name, key)
      end
      assert.are_not.equal('stage.keep_every', key)
    end
    local off = 'avcl.sgd { lr = 1e-2, accumulate = 1, clip_norm = 0 }'
    assert.are.equal(base.id, pretrain(study(off, ', early_stop = 0, keep_every = 3')).id)
    local seen = { [base.id] = true }
    for _, other in ipairs { 'avcl.adamw { lr = 1e-2, weight_decay = 5e-4 }',
      'avcl.lars { lr = 1e-2 }', 'avcl.sgd { lr = 1e-2, accumulate = 2 }',
      'avcl.sgd { lr = 1e-2, scopes = { video = { lr = 1 } } }',
      'avcl.sgd { lr = 1e-2, scopes = { video = { lr = 2 } } }',
      'avcl.sgd { lr = 1e-2, milestones = { 1 } }' } do
      local id = pretrain(study(other)).id
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it('names a scope that holds no weight', function()
    local ok, e = pcall(pretrain, study 'avcl.sgd { scopes = { vidoe = { lr = 1 } } }')
    assert.is_false(ok)
    assert.truthy(tostring(e):find("no weight that is trained lies under 'vidoe'", 1, true))
    assert.truthy(tostring(e):find("did you mean 'video'?", 1, true))
  end)

  it('trains with each, by the program', function()
    local text, code = support.shell(('cd %s && %s data synth data/synth --clips 16 --train 12 '
      .. '--val 12 --test 12 --seconds 1'):format(root, program))
    assert.are.equal(0, code, text)
    for i, optim in ipairs {
      "avcl.adamw { accumulate = 2, clip_norm = 1, warmup_epochs = 1, schedule = 'cosine' }",
      "avcl.lars { lr = 0.3, schedule = 'multistep', milestones = { 1 }, factor = 0.5 }",
      'avcl.sgd { scopes = { video = { lr = 1e-4 }, audio = { weight_decay = 0 } } }',
    } do
      support.script(root, study(optim, ', keep_every = 1'))
      text, code = support.shell(("cd '%s'; '%s' run experiments/study.lua --seeds 1 --only base "
        .. '--store %d'):format(root, program, i))
      assert.are.equal(0, code, text)
      text = support.shell(("find '%s/%d' -name 'epoch-0002.safetensors'"):format(root, i))
      assert.truthy(text:find 'epoch%-0002', text)
    end
  end)
end)
