-- What people mistype: each is one sentence with the line of the key and, where one is near, a
-- name. The two lists are the test; add a line for every mistake that somebody made.
local script = require 'avcl.script'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

-- { what, part of an experiment, parts of the message }; the line with `-- HERE` is at fault.
local in_experiment = {
  { 'a key of the experiment', '  seed = { 1, 2 }, -- HERE', "unknown key 'seed'",
    "did you mean 'seeds'?" },
  { 'a key of a row', '  rows = avcl.rows {\n    { lambda_cr = 1 }, -- HERE\n  },',
    "unknown key 'lambda_cr'", "did you mean 'lambda_cor'?" },
  { 'a key of a row within zip',
    "  rows = avcl.rows {\n    avcl.zip {\n      fuson = { 'concat' }, -- HERE\n    },\n  },",
    "unknown key 'fuson'", "did you mean 'fusion'?" },
  { 'a dotted key of a row', "  rows = { { ['pretrain.epoch'] = 3 } }, -- HERE",
    "unknown key 'pretrain.epoch'", "did you mean 'pretrain.epochs'?" },
  { 'a key of a stage', '  stages = { pretrain = {\n    epoch = 3, -- HERE\n  } },',
    "unknown key 'epoch' in stage 'pretrain'", "did you mean 'epochs'?" },
  { 'a key of the optimiser',
    '  stages = { pretrain = { optim = avcl.sgd {\n    weight_decy = 1e-4, -- HERE\n  } } },',
    "unknown key 'weight_decy' in avcl.sgd", "did you mean 'weight_decay'?" },
  { 'a key of another optimiser',
    '  stages = { pretrain = { optim = avcl.adamw {\n    momentum = 0.9, -- HERE\n  } } },',
    "unknown key 'momentum' in avcl.adamw" },
  { 'a key of a scope of the optimiser',
    '  stages = { pretrain = { optim = avcl.lars { scopes = { video = {\n'
      .. '    weight_decy = 1, -- HERE\n  } } } } },',
    "unknown key 'weight_decy' in scope 'video' of avcl.lars",
    "did you mean 'weight_decay'?" },
  { 'scopes without names',
    '  stages = { pretrain = { optim = avcl.sgd {\n    scopes = { { lr = 1 } }, -- HERE\n  } } },',
    'must be by name' },
  { 'milestones that do not rise',
    '  stages = { pretrain = { optim = avcl.sgd {\n    milestones = { 9, 3 }, -- HERE\n  } } },',
    'ascending epochs' },
  { 'a key of the head',
    '  stages = { finetune = { head = avcl.head {\n    hiden = 3, -- HERE\n  } } },',
    "unknown key 'hiden' in avcl.head", "did you mean 'hidden'?" },
  { 'a key of the clip', '  inputs = { rgb = avcl.clip {\n    frame = 3, -- HERE\n  } },',
    "unknown key 'frame' in avcl.clip", "did you mean 'frames'?" },
  { 'the name of an input', '  inputs = { rbg = avcl.clip {} }, -- HERE', "unknown key 'rbg'",
    "did you mean 'rgb'?" },
  { 'the name of a parent stage',
    "  stages = { probe = { from = 'pretran', head = avcl.head {} } },", "unknown key 'pretran'",
    "did you mean 'pretrain'?" },
  { 'stages that come from each other',
    "  stages = {\n    check = { from = 'probe' }, -- HERE\n    probe = { from = 'check' },\n  },",
    'check < probe < check', 'comes from itself' },
  { 'a choice', "  defaults = { preset = 'robst' }, -- HERE", "'preset' in defaults is 'robst'",
    "did you mean 'robust'?" },
  { 'a rule of selection', "  stages = { finetune = { select = 'max val/top' } }, -- HERE",
    "'max val/top'", "did you mean 'max val/top1'?" },
  { 'a knob of defaults', '  defaults = { lamda_cor = 1 }, -- HERE', "unknown key 'lamda_cor'",
    "did you mean 'lambda_cor'?" },
  { 'the type of a value', "  rows = { { tau = '0.1' } }, -- HERE",
    "'tau' in row 1 is '0.1', must be a number" },
  { 'the range of a value', '  rows = { { tau = 0 } }, -- HERE',
    "'tau' in row 1 is 0, must be above 0" },
  { 'the range of a learning rate',
    '  stages = { pretrain = { optim = avcl.sgd {\n    lr = -1, -- HERE\n  } } },',
    "'lr' in avcl.sgd is -1" },
  { 'a seed', '  seeds = { 1.5 }, -- HERE', 'seed 1.5 is not a whole number' },
  { 'a seed that is there twice', '  seeds = { 1, 2, 1 }, -- HERE', 'seed 1 is there twice' },
  { 'seeds that are none', '  seeds = {}, -- HERE', 'no seeds' },
  { 'the seeds of a row', "  rows = { { seeds = 'all' } }, -- HERE", 'must be a list' },
  { 'the name of a metric', "  columns = { avcl.metric { 'K32', metric = 'top1' } }, -- HERE",
    "metric 'top1' is not split/name" },
  { 'a metric', "  columns = { avcl.metric { 'K32', metric = 'test/top' } }, -- HERE",
    "no metric 'top'", "did you mean 'top1'?" },
  { 'a key of a metric',
    "  columns = { avcl.metric { 'K32', metric = 'test/top1', selct = 'last' } }, -- HERE",
    "unknown key 'selct'", "did you mean 'select'?" },
  { 'which metric is better',
    "  columns = { avcl.metric { 'K32', metric = 'test/top1', better = 'hihger' } }, -- HERE",
    "did you mean 'higher'?" },
  { 'a column without a title', "  columns = { avcl.metric { metric = 'test/top1' } }, -- HERE",
    'title first' },
  { 'a column that is none', '  columns = { { 1 } }, -- HERE', 'column 1 is no avcl.metric' },
  { 'two columns of one title', "  columns = {\n    avcl.metric { 'K', metric = 'test/top1' },\n"
    .. "    avcl.metric { 'K', metric = 'test/top5' },\n  },", "columns 1 and 2 are both 'K'" },
  { 'the key of a descriptor',
    "  columns = { avcl.describe { 'Layer', of = 'cgra_et' } }, -- HERE", "unknown key 'cgra_et'",
    "did you mean 'cgra_at'?" },
  { 'the baseline',
    "  rows = { { label = 'full' }, { tau = 1 } },\n  baseline = 'ful', -- HERE",
    "no row 'ful'", "did you mean 'full'?" },
  { 'a stage key that another kind of stage has',
    '  stages = { test = {\n    epochs = 3, -- HERE\n  } },',
    "'epochs' means nothing in stage 'test', a test stage" },
  { 'a row that is there twice', '  rows = { { tau = 0.1 }, { tau = 0.1 } },',
    "rows 1 and 2 are both 'tau=0.1'" },
  { 'one point under two names',
    "  rows = {\n    { label = 'a' },\n    { label = 'b' }, -- HERE\n  },",
    "rows 1 'a' and 2 'b' are the same point" },
  { 'a label that is no text',
    '  rows = { { label = 3 } }, -- HERE', 'a label is 3, must be text' },
  { 'a grid over nothing', '  rows = avcl.grid {\n    tau = {}, -- HERE\n  },',
    "'tau' is an empty list: there would be no row" },
  { 'an empty grid', '  rows = avcl.grid {}, -- HERE', 'grid of nothing' },
  { 'a value where a list is wanted', '  rows = avcl.zip { tau = 0.1 }, -- HERE',
    "'tau' is not a list of values" },
  { 'lists of unequal length',
    '  rows = avcl.zip {\n    tau = { 1, 2 }, -- HERE\n    lambda_cor = { 1 },\n  },',
    "zip: 'tau' has 2 values, 'lambda_cor' has 1" },
  { 'a key outside a row', '  rows = avcl.rows { { tau = 1 }, batch = 3 }, -- HERE',
    "'batch' belongs inside one" },
  { 'a filter that keeps nothing',
    '  rows = avcl.where(avcl.list { tau = { 1 } }, function() return false end), -- HERE',
    'keeps none of 1' },
  { 'a key in a filter',
    '  rows = avcl.where(avcl.list { tau = { 1 } }, function(p) return p.ta end), -- HERE',
    "does not set 'ta'" },
  { 'an ablation of one part', "  rows = avcl.leave_one_out { { 'AMFM', fusion = 'x' } }, -- HERE",
    'two components or more' },
  { 'a component without a name',
    "  rows = avcl.leave_one_out { { fusion = 'x' }, { 'b', tau = 1 } }, -- HERE",
    "{ 'component', key = value without it }" },
  { 'a swap for the same', "  rows = avcl.swap { fusion = { 'amfm' } }, -- HERE",
    "the base's own: fusion=amfm" },
  { 'a search without a size', '  rows = avcl.random { tau = avcl.uniform(0, 1) }, -- HERE',
    'random needs n' },
  { 'bounds the wrong way round',
    '  rows = avcl.random { n = 2, tau = avcl.uniform(1, 0) }, -- HERE',
    'a lower and an upper bound' },
  { 'a search without bounds', '  rows = avcl.random { n = 2, tau = avcl.uniform() }, -- HERE',
    "'tau' has no upper bound in its schema" },
}

