-- What people mistype: each is an error with the line of the key and, where one is near, a name.
local script = require 'avcl.script'
local support = require 'support'

describe('a mistake in a script', function()
  local root
  setup(function() root = support.project() end)
  teardown(function() support.remove(root) end)

  -- The error of a script whose line with `-- HERE` is at fault.
  local function fails(text, ...)
    local at, n = nil, 0
    for l in (text .. '\n'):gmatch '(.-)\n' do
      n = n + 1
      if l:find('-- HERE', 1, true) then at = n end
    end
    local path = support.script(root, text)
    local ok, e = pcall(script.load, path)
    assert.is_false(ok, 'the script was accepted')
    local message = tostring(e)
    if at then
      assert.truthy(message:find(('study.lua:%d:'):format(at), 1, true),
        ('line %d expected: %s'):format(at, message))
    end
    for _, part in ipairs { ... } do
      assert.truthy(message:find(part, 1, true), ('%q expected: %s'):format(part, message))
    end
  end

  local function experiment(body)
    return support.model .. ("return avcl.experiment {\n  name = 'x', base = base, model = model,\n"
      .. '%s\n}\n'):format(body)
  end

  it('in a key of the experiment', function()
    fails(experiment "  seed = { 1, 2 }, -- HERE", "unknown key 'seed'", "did you mean 'seeds'?")
  end)
  it('in a key of a row', function()
    fails(experiment "  rows = avcl.rows {\n    { lambda_cr = 1 }, -- HERE\n  },",
      "unknown key 'lambda_cr'", "did you mean 'lambda_cor'?")
  end)
  it('in a key of a row within zip', function()
    fails(experiment("  rows = avcl.rows {\n    avcl.zip {\n      fuson = { 'concat' }, -- HERE\n"
      .. '    },\n  },'), "unknown key 'fuson'", "did you mean 'fusion'?")
  end)
  it('in a dotted key of a row', function()
    fails(experiment "  rows = { { ['pretrain.epoch'] = 3 } }, -- HERE",
      "unknown key 'pretrain.epoch'", "did you mean 'pretrain.epochs'?")
  end)
  it('in a key of a stage', function()
    fails(experiment "  stages = { pretrain = {\n    epoch = 3, -- HERE\n  } },",
      "unknown key 'epoch' in stage 'pretrain'", "did you mean 'epochs'?")
  end)
  it('in a key of the optimiser', function()
    fails(experiment("  stages = { pretrain = { optim = avcl.sgd {\n    weight_decy = 1e-4, -- HERE"
      .. '\n  } } },'), "unknown key 'weight_decy' in avcl.sgd", "did you mean 'weight_decay'?")
  end)
  it('in the name of a parent stage', function()
    fails(experiment "  stages = { probe = { from = 'pretran', head = avcl.head {} } },",
      "unknown key 'pretran'", "did you mean 'pretrain'?")
  end)
  it('in a choice', function()
    fails(experiment "  defaults = { preset = 'robst' }, -- HERE",
      "'preset' in defaults is 'robst'", "did you mean 'robust'?")
  end)
  it('in a knob of defaults', function()
    fails(experiment "  defaults = { lamda_cor = 1 }, -- HERE", "unknown key 'lamda_cor'",
      "did you mean 'lambda_cor'?")
  end)
  it('in the type of a value', function()
    fails(experiment "  rows = { { tau = '0.1' } }, -- HERE",
      "'tau' in row 1 is '0.1', must be a number")
  end)
  it('in the range of a value', function()
    fails(experiment "  rows = { { tau = 0 } }, -- HERE", "'tau' in row 1 is 0, must be above 0")
  end)
  it('in the range of a learning rate', function()
    fails(experiment "  stages = { pretrain = { optim = avcl.sgd {\n    lr = -1, -- HERE\n  } } },",
      "'lr' in avcl.sgd is -1")
  end)
  it('in a seed', function()
    fails(experiment '  seeds = { 1.5 }, -- HERE', 'seed 1.5 is not a whole number')
  end)
  it('in a metric', function()
    fails(experiment "  columns = { avcl.metric { 'K32', metric = 'top1' } }, -- HERE",
      "metric 'top1' is not split/name")
  end)
  it('in a stage key that another kind of stage has', function()
    fails(experiment "  stages = { test = {\n    epochs = 3, -- HERE\n  } },",
      "'epochs' means nothing in stage 'test', a test stage")
  end)
  it('in a row that is there twice', function()
    fails(experiment "  rows = { { tau = 0.1 }, { tau = 0.1 } },",
      "rows 1 and 2 are both 'tau=0.1'")
  end)
  it('in a name of the library', function()
    fails("local avcl = require 'avcl'\nreturn avcl.experimant {} -- HERE", 'experimant')
  end)
  it('in the syntax', function()
    fails("local avcl = require 'avcl'\nreturn avcl.experiment { name = = } -- HERE", 'unexpected')
  end)
  it('by touching the world', function()
    fails('local t = os.time() -- HERE', "'os' is not available", 'the same value')
    fails("print 'hello' -- HERE", "'print' is not available")
    fails("local ffi = require 'ffi' -- HERE", "'ffi' is not available")
    fails('counter = 1 -- HERE', "write local counter")
  end)
  it('by requiring what is not there', function()
    fails("local x = require 'experiments._base.none' -- HERE", "no 'experiments._base.none'")
  end)
end)
