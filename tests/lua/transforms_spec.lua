-- Augmentations as keys: ranges from the core's table, per stage, part of a run's identity.
local plan = require 'avcl.plan'
local script = require 'avcl.script'
local support = require 'support'
local transforms = require 'avcl.transforms'

describe('transforms', function()
  local root
  setup(function() root = support.project() end)
  teardown(function() support.remove(root) end)

  local function study(keys)
    return (support.study:gsub("name = 'study',", function()
      return "name = 'study', " .. keys
    end))
  end

  local function resolve(text, overrides)
    local p = plan.resolve(script.load(support.script(root, text)), {
      overrides = overrides,
      data = function() return { hash = ('d'):rep(64), n_classes = 3, items = 1 } end,
    })
    return p.rows[1].cells[1]
  end

  local function ids(text, overrides)
    local cells = resolve(text, overrides)
    return cells.pretrain.id, cells.finetune.id
  end

  local function fails(text, overrides)
    local ok, e = pcall(resolve, text, overrides)
    assert.is_false(ok)
    return tostring(e)
  end

  local flip = 'transforms = { flip = { p = 0.5 } },'

  it('lists what the core has, each with p', function()
    local names = {}
    for i, t in ipairs(transforms.list()) do
      names[i] = t.name
      assert.are.equal('p', t.params[1].name)
      assert.are.equal(0, t.params[1].field.default)
      assert.are.equal(1, t.params[1].field.max)
    end
    assert.are.equal('speed temporal_jitter random_resized_crop flip colour_jitter gain noise '
      .. 'time_shift spec_augment', table.concat(names, ' '))
  end)

  it('changes no run while they are off', function()
    local plain = ids(support.study)
    assert.are.equal(plain, (ids(study 'transforms = { flip = { p = 0 } },')))
    assert.are.equal(plain, (ids(study 'transforms = { gain = { max_db = 3 } },')))
    assert.are.equal(plain, (ids(support.study, { 'transforms.noise.min_snr=5' })))
  end)

  it('are part of a run that has them, wherever they were set', function()
    local plain = ids(support.study)
    local top = ids(study(flip))
    assert.are_not.equal(plain, top)
    assert.are.equal(top, (ids(support.study, { 'transforms.flip.p=0.5' })))
    assert.are.equal(top, (ids(support.study, { 'pretrain.transforms.flip.p=0.5' })))
    assert.are_not.equal(top, (ids(study(flip), { 'transforms.flip.p=0.4' })))
    assert.are_not.equal(ids(support.study, { 'transforms.gain.p=1' }),
      (ids(support.study, { 'transforms.gain.p=1', 'transforms.gain.max_db=3' })))
  end)

  it('belong to the stage that names them', function()
    local cells = resolve(study(flip), { 'finetune.transforms.flip.p=0' })
    assert.are.equal(1, #transforms.of(cells.pretrain.values, 'pretrain'))
    assert.are.equal(0, #transforms.of(cells.finetune.values, 'finetune'))
    local pretrain = ids(support.study)
    assert.are.equal(pretrain, (ids(support.study, { 'finetune.transforms.flip.p=0.5' })))
  end)

  it('hands the core a chain, or nothing', function()
    local cells = resolve(study [[transforms = { flip = { p = 1 }, spec_augment = { p = 0.5,
      bands = 3 } },]])
    assert.is_not_nil(transforms.chain(cells.pretrain.values, 'pretrain'))
    assert.is_nil(transforms.chain(resolve(support.study).pretrain.values, 'pretrain'))
    local two = transforms.of(cells.pretrain.values, 'pretrain')[2]
    assert.are.equal('spec_augment', two.name)
    assert.are.equal(3, two.params[2].value)
  end)

  it('refuse slips with the line', function()
    assert.matches("study.lua:%d+: unknown key 'filp' in transforms; did you mean 'flip'",
      fails(study 'transforms = { filp = { p = 1 } },'))
    assert.matches("'transforms.flip.p' in transforms is 2, must be 0..1",
      fails(study 'transforms = { flip = { p = 2 } },'), 1, true)
    assert.matches('must be a table such as { p = 0.5 }', fails(study 'transforms = { flip = 1 },'),
      1, true)
    assert.matches("did you mean 'transforms.gain.max_db'",
      fails(support.study, { 'transforms.gain.max_bd=1' }), 1, true)
    assert.matches("means nothing in stage 'test'",
      fails(study [[stages = { test = { from = 'finetune', clips = 2, metrics = { 'top1' },
        transforms = { flip = { p = 1 } } } },]]), 1, true)
  end)
end)