-- { what, a whole script, parts }
local in_script = {
  { 'a name of the library', "local avcl = require 'avcl'\nreturn avcl.experimant {} -- HERE",
    "avcl.experimant", "did you mean 'experiment'?" },
  { 'a missing model', "local avcl = require 'avcl'\nreturn avcl.experiment { name = 'x' } -- HERE",
    "lacks 'model'" },
  { 'the syntax', "local avcl = require 'avcl'\nreturn avcl.experiment { name = = } -- HERE",
    'unexpected' },
  { 'asking the clock', 'local t = os.time() -- HERE', "'os' is not available", 'the same value' },
  { 'printing', "print 'hello' -- HERE", "'print' is not available", 'g:log' },
  { 'reading a file', "local f = io.open 'x' -- HERE", "'io' is not available" },
  { 'reaching for C', "local ffi = require 'ffi' -- HERE", "'ffi' is not available" },
  { 'a global', 'counter = 1 -- HERE', 'write local counter' },
  { 'requiring what is not there', "local x = require 'experiments._base.avlc' -- HERE",
    "no 'experiments._base.avlc'", "did you mean 'experiments._base.avcl'?" },
}

-- { what, arguments of the program, exit code, parts }
local on_command_line = {
  { 'a verb', 'tabel study', 2, "did you mean", 'table' },
  { 'an option', 'table study --formt md', 2, '--format' },
  { 'a format', 'table study --format mdd', 2, "must be one of 'md'" },
  { 'the name of a script', 'table stdy', 4, 'no experiments/stdy.lua', "did you mean 'study'?" },
  { 'the path of a script', 'table experiments/stdy.lua', 4,
    "did you mean 'experiments/study.lua'?" },
  { 'a script that returns nothing', 'table nothing', 3, 'nothing.lua:1', 'returns nothing' },
  { 'a key', 'table study tua=1', 3, "did you mean 'tau'?" },
  { 'a dotted key', 'table study pretrain.epoch=1', 3, "did you mean 'pretrain.epochs'?" },
  { 'a number', 'table study tau=abc', 3, "'tau=abc': not a number" },
  { 'a range', 'table study tau=-1', 3, 'must be above 0' },
  { 'a choice', 'table study rgb.normalise=clp', 3, "did you mean 'clip'?" },
  { 'a truth', 'table study mel.norm=maybe', 3, 'neither true nor false' },
  { 'a key without a value', 'table study tau', 3, "'tau' is not key=value" },
  { 'a comma list without a sweep', 'table study tau=0.1,0.5', 3, '-m (--sweep)' },
  { 'a sweep without a list', 'table study -m tau=0.1', 3, 'without a list' },
  { 'a zip without a sweep', "table study 'zip(tau=[1],width=[2])'", 3, '-m (--sweep) allows it' },
  { 'an uneven zip', "table study -m 'zip(tau=[1,2],width=[2])'", 3, "'width' has 1 values" },
  { 'appending to a number', 'table study tau+=1', 3, "'tau' is not a list" },
  { 'taking what is not there', 'table study cgra_at-=conv9', 3, 'not in pool-final' },
  { 'dropping an unknown key', 'table study ~tua', 3, "did you mean 'tau'?" },
  { 'adding a known key', 'table study +tau=1', 3, "there is a 'tau' already" },
  { 'a file of a value', 'table study tau=@none', 4, 'No such file' },
  { 'seeds', 'table study --seeds 1-x', 3, "--seeds '1-x' is not 1,2 or 0-4" },
  { 'a row', 'table study --only bsae', 4, "did you mean 'base'?" },
  { 'a data set', 'table study data=synt', 4, "no data set 'synt'", "did you mean 'synth'?" },
  { 'a split', 'table study pretrain.split=unlb', 3, "no split 'unlb'", "did you mean 'unlab'?" },
  { 'a row of a table', 'why study bsae', 4, "did you mean 'base'?" },
  { 'a column of a table', 'why study base sinth', 4, "did you mean 'synth'?" },
  { 'a store', 'table study --store reslts', 4, "no store at 'reslts'" },
  { 'a plugin', 'plugin info r3e', 4, 'r3e', 'r3d' },
  { 'a backbone', 'graph net backbone=r3e', 4, 'net.lua:3', 'r3e', 'r3d' },
  { 'an input of the model', 'graph input', 4, 'input.lua:3', "did you mean 'rgb'?" },
  { 'a knob in the model', 'graph knob', 3, 'knob.lua:3', "did you mean 'tau'?" },
  { 'an op', 'graph op', 4, 'op.lua:3', "did you mean 'relu'?" },
  { 'a stage', 'graph study --stage pretran', 3, "did you mean 'pretrain'?" },
  { 'a topic of help', 'help tabel', 4, "did you mean 'table'?" },
  { 'a shell', 'completion bsh', 2, 'bash' },
  { 'the name of an experiment', 'new experiment a-b', 3, 'letters, digits and _' },
  { 'a row of the configuration', 'config show study --row bsae', 4, "did you mean 'base'?" },
}

