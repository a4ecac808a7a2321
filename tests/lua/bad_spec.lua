-- Files that cannot be read: a run goes on without them, and says which; strict ends it.
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

describe('unreadable files', function()
  local root
  setup(function()
    root = support.project()
    support.script(root, support.study)
    local text, code = support.shell(('cd %s && %s data synth data/synth --clips 12 --train 24 '
      .. '--val 12 --test 12 --seconds 1'):format(root, program))
    assert.are.equal(0, code, text)
    support.write(root .. '/data/synth/train/000003.mp4', 'no video')
    support.write(root .. '/data/synth/test/000005.mp4', 'no video')
  end)
  teardown(function() support.remove(root) end)

  local function avcl(arguments)
    return support.shell(("cd '%s'; '%s' %s"):format(root, program, arguments))
  end

  it('are listed with their reasons, once each', function()
    local text, code = avcl 'run experiments/study.lua max_bad=0.2 --seeds 1 --only base --store s'
    assert.are.equal(0, code, text)
    local list = support.shell(("cat $(find '%s/s/runs' -name bad.csv | sort)"):format(root))
    local seen = {}
    for line in list:gmatch '[^\n]+' do
      local name = line:match '^([^,]+),'
      seen[name] = (seen[name] or 0) + 1
      assert.truthy(line:find('Invalid data', 1, true), line)
    end
    assert.are.same({ ['train/000003.mp4'] = 1, ['test/000005.mp4'] = 1 }, seen)
    local epochs = support.shell(("cat $(find '%s/s/runs' -name epochs.jsonl)"):format(root))
    assert.truthy(epochs:find('"loader":', 1, true), epochs)
    assert.truthy(epochs:find('"amplification":', 1, true), epochs)
  end)

  it('end a run that is strict', function()
    local text, code = avcl('run experiments/study.lua strict=true max_bad=0.2 --seeds 1 '
      .. '--only base --store t')
    assert.are_not.equal(0, code)
    assert.truthy(text:find('000003.mp4', 1, true), text)
    assert.truthy(text:find('strict', 1, true), text)
  end)
end)
