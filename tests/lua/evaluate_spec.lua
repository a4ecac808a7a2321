-- Evaluation: what a stage records, what columns and commands make of it.
local doc = require 'avcl.doc'
local plan = require 'avcl.plan'
local script = require 'avcl.script'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

local function study(evaluation, more)
  return (support.study:gsub('rows = avcl%.rows {', ([[
    stages = { look = { from = 'pretrain', clips = 2, %s } %s },
    %%0]]):format(evaluation, more or '')))
end

local ALL = "evaluate = { 'probe', 'knn', 'retrieval', 'geometry' }, fit_split = 'train'"

describe('evaluate', function()
  local root
  setup(function()
    root = support.project()
    local text, code = support.shell(('cd %s && %s data synth data/synth --clips 16 --train 12 '
      .. '--val 12 --test 24 --seconds 1'):format(root, program))
    assert.are.equal(0, code, text)
  end)
  teardown(function() support.remove(root) end)

  local function avcl(arguments)
    return support.shell(("cd '%s'; '%s' %s"):format(root, program, arguments))
  end

  it('records measures of features that are no test', function()
    local text = study(ALL):gsub("metric = 'test/top1', select = 'max val/top1'",
      "metric = 'retrieval/v2a@5'")
    support.script(root, text)
    local said, code = avcl 'run experiments/study.lua --seeds 1 --only base --store one'
    assert.are.equal(0, code, said)
    said = support.shell(("cat '%s'/one/runs/*/*/run.yaml | grep -c 'stage: look'"):format(root))
    assert.are.equal(1, tonumber(said))
    local found = support.shell(("grep -l 'v2a@5' '%s'/one/runs/*/*/result.yaml"):format(root))
    local f = assert(io.open((found:gsub('%s+$', ''))))
    local m = doc.parse(f:read '*a').metrics
    f:close()
    for _, name in ipairs { 'top1', 'top5', 'train_top1', 'video_top1', 'fused_top1' } do
      assert.truthy(m.probe[name] >= 0 and m.probe[name] <= 100, name)
    end
    assert.are.equal(m.probe.top1, m.probe.fused_top1)
    for _, family in ipairs { 'knn', 'knn200' } do
      assert.truthy(m[family].audio_top1 >= 0 and m[family].top5 >= m[family].top1)
    end
    for _, name in ipairs { 'v2a', 'a2v', 'video', 'audio' } do
      local last = 0
      for _, depth in ipairs { 1, 5, 10, 20, 50 } do
        assert.truthy(m.retrieval[name .. '@' .. depth] >= last)
        last = m.retrieval[name .. '@' .. depth]
      end
      assert.truthy(m.retrieval[name .. '_median'] >= 1)
    end
    assert.are.equal(100, m.retrieval['v2a@50']) -- of 24
    assert.is_nil(m.retrieval['fused@1'])
    assert.truthy(m.geometry.alignment >= 0 and m.geometry.alignment <= 4)
    assert.truthy(m.geometry.video_rank >= 1 and m.geometry.video_rank <= 4)
    assert.are.equal(24, m.evaluate.n)
    assert.are.equal(12, m.evaluate.n_fit)
    said = avcl 'table experiments/study.lua --seeds 1 --only base --store one'
    assert.truthy(said:find('| base | %**%d+%.%d %(1%)%** |'), said)
  end)

  it('gives the same numbers again', function()
    support.script(root, study(ALL))
    for i = 2, 3 do
      local said, code = avcl('run experiments/study.lua --seeds 1 --only base --store ' .. i)
      assert.are.equal(0, code, said)
    end
    local said = support.shell(("cd '%s'; for f in 2/runs/*/*/result.yaml; do "
      .. 'sed /^cost/,/crc32/d $f >a; sed /^cost/,/crc32/d 3${f#2} >b; cmp a b || exit 1; done; '
      .. 'echo same'):format(root))
    assert.truthy(said:find('same', 1, true), said)
  end)

  it('is a run of its own that leaves others as they are', function()
    local function resolve(text)
      return plan.resolve(script.load(support.script(root, text)), {
        data = function() return { hash = ('d'):rep(64), n_classes = 3, items = 1 } end,
      }).rows[1].cells[1]
    end
    local before, after = resolve(support.study), resolve(study(ALL))
    assert.are.equal(before.pretrain.id, after.pretrain.id)
    assert.are.equal(before.test.id, after.test.id)
    assert.are.equal('evaluate', after.look.kind)
    local other = resolve(study(ALL .. ', probe_l2 = 0.1'))
    assert.are_not.equal(after.look.id, other.look.id)
  end)

  it('looks on while a stage trains, and changes no bit of it', function()
    local watched = "monitor = { 'knn', 'geometry' }, monitor_every = 2, epochs = 3, "
      .. "split = 'unlab', select = 'last', val_split = 'none', optim = avcl.sgd { lr = 1e-2 }"
    for name, keys in pairs { watched = watched, alone = watched:gsub('^monitor = .-, epochs',
      'epochs') } do
      support.script(root, (support.study:gsub('rows = avcl%.rows {',
        ('stages = { pretrain = { %s } },\n  %%0'):format(keys))))
      local said, code = avcl('run experiments/study.lua --seeds 1 --only base --store ' .. name)
      assert.are.equal(0, code, said)
    end
    local function lines(command)
      return (support.shell(("cd '%s'; %s"):format(root, command)))
    end
    local seen = lines("grep -h knn/top1 watched/runs/*/*/epochs.jsonl | grep -o "
      .. "'\"epoch\": *[0-9]*'")
    assert.are.equal(2, select(2, seen:gsub('epoch', '')), seen) -- of epochs 2 and 3
    assert.truthy(seen:find '2' and seen:find '3' and not seen:find '1')
    assert.are.equal('', lines 'grep -l knn alone/runs/*/*/epochs.jsonl')
    local function weights(store)
      return lines(("sha256sum $(dirname $(grep -l 'stage: pretrain' %s/runs/*/*/run.yaml) | sed "
        .. "s,/runs/,/work/,)/ckpt/best.safetensors | cut -d' ' -f1"):format(store))
    end
    assert.truthy(#weights 'watched' >= 64)
    assert.are.equal(weights 'alone', weights 'watched')
  end)

  local wrong = {
    { "evaluate = { 'knn' }, monitor = { 'knn' }", "'monitor' means nothing in stage 'look'" },
    { "evaluate = { 'prob' }", "no 'prob'", "did you mean 'probe'?" },
    { "evaluate = { 'knn' }, features = { 'vidoe' }", "no 'vidoe'", "did you mean 'video'?" },
    { "evaluate = { 'knn' }, epochs = 3", "'epochs' means nothing in stage 'look'" },
    { "evaluate = { 'knn' }, fit_split = 'tran'", "no split 'tran'", "did you mean 'train'?" },
    { "evaluate = { 'knn' }, features = { 'video_conv5' }", 'no features', 'video_conv5' },
  }
  for _, case in ipairs(wrong) do
    it('refuses ' .. case[1], function()
      support.script(root, study(case[1]))
      local said, code = avcl 'run experiments/study.lua --seeds 1 --only base --store wrong'
      assert.are_not.equal(0, code)
      for i = 2, #case do assert.truthy(said:find(case[i], 1, true), said) end
    end)
  end

  it('names the split that has no labels', function()
    support.script(root, study "evaluate = { 'knn' }, fit_split = 'unlab'")
    local said, code = avcl 'run experiments/study.lua --seeds 1 --only base --store unlab'
    assert.are.equal(1, code, said)
    assert.truthy(said:find("learnt from split 'unlab'", 1, true), said)
    assert.truthy(said:find('none of 16 vectors has a label', 1, true), said)
  end)
end)