local function has(message, ...)
  for _, part in ipairs { ... } do
    assert.truthy(message:find(part, 1, true), ('%q expected: %s'):format(part, message))
  end
end

describe('a mistake', function()
  local root
  setup(function() root = support.project() end)
  teardown(function() support.remove(root) end)

  local function fails(text, ...)
    local at, n = nil, 0
    for l in (text .. '\n'):gmatch '(.-)\n' do
      n = n + 1
      if l:find('-- HERE', 1, true) then at = n end
    end
    local ok, e = pcall(script.load, support.script(root, text))
    assert.is_false(ok, 'the script was accepted')
    local message = tostring(e)
    if at then has(message, ('study.lua:%d:'):format(at)) end
    assert.is_nil(message:find('\n', 1, true), message) -- one sentence
    has(message, ...)
  end

  for _, case in ipairs(in_experiment) do
    it('in ' .. case[1], function()
      fails(support.model .. ("return avcl.experiment {\n  name = 'x', base = base, "
        .. 'model = model,\n%s\n}\n'):format(case[2]), unpack(case, 3))
    end)
  end

  for _, case in ipairs(in_script) do
    it('in ' .. case[1], function() fails(case[2], unpack(case, 3)) end)
  end
end)

describe('a mistake on the command line', function()
  local root
  local function model(line)
    return ("local avcl = require 'avcl'\nlocal function model(g, p)\n  %s\nend\n"
      .. "return avcl.experiment { name = 'x', model = model, stages = { pretrain = {} } }\n")
      :format(line)
  end
  setup(function()
    root = support.project()
    support.script(root, support.study)
    support.script(root, 'local x = 1', 'nothing')
    support.script(root, model "g:backbone(p.backbone, { clip = g:input 'rgb', name = 'v' })",
      'net')
    support.script(root, model "g:minimize(g:input 'rbg')", 'input')
    support.script(root, model 'g:minimize(p.tua, g:mean(g:input "rgb"))', 'knob')
    support.script(root, model 'g:minimize(g:rellu(g:input "rgb"))', 'op')
    local text, code = support.shell(("cd '%s' && '%s' data synth data/synth --clips 16 --train 12 "
      .. '--val 12 --test 12 --seconds 1'):format(root, program))
    assert.are.equal(0, code, text)
    -- A store with nothing in it is enough: mistakes come before records.
    require 'avcl.store'.open(root .. '/results', true)
  end)
  teardown(function() support.remove(root) end)

  for _, case in ipairs(on_command_line) do
    it('in ' .. case[1], function()
      local text, code = support.shell(("cd '%s'; XDG_CACHE_HOME='%s/cache' '%s' %s"):format(root,
        root, program, case[2]))
      has(text, unpack(case, 4))
      assert.are.equal(case[3], code, text)
      assert.is_nil(text:find('traceback', 1, true), text)
      local _, lines = text:gsub('\n', '')
      assert.is_true(lines <= (code == 2 and 3 or 1), text)
    end)
  end
end)
