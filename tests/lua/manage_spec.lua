-- Verbs that change a store: rerun, rm, gc, resume, verify, compact, merge, reproduce.
local doc = require 'avcl.doc'
local runs = require 'avcl.runs'
local stores = require 'avcl.store'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

local function read(path)
  local f = assert(io.open(path, 'rb'))
  local text = f:read '*a'
  f:close()
  return text
end

describe('the store', function()
  local root, store
  setup(function()
    root = support.project()
    support.script(root, support.study)
    local text, code = support.shell(('cd %s && %s data synth data/synth --clips 16 --train 12 '
      .. '--val 12 --test 12 --seconds 1'):format(root, program))
    assert.are.equal(0, code, text)
    text, code = support.shell(("cd '%s' && '%s' run experiments/study.lua --seeds 1 --only base "
      .. '--progress none --store made'):format(root, program))
    assert.are.equal(0, code, text)
  end)
  teardown(function() support.remove(root) end)
  before_each(function()
    support.shell(("cd '%s' && rm -rf results cache && cp -a made results"):format(root))
    store = stores.open(root .. '/results')
  end)

  local function avcl(arguments)
    return support.shell(("cd '%s'; XDG_CACHE_HOME='%s/cache' '%s' %s"):format(root, root, program,
      arguments))
  end

  local function ids()
    local view, list = runs.open(root .. '/results', ''), {}
    for row = 0, view.n - 1 do list[view:get(row, 'stage')] = view:get(row, 'run') end
    return list
  end

  local function refused(code, arguments, part)
    local text, got = avcl(arguments)
    assert.are.equal(code, got, text)
    assert.truthy(text:find(part, 1, true), text)
    assert.falsy(text:find('traceback', 1, true), text)
  end

  it('plans with reasons, time and disk', function()
    local text = avcl 'plan experiments/study.lua --seeds 1 --only base'
    assert.truthy(text:find('3 runs: 3 skip; nothing to do', 1, true), text)
    text = avcl 'plan experiments/study.lua --seeds 1 --only base finetune.optim.lr=0.02'
    assert.truthy(text:find('because stage.optim.lr 0.01 -> 0.02', 1, true), text)
    assert.truthy(text:find('from 2 similar runs', 1, true), text)
    text = avcl 'plan experiments/study.lua --seeds 2 --only mel --json'
    local plan = doc.parse(text:match '{.*}')
    assert.are.equal('avcl.plan/1', plan.schema)
    assert.are.equal('new', plan.runs[1].reason)
    refused(3, 'plan experiments/study.lua --rerun=some', 'failed, code, all')
  end)

  it('does again what it is told to, and keeps what was', function()
    local id = ids()
    local text, code = avcl 'run experiments/study.lua --seeds 1 --only base --rerun=all'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('rerun ' .. id.pretrain:sub(1, 8), 1, true), text)
    local _, n = support.shell(("ls '%s/results/trash'"):format(root)):gsub('\n', '\n')
    assert.are.equal(3, n)
    -- Its code is another one: a mark, and a rerun only when asked for.
    local run = store:read(id.test, 'run.yaml')
    local path = store:run_path(id.test, 'run.yaml')
    run.provenance.code.engine = ('0'):rep(64)
    os.remove(path)
    store:publish(id.test, 'run.yaml', run)
    text = avcl 'plan experiments/study.lua --seeds 1 --only base'
    assert.truthy(text:find('stale: the code changed since (engine); kept', 1, true), text)
    text = avcl 'plan experiments/study.lua --seeds 1 --only base --rerun=code'
    assert.truthy(text:find('rerun  test', 1, true), text)
    assert.truthy(text:find('2 skip, 1 rerun', 1, true), text)
  end)

  it('moves runs to trash, children first', function()
    local id = ids()
    refused(3, 'rm ' .. id.pretrain, '1 run comes from')
    local text, code = avcl('rm -r ' .. id.pretrain)
    assert.are.equal(0, code, text)
    assert.are.equal('no runs\n', (avcl 'status'))
    text = avcl 'plan experiments/study.lua --seeds 1 --only base'
    assert.truthy(text:find('3 run', 1, true), text)
    refused(4, 'rm ' .. id.test, 'no run')
    text, code = avcl 'run experiments/study.lua --seeds 1 --only base'
    assert.are.equal(0, code, text)
    assert.is_table(store:read(id.test, 'attempt-2.yaml')) -- names of attempts are never reused
  end)

  it('finds what nothing needs, and only says so at first', function()
    local id = ids()
    support.shell(("mkdir -p '%s/results/work/ab/%s'"):format(root, ('ab'):rep(16)))
    local text = avcl 'gc'
    assert.truthy(text:find('no record of this run', 1, true), text)
    assert.truthy(text:find('last.safetensors', 1, true), text)
    avcl 'gc --apply'
    assert.are.equal('nothing to collect\n', (avcl 'gc'))
    -- Everything is a parent or has no checkpoint: nothing more to take.
    text = avcl 'gc --checkpoints'
    assert.are.equal('nothing to collect\n', text)
    avcl('rm ' .. id.test)
    text = avcl 'gc --checkpoints'
    assert.truthy(text:find(id.finetune, 1, true), text)
    assert.falsy(text:find(id.pretrain, 1, true), text)
  end)

  it('resumes by the command that a run came from', function()
    local id = ids()
    os.remove(store:run_path(id.test, 'result.yaml'))
    local text, code = avcl 'status'
    assert.are.equal(0, code)
    assert.truthy(text:find('2 done, 1 stopped', 1, true), text)
    text, code = avcl 'resume --progress plain'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('1 done, 2 skipped', 1, true), text)
    text = avcl 'resume'
    assert.truthy(text:find('nothing is unfinished', 1, true), text)
    refused(3, 'cancel ' .. id.test, 'does not run: it is done')
    refused(3, 'cancel', 'cancel which run')
  end)

  it('gives the same bits again, or says which differ', function()
    local id = ids()
    local text, code = avcl('reproduce --progress none ' .. id.finetune)
    assert.are.equal(0, code, text)
    assert.truthy(text:find('equal: metrics, checkpoint and items', 1, true), text)
    local result = store:read(id.test, 'result.yaml')
    result.metrics.test.top1 = doc.float(result.metrics.test.top1 + 1)
    os.remove(store:run_path(id.test, 'result.yaml'))
    store:publish(id.test, 'result.yaml', result)
    text, code = avcl('reproduce --progress none ' .. id.test)
    assert.are.equal(1, code, text)
    assert.truthy(text:find('test.top1', 1, true), text)
  end)

  -- Every kind of damage: how it is done, and what must be said.
  local function damage(file, change, said)
    return function()
      local id = ids()
      local path = store:run_path(id.test, file)
      local text = read(path)
      support.write(path, change(text))
      local told, code = avcl 'store verify'
      assert.are.equal(5, code, told)
      assert.truthy(told:find(said, 1, true), told)
      assert.truthy(told:find(id.test .. '/' .. file, 1, true), told)
    end
  end

  local function reseal(text)
    local body = text:match '^%-%-%-\n(.-)# crc32c'
    local c = require 'avcl.ffi'
    return ('---\n%s# crc32c: %08x\n...\n'):format(body,
      tonumber(c.C.avcl_crc32c(0, body, #body)) % 2 ^ 32)
  end

  it('is whole when it was made', function()
    local text, code = avcl 'store verify --checkpoints'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('3 runs, 0 problems', 1, true), text)
  end)
  it('tells a record that is cut', damage('run.yaml', function(t) return t:sub(1, -30) end,
    'cut off or changed: 0 sound documents'))
  it('tells a bit that has changed', damage('result.yaml', function(t)
    return (t:gsub('top1: %d', 'top1: 9', 1))
  end, 'the run counts as not done'))
  it('tells an edited value with a right checksum', damage('run.yaml', function(t)
    return reseal((t:gsub('  lambda: [^\n]*', '  lambda: 7.0e-03', 1)))
  end, 'was edited'))
  it('tells items that are not those of the result', damage('items.bin', function()
    return 'xx'
  end, 'its bytes are not those'))
  it('tells half of an attempt', damage('attempt-1.yaml', function(t) return t:sub(1, -8) end,
    'cut off or changed: 1 sound document,'))

  it('tells what is missing or too much', function()
    local id = ids()
    os.remove(store:run_path(id.pretrain, 'run.yaml'))
    support.write(store:run_path(id.test, 'note.txt'), 'hello')
    support.write(root .. '/results/claims/zz.1', 'garbage')
    support.write(store:run_path(id.pretrain, 'epochs.jsonl'), '{"epoch":1}\n{"epo')
    os.rename(store:run_path(id.finetune), store:run_path(id.finetune):sub(1, -2) .. 'x')
    local text, code = avcl 'store verify'
    assert.are.equal(5, code)
    for _, part in ipairs { 'run.yaml: missing', 'note.txt: no file of a run',
      'claims/zz.1: damaged', 'line 2 is cut off', 'was copied or renamed',
      'is not in this store' } do
      assert.truthy(text:find(part, 1, true), part .. '\n' .. text)
    end
  end)

  it('takes in another store, and tells where the two disagree', function()
    local id = ids()
    local text, code = avcl 'store merge made --store other --work'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('3 runs are new', 1, true), text)
    assert.truthy(avcl('store merge made --store other'):find('3 the same; 0 conflicts', 1, true))
    text, code = avcl 'store verify --checkpoints --store other'
    assert.are.equal(0, code, text)
    local result = store:read(id.test, 'result.yaml')
    result.metrics.test.top1 = doc.float(1.5)
    os.remove(store:run_path(id.test, 'result.yaml'))
    store:publish(id.test, 'result.yaml', result)
    text, code = avcl 'store merge made'
    assert.are.equal(1, code, text)
    assert.truthy(text:find('result.conflict.1.yaml', 1, true), text)
    assert.are.equal(1.5, store:read(id.test, 'result.yaml').metrics.test.top1)
    assert.truthy(avcl('store verify'):find('a fault of determinism', 1, true))
  end)

  it('folds its logs without losing anything to readers', function()
    assert.truthy(avcl('ls -q'):find(ids().test, 1, true))
    local text, code = avcl 'store compact'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('1 logs removed, 0 kept', 1, true), text)
    local _, n = avcl('ls -q'):gsub('\n', '\n')
    assert.are.equal(3, n)
  end)
end)
