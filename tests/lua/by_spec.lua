-- avcl.by: values that another key decides; columns that set keys for their rows.
local avcl = require 'avcl'
local collect = require 'avcl.report.collect'
local config = require 'avcl.config'
local plans = require 'avcl.plan'
local records = require 'avcl.records'
local script = require 'avcl.script'
local support = require 'support'

local nothing = records.new {
  read = function() return nil end, state = function() return 'planned' end,
}

local function study(changes)
  local root = support.project()
  local text = support.study
  for from, to in pairs(changes) do
    local at, till = text:find(from, 1, true)
    text = text:sub(1, at - 1) .. to .. text:sub(till + 1)
  end
  local ok, value = pcall(script.load, support.script(root, text))
  support.remove(root)
  if not ok then error(value, 0) end
  return value
end

local function plan_of(experiment, overrides)
  local opened = {}
  return plans.resolve(experiment, { overrides = overrides, data = function(name)
    opened[name] = true
    return { hash = name, n_classes = 3, items = 40, synthetic = false }
  end }), opened
end

local function message(fn, ...)
  local ok, problem = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(problem)
end

local sizes = [[seeds = { 1 }, defaults = { scale = 'paper', preset = avcl.by('scale',
  { paper = 'paper', small = 'robust' }), width = avcl.by('scale', { paper = 64, small = 16 }),
  mine = avcl.by('scale', { paper = { 'a' }, small = { 'b', 'c' } }) }, name = 'study',
  inputs = { rgb = avcl.clip { size = avcl.by('scale', { paper = 112, small = 32 }) } },
  stages = { pretrain = { epochs = avcl.by('scale', { paper = 300, small = 6 }),
    optim = avcl.sgd { momentum = avcl.by('scale', { paper = 0.9, small = 0.5 }) } } },]]

describe('a value by another key', function()
  it('stands in defaults, inputs, stages and decides the preset', function()
    local e = study { ["name = 'study'"] = sizes:sub(1, -2), ['seeds = { 1, 2 },'] = '' }
    local function at(overrides)
      local v = plan_of(e, overrides).rows[1].values
      return { v.width, v['rgb.size'], v['pretrain.epochs'], v['pretrain.optim.momentum'], v.tau,
        v['pretext.features'], config.value_text(v.mine) }
    end
    assert.same({ 64, 112, 300, 0.9, 0.5, 'fused', 'a' }, at {})
    assert.same({ 16, 32, 6, 0.5, 0.1, 'raw', 'b+c' }, at { 'scale=small' })
    assert.same({ 16, 48, 6, 0.5, 0.5, 'fused', 'b+c' },
      at { 'scale=small', 'rgb.size=48', 'preset=paper' })
    -- A preset named later takes the place of the first: nothing of that is left.
    assert.equal('relu', plan_of(e, { 'scale=small', 'preset=paper' }).rows[1].values['amfm.gate'])
    assert.equal('sigmoid', plan_of(e, { 'scale=small' }).rows[1].values['amfm.gate'])
    assert.matches("'.-' has no value for scale = 'smal'; did you mean 'small'",
      message(at, { 'scale=smal' }))
  end)

  it('is checked in every case', function()
    local e = message(study, { ["{ label = 'base' }"] =
      "{ label = 'base', tau = avcl.by('scale', { paper = 0.5, small = -1 }) }" })
    assert.matches("'tau' in row 1 is %-1, must be above 0", e)
    assert.matches('a key and a value for each', message(avcl.by, 'scale', 3))
    assert.matches("decided by another key, 'preset'",
      message(avcl.by, 'scale', { small = avcl.by('preset', { paper = 1 }) }))
    assert.matches("'width' is decided by 'nothing', a key that there is not",
      message(study, { ["{ label = 'base' }"] =
        "{ label = 'base', width = avcl.by('nothing', { paper = 1 }) }" }))
  end)
end)

describe('a column', function()
  local column = "avcl.metric { 'synth', metric = 'test/top1', select = 'max val/top1' }"
  local two = column .. ", avcl.metric { 'more', metric = 'test/top1', with = { data = 'other' } }"

  it('sets keys for all its rows, whose runs are planned', function()
    local e = study { [column] = two }
    local plan, opened = plan_of(e, {})
    assert.same({ synth = true, other = true }, opened)
    assert.equal(2 * #plan_of(study {}, {}).runs, #plan.runs)
    local row = plan.rows[1]
    local other = plans.variant(row, e.columns[2])
    assert.equal('synth', row.values.data)
    assert.equal('other', other.values.data)
    assert.are_not.equal(row.cells[1].test.id, other.cells[1].test.id)
    local t = collect.collect(e, plan, nothing)
    assert.is_not_nil(t.rows[1].cells[2].missing[other.cells[1].test.id])
    assert.is_nil(t.rows[1].cells[1].missing[other.cells[1].test.id])
  end)

  it('shares the runs of another that sets the same', function()
    local e = study { [column] = column
      .. ", avcl.metric { 'loss', metric = 'test/loss', with = { data = 'synth' } }" }
    assert.equal(#plan_of(study {}, {}).runs, #plan_of(e, {}).runs)
  end)

  it('is checked, and lies under the command line', function()
    local e = study { [column] = two }
    local _, opened = plan_of(e, { 'data=third' })
    assert.same({ third = true }, opened)
    assert.matches("unknown key 'dta' in column 'more'",
      message(study, { [column] = two:gsub('data =', 'dta =') }))
  end)
end)
