-- The verbs on records: filters, listings, one run, two runs, and readers beside writers.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local query = require 'avcl.query'
local runs = require 'avcl.runs'
local stores = require 'avcl.store'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'
local A, B = ('a'):rep(32), 'a' .. ('b'):rep(31)

local function put(store, id, run, result)
  store:publish(id, 'run.yaml', run)
  store:append(id, 'attempt-1.yaml', { kind = 'start', time = '2026-11-23T12:00:03Z' })
  if result then
    store:publish(id, 'result.yaml', result)
  else
    store:append(id, 'attempt-1.yaml', { kind = 'stop', state = 'failed', message = 'boom: x=1' })
  end
end

describe('records', function()
  local root, store
  setup(function()
    root = support.project()
    store = stores.open(root .. '/results', true)
    put(store, A, {
      run = A, stage = 'finetune', label = 'no "AMFM"', seed = 1, experiment = 'a.lua',
      keys = { graph = 'g1' }, config = { tau = 0.1, ['rgb.size'] = 112, fusion = 'concat' },
    }, { metrics = { test = { top1 = doc.float(61.5) } }, cost = { wall_s = doc.float(2) } })
    put(store, B, {
      run = B, stage = 'finetune', label = 'base', seed = 2, experiment = 'a.lua',
      keys = { graph = 'g2' }, config = { tau = 0.5, ['rgb.size'] = 112, fusion = 'amfm' },
    })
  end)
  teardown(function() support.remove(root) end)

  local function avcl(arguments)
    return support.shell(("cd '%s'; XDG_CACHE_HOME='%s/cache' '%s' %s"):format(root, root, program,
      arguments))
  end

  local function selected(expression)
    local view, list = runs.open(root .. '/results', ''), {}
    for i, row in ipairs(view:select(expression)) do list[i] = view:get(row, 'run'):sub(1, 2) end
    table.sort(list)
    return table.concat(list, ' ')
  end

  it('filters by Lua expressions over columns', function()
    assert.are.equal('aa ab', selected(nil))
    assert.are.equal('aa', selected 'state == "done"')
    assert.are.equal('aa', selected 'config.tau <= 0.1 and fusion ~= "amfm"')
    assert.are.equal('ab', selected "not (tau == 1e-1) or label:find('AMFM') == 1")
    assert.are.equal('aa', selected 'test.top1>61.25 and rgb.size==112')
    assert.are.equal('', selected 'test.top1 < 50') -- nil fits nothing
    assert.are.equal('ab', selected 'not test.top1')
    assert.are.equal('ab', selected [[message == "boom: x=1"]])
    assert.are.equal('aa ab', selected 'math.floor(seed - 0.5) >= 0 and tostring(seed) ~= "3"')
  end)

  local function refused(expression)
    local ok, problem = pcall(selected, expression)
    assert.is_false(ok)
    return tostring(problem)
  end

  it('are not those of a store that was here before', function()
    local at = root .. '/short-lived'
    put(stores.open(at, true), A, { run = A, seed = 1 })
    assert.equal(A .. '\n', avcl('ls -q --store ' .. at))
    os.execute(("rm -rf '%s'"):format(at))
    put(stores.open(at, true), B, { run = B, seed = 1 })
    assert.equal(B .. '\n', avcl('ls -q --store ' .. at))
  end)

  it('refuses slips before it looks at a row', function()
    assert.truthy(refused('config.tua <= 1'):find("did you mean 'config.tau'", 1, true))
    assert.truthy(refused('tau = 1'):find('==', 1, true))
    assert.truthy(refused('tau != 1'):find('~=', 1, true))
    assert.truthy(refused('tau == "1'):find('not closed', 1, true))
    assert.truthy(refused('tau == '):find('filter', 1, true))
    assert.truthy(refused('function() end'):find('statement', 1, true))
    assert.truthy(refused('os.exit(1)'):find("no run has a 'os.exit'", 1, true))
    assert.truthy(refused('(function'):find('statement', 1, true))
    assert.is_function(query.compile('a', function() return function() return 1 end end))
  end)

  it('lists, sorts, limits and prints JSON', function()
    local text, code = avcl "ls --sort=-tau --columns run,tau,state"
    assert.are.equal(0, code, text)
    assert.truthy(text:find('abbbbbbb%s+0.5%s+failed\naaaaaaaa%s+0.1%s+done'), text)
    assert.are.equal(A .. '\n', (avcl "ls -q 'seed == 1'"))
    text = avcl 'ls --json --limit 1'
    local list = doc.parse(text)
    assert.are.equal('avcl.ls/1', list.schema)
    assert.are.equal(61.5, list.runs[1]['metrics.test.top1'])
    text, code = avcl "ls 'tua > 1'"
    assert.are.equal(3, code, text)
    text, code = avcl 'ls --store nowhere'
    assert.are.equal(4, code, text)
  end)

  it('shows a run by the beginning of its id', function()
    local text, code = avcl 'show aa'
    assert.are.equal(0, code, text)
    for _, part in ipairs { 'no "AMFM"', 'test.top1', '61.5', 'rgb.size', '2026-11-23T12:00' } do
      assert.truthy(text:find(part, 1, true), part)
    end
    text = avcl 'show ab'
    assert.truthy(text:find('failed: boom: x=1', 1, true), text)
    text, code = avcl 'show a'
    assert.are.equal(3, code)
    assert.truthy(text:find('several runs', 1, true), text)
    text, code = avcl 'show c'
    assert.are.equal(4, code)
    assert.truthy(text:find("no run 'c'", 1, true), text)
    local shown = doc.parse((avcl 'show --json aa'))
    assert.are.equal('avcl.show/1', shown.schema)
    assert.are.equal(0.1, shown.run.config.tau)
    assert.are.equal('start', shown.attempts[1].document.kind)
  end)

  it('sets two runs side by side', function()
    local text, code = avcl 'diff aa ab'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('tau%s+0.1%s+0.5%s+%+0.4'), text)
    assert.truthy(text:find('fusion%s+concat%s+amfm'), text)
    assert.truthy(text:find('graph%s+g1%s+g2'), text)
    assert.falsy(text:find('rgb.size', 1, true), text) -- equal
    assert.truthy(avcl('diff --all aa ab'):find('rgb.size', 1, true))
    local found = doc.parse((avcl 'diff --json aa ab'))
    assert.are.same({ 0.1, 0.5 }, { unpack(found.config['config.tau']) })
  end)

  it('writes a line of log for every event, a YAML list', function()
    store:log('done', A)
    local path = support.shell(("ls '%s'/results/log/*.yaml"):format(root)):match '[^\n]+'
    local f = assert(io.open(path))
    local text = f:read '*a'
    f:close()
    assert.truthy(text:match '^%- {"event":"done","run":"a+"} # crc32c: %x%x%x%x%x%x%x%x\n$', text)
    assert.are.equal(A, doc.parse(text)[1].run)
    assert.is_true(c.is_error(select(2, pcall(stores.open, root .. '/none')), 'NOT_FOUND'))
  end)
end)
