-- A run again: with its scripts as they were; and what made two runs, two graphs or two tables two.
local differences = require 'avcl.differences'
local runs = require 'avcl.runs'
local stores = require 'avcl.store'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

describe('differences of graphs', function()
  local was = '%0 input \'mel\' -> f32[4]\n%1 relu/1 %0.0 -> f32[4]\n%2 exp/1 %1.0 -> f32[4]\n'
    .. 'term  1 %2.0\n'

  it('name the nodes, not their numbers', function()
    local now = '%0 input \'mel\' -> f32[4]\n%1 abs/1 %0.0 -> f32[4]\n%2 relu/1 %1.0 -> f32[4]\n'
      .. '%3 exp/1 %2.0 -> f32[4]\nterm  1 %3.0\n'
    assert.are.same({ '+ abs/1 -> f32[4]' }, differences.of_graphs(was, now))
    assert.are.same({ '- abs/1 -> f32[4]' }, differences.of_graphs(now, was))
    assert.are.same({}, differences.of_graphs(was, was))
  end)

  it('are of edges where the nodes are the same', function()
    local now = was:gsub('exp/1 %%1%.0', 'exp/1 %%0.0')
    assert.are.same({ '- %2 exp/1 %1.0 -> f32[4]', '+ %2 exp/1 %0.0 -> f32[4]' },
      differences.of_graphs(was, now))
  end)

  it('are one for a node that changed, whatever its place', function()
    for from, to in pairs { ['relu/1'] = 'relu/2', ["'mel'"] = "'rgb'", ['exp/1'] = 'exp/2' } do
      local now = was:gsub(from:gsub('%p', '%%%0'), to)
      assert.are.equal(2, #differences.of_graphs(was, now))
    end
  end)
end)

describe('a run of a project', function()
  local root, store
  local function avcl(arguments, folder)
    return support.shell(("cd '%s'; XDG_CACHE_HOME='%s/cache' '%s' %s"):format(folder or root, root,
      program, arguments))
  end

  local function ok(arguments, folder)
    local text, code = avcl(arguments, folder)
    assert.are.equal(0, code, text)
    return text
  end

  local function has(text, ...)
    for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), text) end
  end

  local function git(arguments)
    local text, code = support.shell(("cd '%s' && git -c user.name=x -c user.email=x@localhost %s")
      :format(root, arguments))
    assert.are.equal(0, code, text)
    return text
  end

  local function ids()
    local view, list = runs.open(root .. '/results', ''), {}
    for row = 0, view.n - 1 do list[view:get(row, 'stage')] = view:get(row, 'run') end
    return list
  end

  local run = 'run experiments/study.lua --seeds 1 --only base --progress none'

  setup(function()
    root = support.project()
    support.script(root, support.study)
    support.write(root .. '/.gitignore', 'data/\nresults/\ncache/\n')
    ok 'data synth data/synth --clips 16 --train 12 --val 12 --test 12 --seconds 1'
    git 'init -q && git add .'
    git 'commit -qm first'
    ok(run)
    ok('table study --write --seeds 1 --only base')
    store = stores.open(root .. '/results')
    support.shell(("cd '%s' && cp -a results made"):format(root))
  end)
  teardown(function() support.remove(root) end)
  after_each(function()
    support.script(root, support.study)
    support.shell(("cd '%s' && rm -rf results && cp -a made results"):format(root))
  end)

  it('keeps its scripts and its graph', function()
    local record = store:read(ids().pretrain, 'run.yaml')
    assert.are.equal(support.study, store:blob(record.provenance.scripts[1].sha256))
    has(store:blob(record.keys.graph), 'conv3d', "'video/weight'")
    ok 'store verify'
    local path = store:blob_path(record.keys.graph)
    support.write(path, 'x')
    local text, code = avcl 'store verify'
    assert.are.equal(5, code)
    has(text, 'is not what its name says')
  end)

  it('is made again from the scripts that it came from', function()
    local id = ids()
    support.script(root, (support.study:gsub('g:square%(v.pool', 'g:abs(v.pool')))
    has(ok('reproduce --progress none ' .. id.pretrain), 'experiments/study.lua is taken as it was',
      'equal: metrics, checkpoint and items')
    -- A cell of a table, here of the script as it is.
    support.script(root, support.study)
    has(ok 'reproduce study base synth --seed 1 --progress none', id.test:sub(1, 8) .. '  equal')
    local text, code = avcl 'reproduce study base --seed 2 --progress none'
    assert.are.equal(4, code)
    has(text, 'no finished run with seed 2; --seed is one of 1, 2')
  end)

  it('is made again from a commit, or says what has changed', function()
    local id = ids()
    support.shell(("rm -rf '%s/results/blobs'"):format(root))
    os.remove(root .. '/experiments/study.lua')
    has(ok('reproduce --progress none ' .. id.pretrain), 'is taken as it was', 'equal: metrics')
    support.shell(("mv '%s/.git' '%s/git-away'"):format(root, root))
    local text, code = avcl('reproduce --progress none ' .. id.pretrain)
    support.shell(("mv '%s/git-away' '%s/.git'"):format(root, root))
    assert.are.equal(4, code)
    has(text, 'script experiments/study.lua has changed since the run was made',
      'neither results/blobs nor commit ')
  end)

  it('says what else is not as it was', function()
    local id = ids().pretrain
    -- Data of another content, under the same name.
    support.shell(("cd '%s' && mv data/synth data/away"):format(root))
    ok 'data synth data/synth --clips 16 --train 12 --val 12 --test 12 --seconds 1 --seed 5'
    local text, code = avcl('reproduce --progress none ' .. id)
    support.shell(("cd '%s' && rm -r data/synth && mv data/away data/synth"):format(root))
    assert.are.equal(4, code, text)
    has(text, 'is not in the plan of its own script', 'data ', ', now ')
    -- An engine that is not the one of the record.
    local path = store:run_path(id, 'run.yaml')
    local f = assert(io.open(path))
    local body = f:read '*a':match '^%-%-%-\n(.-)# crc32c'
    body = body:gsub('engine: %x%x%x%x', 'engine: dead', 1)
    f:close()
    local c = require 'avcl.ffi'
    support.write(path, ('---\n%s# crc32c: %08x\n...\n'):format(body,
      tonumber(c.C.avcl_crc32c(0, body, #body)) % 2 ^ 32))
    has(ok('reproduce --progress none ' .. id), 'not the code that the run was made with: engine '
      .. '(dead', 'use the avcl and the plugins of that time', 'equal: metrics')
  end)

  it('is compared with another: configuration, nodes, tables', function()
    local before = ids()
    git 'add -f results/tables && git add -A'
    git 'commit -qm table'
    support.script(root, (support.study:gsub('g:square%(v.pool', 'g:abs(v.pool')))
    ok(run .. ' lambda_self=0.3')
    ok('table study --write --seeds 1 --only base lambda_self=0.3')
    local after = ok("ls -q 'stage == \"pretrain\" and lambda_self == 0.3'"):match '%x+'
    local text = ok(('diff %s %s'):format(before.pretrain, after))
    has(text, 'lambda_self', 'graph: ', '- square/1', '+ abs/1')
    local d = require 'avcl.doc'.parse(ok(('diff --json %s %s'):format(before.pretrain, after)))
    assert.is_true(#d.graph >= 2)
    text = ok 'diff study@HEAD study'
    has(text, '1 of 1 cells changed', 'pretrain: lambda_self 0.1, now 0.3; pretrain: graph ')
    has(ok 'diff study study', '0 of 1 cells changed')
    local wrong, code = avcl 'diff study@HEAD nothing'
    assert.are.equal(4, code)
    has(wrong, "no table 'nothing'")
  end)
end)
