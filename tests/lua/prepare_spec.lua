-- `avcl data prepare`: one file out of a set, and a run that reads it by one override.
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

describe('avcl data prepare', function()
  local root
  setup(function()
    root = support.project()
    support.script(root, support.study)
    local text, code = support.shell(('cd %s && %s data synth data/synth --clips 12 --train 12 '
      .. '--val 12 --test 12 --seconds 1'):format(root, program))
    assert.are.equal(0, code, text)
  end)
  teardown(function() support.remove(root) end)

  local function avcl(arguments)
    return support.shell(("cd '%s'; '%s' %s"):format(root, program, arguments))
  end

  it('makes what an experiment wants, and the experiment runs on it', function()
    local text, code = avcl 'data prepare data/synth set.avclcache --for study --codec yuv'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('48 files: ', 1, true), text)
    text, code = avcl 'run experiments/study.lua data=set.avclcache --seeds 1 --only base --store s'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('3 done', 1, true), text)
    text = avcl 'table experiments/study.lua data=set.avclcache --seeds 1 --only base --store s'
    assert.truthy(text:find('Synthetic data', 1, true), text)
  end)

  it('takes what is there and refuses another recipe', function()
    local text, code = avcl 'data prepare data/synth set.avclcache --for study --codec yuv'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('48 taken over', 1, true), text)
    text, code = avcl 'data prepare data/synth set.avclcache --for study --size 20x20'
    assert.are_not.equal(0, code)
    assert.truthy(text:find("with 'size: 10x9' and not 'size: 20x20'", 1, true), text)
  end)

  it('refuses a run that wants what the cache does not hold', function()
    local text, code = avcl('run experiments/study.lua data=set.avclcache rgb.resize=[12,12] '
      .. '--seeds 1 --only base --store t')
    assert.are_not.equal(0, code)
    assert.truthy(text:find('holds pictures of 10x9 and the run wants 12x12', 1, true), text)
  end)

  it('checks without writing, and fails when too much is unreadable', function()
    support.write(root .. '/data/synth/bad.csv', 'path,label\ntrain/000000.mp4,hammer_metal\n'
      .. 'synth.yaml,hammer_metal\n')
    local text, code = avcl 'data prepare data/synth/bad.csv --check'
    assert.are.equal(1, code, text)
    assert.truthy(text:find('1 failed', 1, true), text)
    assert.truthy(text:find('failed  synth.yaml', 1, true), text)
    text, code = avcl 'data prepare data/synth/bad.csv --check --max-bad 0.5'
    assert.are.equal(0, code, text)
    text, code = avcl 'data prepare data/synth/bad.csv bad.avclcache --max-bad 0.5'
    assert.are.equal(0, code, text)
    local f = assert(io.open(root .. '/bad.avclcache.bad.csv'))
    assert.truthy(f:read('*a'):find('\nsynth.yaml,failed,', 1, true))
    f:close()
  end)
end)
