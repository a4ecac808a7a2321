-- Rows x seeds to runs: what is shared, what makes a run another run.
local plan = require 'avcl.plan'
local script = require 'avcl.script'
local support = require 'support'

describe('plan', function()
  local root
  setup(function() root = support.project() end)
  teardown(function() support.remove(root) end)

  local function data() return { hash = ('d'):rep(64), n_classes = 3, items = 1 } end

  local function resolve(text, overrides, options)
    local study = script.load(support.script(root, text))
    local o = { overrides = overrides, data = data }
    for k, v in pairs(options or {}) do o[k] = v end
    return plan.resolve(study, o), study
  end

  local function id(text, stage, overrides)
    local p = resolve(text or support.study, overrides)
    return p.rows[1].cells[1][stage].id
  end

  it('writes canonical JSON: sorted keys, shortest numbers', function()
    assert.are.equal('{"config":{"a":5.0e-01,"b":[1,"x"]},"data":"d","graph":"g","parent":null,'
      .. '"seed":1}', plan.key_text { config = { b = { 1, 'x' }, a = 0.5 }, graph = 'g', data = 'd',
      seed = 1 })
  end)

  it('names a run by the hash of that text', function()
    local keys = { config = {}, graph = 'g', data = 'd', seed = 1 }
    local sha = require 'avcl.ffi'.sha256(plan.key_text(keys))
    assert.are.equal(sha:sub(1, 32), plan.identity(keys))
  end)

  it('shares a pre-training among rows that differ later', function()
    local p = resolve(support.study)
    local base, mel = p.rows[1].cells[1], p.rows[2].cells[1]
    assert.are.equal(base.pretrain, mel.pretrain)
    assert.are_not.equal(base.finetune.id, mel.finetune.id)
    assert.are.equal(2 * (1 + 2 + 2), #p.runs)
    assert.are.equal(2, #base.pretrain.rows)
  end)

  it('puts parents first', function()
    local seen = {}
    for _, run in ipairs(resolve(support.study).runs) do
      assert.is_true(run.parent == nil or seen[run.parent.id])
      seen[run.id] = true
    end
  end)

  it('does not see comments', function()
    assert.are.equal(id(nil, 'pretrain'), id('-- a comment\n' .. support.study, 'pretrain'))
  end)

  it('sees a changed term of the loss', function()
    local changed = support.study:gsub('g:square%(v.pool %- a.pool%)', 'g:abs(v.pool - a.pool)')
    assert.are_not.equal(support.study, changed)
    assert.are_not.equal(id(nil, 'pretrain'), id(changed, 'pretrain'))
  end)

  it('sees what numbers depend on, and nothing else', function()
    local before = id(nil, 'test')
    for _, o in ipairs { 'tau=0.3', 'pretrain.epochs=3', 'finetune.head.dropout=0.1',
      'test.clips=3', 'batch=2', 'precision=f64', 'control=shuffled' } do
      assert.are_not.equal(before, id(nil, 'test', { o }), o)
    end
    for _, o in ipairs { 'workers=3', 'checkpoint_s=1', 'max_bad=0.5' } do
      assert.are.equal(before, id(nil, 'test', { o }), o)
    end
    assert.are.equal(id(nil, 'pretrain'), id(nil, 'pretrain', { 'finetune.epochs=9' }))
  end)

  it('drops a pre-training that nothing comes from', function()
    local p = resolve(support.study, { 'finetune.from=none' }, { seeds = { 1 } })
    for _, run in ipairs(p.runs) do assert.are_not.equal('pretrain', run.stage) end
    assert.is_nil(p.rows[1].cells[1].finetune.parent)
  end)

  it('takes rows by part of their label', function()
    assert.are.equal('mel', resolve(support.study, {}, { only = 'me' }).rows[1].label)
    assert.are.equal(0, #resolve(support.study, {}, { only = 'none' }).rows)
  end)
end)
