-- The program, from data to table: records, skipping, stopping and resuming, exit codes.
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

local function read(path)
  local f = assert(io.open(path))
  local text = f:read '*a'
  f:close()
  return text
end

local function find(root, name)
  local list = {}
  local text = support.shell(("find '%s' -name '%s' | sort"):format(root, name))
  for path in text:gmatch '[^\n]+' do
    list[#list + 1] = path
  end
  return list
end

describe('avcl', function()
  local root
  setup(function()
    root = support.project()
    support.script(root, support.study)
    local text, code = support.shell(('cd %s && %s data synth data/synth --clips 16 --train 12 '
      .. '--val 12 --test 12 --seconds 1'):format(root, program))
    assert.are.equal(0, code, text)
  end)
  teardown(function() support.remove(root) end)

  local function avcl(arguments)
    return support.shell(("cd '%s'; '%s' %s"):format(root, program, arguments))
  end

  it('runs a study, then has nothing left to do', function()
    local text, code = avcl 'run experiments/study.lua --seeds 1 --store one'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('5 done', 1, true), text)
    text, code = avcl 'run experiments/study.lua --seeds 1 --store one'
    assert.are.equal(0, code)
    assert.truthy(text:find('5 skipped', 1, true), text)
    assert.are.equal(5, #find(root .. '/one/runs', 'result.yaml'))
    assert.are.equal(2, #find(root .. '/one/runs', 'items.bin'))
    assert.are.equal(3, #find(root .. '/one/runs', 'epochs.jsonl'))
  end)

  it('prints the table of its records, marked as synthetic', function()
    local text, code = avcl 'table experiments/study.lua --seeds 1 --store one'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('| base | %**%d+%.%d %(1%)%** |'), text)
    assert.truthy(text:find('Synthetic data', 1, true), text)
    text = avcl 'table experiments/study.lua --store one'
    assert.truthy(text:find('[1/2 seeds', 1, true), text)
  end)

  it('gives the same numbers when stopped and resumed', function()
    -- Epochs take milliseconds: enough of them that the signal comes before the last.
    local long = 'run experiments/study.lua --seeds 1 --only base pretrain.epochs=150 '
      .. '--progress none '
    local text, code = avcl(long .. '--store whole')
    assert.are.equal(0, code, text)
    -- Stop after the first epoch is on disk; the program says 75: please start it again.
    text, code = avcl(long .. '--store cut & pid=$!; n=0; '
      .. 'until [ -s "$(find cut -name epochs.jsonl 2>/dev/null | head -n1)" ] || [ $n -gt 200 ]; '
      .. 'do sleep 0.05; n=$((n+1)); done; kill -TERM $pid; wait $pid')
    assert.are.equal(75, code, text)
    assert.are.equal(0, #find(root .. '/cut/runs', 'result.yaml'))
    text, code = avcl(long .. '--store cut')
    assert.are.equal(0, code, text)
    assert.are.equal(1, #find(root .. '/cut/runs', 'attempt-2.yaml'))
    local whole = find(root .. '/whole/runs', 'result.yaml')
    local cut = find(root .. '/cut/runs', 'result.yaml')
    assert.are.equal(3, #cut)
    for i, path in ipairs(whole) do
      local a, b = read(path), read(cut[i])
      assert.are.equal(a:match 'metrics:.-\n%w', b:match 'metrics:.-\n%w')
      assert.are.equal(a:match 'sha256: (%x+)', b:match 'sha256: (%x+)')
    end
  end)

  it('keeps the kernel plan that a run began with', function()
    local plan = root .. '/plan.txt'
    local row = 'conv3d avx512 8x1x1x1 8x1x1x1 s1x1x1 p0x0x0 direct\n'
    support.write(plan, row)
    local text, code = avcl('run experiments/study.lua --seeds 1 --only base --progress none '
      .. '--store planned device=cpu kernel_plan=' .. plan)
    assert.are.equal(0, code, text)
    local copies = find(root .. '/planned/runs', 'kernel-plan.txt')
    assert.are.equal(3, #copies)
    assert.are.equal(row, read(copies[1]))
    local attempt = read((copies[1]:gsub('kernel%-plan.txt', 'attempt-1.yaml')))
    assert.truthy(attempt:find 'conv%s+auto,%s+plan%s+%x+', attempt)
    -- The file may go, and means nothing to a run that began without it.
    local plans = require 'avcl.kernel_plan'
    local run = { id = copies[1]:match '(%x+)/kernel', values = { kernel_plan = plan } }
    os.remove(plan)
    local store = require 'avcl.store'.open(root .. '/planned', true)
    assert.are.equal(row, plans.of(store, run, 2))
    os.remove(copies[1])
    assert.is_nil(plans.of(store, run, 2))
    text = select(2, pcall(plans.of, store, run, 1))
    assert.truthy(tostring(text):find('cannot be read', 1, true))
  end)

  it('leaves a frozen scope as the pre-training made it', function()
    local text, code = avcl('run experiments/study.lua --seeds 1 --only base --store one '
      .. 'finetune.frozen=video --progress none')
    assert.are.equal(0, code, text)
    support.write(root .. '/same.lua', [[
      local avcl = require 'avcl'
      local a, b = avcl.safetensors(arg[1]), avcl.safetensors(arg[2])
      local from, to = a:get 'weight/video/weight':list(), b:get 'state/video/weight':list()
      for i, x in ipairs(from) do assert(x == to[i]) end
      local audio = b:get 'weight/audio/weight':list()
      for i, x in ipairs(a:get 'weight/audio/weight':list()) do
        if x ~= audio[i] then return 0 end
      end
      return 9]])
    local frozen = support.shell(("cd '%s'; grep -l 'stage.frozen' one/runs/*/*/run.yaml | xargs "
      .. 'grep -l "stage: finetune"'):format(root)):match '([^/]+)/run.yaml'
    local parent = read(('%s/one/runs/%s/%s/run.yaml'):format(root, frozen:sub(1, 2), frozen))
      :match 'parent: {run: "?(%x+)'
    local best = 'one/work/%s/%s/ckpt/best.safetensors '
    text, code = avcl('lua same.lua ' .. best:format(parent:sub(1, 2), parent)
      .. best:format(frozen:sub(1, 2), frozen))
    assert.are.equal(0, code, text)
  end)

  it('records a failure, goes on, and exits 1', function()
    support.script(root, support.study:gsub('g:square%(v.pool %- a.pool%)',
      'g:log(g:affine(g:square(v.pool), { scale = 0 - 1, shift = 0 - 1 }))', 1), 'bad')
    local text, code = avcl 'run experiments/bad.lua --seeds 1 --store bad'
    assert.are.equal(1, code, text)
    assert.truthy(text:find('1 failed, 4 blocked', 1, true), text)
    assert.truthy(text:find('bad.lua:', 1, true), text)
    local attempt = read(find(root .. '/bad/runs', 'attempt-1.yaml')[1])
    assert.truthy(attempt:find('state: failed', 1, true), attempt)
    assert.truthy(attempt:find('phase: train', 1, true), attempt)
  end)

  it('says what would run, and runs nothing', function()
    local text, code = avcl 'run -n experiments/study.lua --store none'
    assert.are.equal(0, code, text)
    assert.truthy(text:find('%f[%w]run%s+pretrain%s+1%s+base.-new\n'), text)
    assert.are.equal(0, #find(root, 'none'))
  end)

  it('has the exit codes of the manual', function()
    assert.are.equal(2, select(2, avcl 'runn'))
    assert.are.equal(2, select(2, avcl 'run --sto x experiments/study.lua'))
    assert.are.equal(3, select(2, avcl 'run experiments/study.lua tua=1'))
    assert.are.equal(4, select(2, avcl 'run experiments/none.lua'))
    assert.are.equal(4, select(2, avcl 'run experiments/study.lua data=nowhere'))
    assert.are.equal(4, select(2, avcl 'plugin info nothing'))
    assert.are.equal(4, select(2, avcl 'table experiments/study.lua --store nowhere'))
  end)

  it('checks the gradients of a script', function()
    for _, stage in ipairs { 'pretrain', 'finetune' } do
      local text, code = avcl('graph experiments/study.lua --check-gradients --stage ' .. stage)
      assert.are.equal(0, code, text)
    end
  end)

  it('passes arguments to a plain script and keeps its exit code', function()
    support.write(root .. '/plain.lua', "io.write(..., arg[2], '\\n') return 7")
    local text, code = avcl 'lua plain.lua a --b'
    assert.are.equal('a--b\n', text)
    assert.are.equal(7, code)
  end)

  it('keeps data on stdout and the rest on stderr', function()
    local text = avcl 'doctor --json 2>/dev/null'
    assert.truthy(text:find('"schema":"avcl.doctor/1"', 1, true), text)
    text = avcl 'run experiments/study.lua --seeds 1 --store one 2>/dev/null'
    assert.are.equal('', text)
  end)
end)
