-- avcl eval and avcl predict: a recorded run on data and files.
local doc = require 'avcl.doc'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'

describe('a trained run', function()
  local root, tested, pretrained

  local function avcl(arguments)
    return support.shell(("cd '%s'; '%s' %s"):format(root, program, arguments))
  end

  local function json(arguments)
    local text, code = avcl(arguments .. ' --json 2>err')
    assert.are.equal(0, code, text)
    return doc.parse(text)
  end

  setup(function()
    root = support.project()
    support.script(root, support.study)
    local text, code = avcl('data synth data/synth --clips 16 --train 12 --val 12 --test 24 '
      .. '--seconds 1')
    assert.are.equal(0, code, text)
    text, code = avcl 'data synth data/other --clips 4 --test 24 --seconds 1 --classes 24'
    assert.are.equal(0, code, text)
    text, code = avcl 'run experiments/study.lua --seeds 1 --only base'
    assert.are.equal(0, code, text)
    tested = avcl [[ls -q 'stage == "test"' --limit 1]]:gsub('%s+$', '')
    pretrained = avcl [[ls -q 'stage == "pretrain"' --limit 1]]:gsub('%s+$', '')
  end)
  teardown(function() support.remove(root) end)

  it('comes to the numbers of its test again', function()
    local recorded = doc.parse((avcl(("show %s --json"):format(tested)))).result.metrics.test
    local now = json(('eval %s --clips 2'):format(tested))
    assert.are.equal('avcl.eval/1', now.schema)
    for _, name in ipairs { 'top1', 'top5', 'loss', 'per_class', 'n' } do
      assert.are.equal(recorded[name], now.metrics['test/' .. name], name)
    end
    assert.are.equal(12, #now.confusion)
    local soft = json(('eval %s --clips 2 --average softmax'):format(tested))
    assert.are_not.equal(now.metrics['test/loss'], soft.metrics['test/loss'])
  end)

  it('is measured on another split of any data set', function()
    local m = json(('eval %s --split val --measure knn,geometry'):format(tested)).metrics
    assert.is_number(m['val/top1'])
    assert.is_number(m['knn/top1'])
    assert.is_number(m['geometry/video_rank'])
    assert.is_nil(m['probe/top1'])
    m = json(('eval %s --clips 1'):format(pretrained)).metrics
    assert.is_nil(m['test/top1'])
    assert.is_number(m['probe/top1'])
    assert.is_number(m['retrieval/v2a@1'])
    m = json(('eval %s --clips 1 --data data/other --measure retrieval --fit test')
      :format(pretrained))
    assert.are.equal('data/other', m.data)
    assert.is_number(m.metrics['retrieval/video@5'])
  end)

  it('writes features that NumPy reads', function()
    local text, code = avcl(('eval %s --clips 1 --features out'):format(tested))
    assert.are.equal(0, code, text)
    assert.truthy(text:find('features of 24 videos in out', 1, true), text)
    text, code = support.shell(([[cd '%s/out' && /usr/bin/python3 -c "
import numpy as np, csv
v, l = np.load('feature_video.npy'), np.load('labels.npy')
rows = list(csv.DictReader(open('videos.csv')))
assert v.dtype == np.float32 and v.shape == (24, 4), v.shape
assert l.dtype == np.int32 and [int(r['label']) for r in rows] == list(l)
assert np.load('feature_fused.npy').shape == (24, 8)
assert rows[0]['path'].endswith('.mp4') and np.isfinite(v).all() and v.std() > 0
print('fine')"]]):format(root))
    assert.are.equal(0, code, text)
    assert.truthy(text:find 'fine', text)
  end)

  it('says what it sees in files', function()
    local files = 'data/synth/test/000000.mp4 data/synth/test/000001.mp4'
    local d = json(('predict %s %s --clips 2 --top 3'):format(tested, files))
    assert.are.equal('avcl.predict/1', d.schema)
    assert.are.equal(2, #d.files)
    local sum = 0
    for _, best in ipairs(json(('predict %s %s --top 12'):format(tested, files)).files[1].top) do
      sum = sum + best.probability
    end
    assert.is_true(math.abs(sum - 1) < 1e-9)
    for _, f in ipairs(d.files) do
      assert.are.equal(3, #f.top)
      assert.are.equal(f.class, f.top[1].class)
      assert.is_true(f.top[1].probability >= f.top[2].probability)
    end
    local text, code = avcl(('predict %s %s'):format(tested, files))
    assert.are.equal(0, code, text)
    assert.truthy(text:find('000001.mp4', 1, true), text)
    assert.truthy(text:find(d.files[1].class, 1, true), text)
  end)

  it('agrees with the test on every video', function()
    local d = json(('predict %s data/synth/test/*.mp4 --clips 2'):format(tested))
    local truth, right = {}, 0
    for line in io.lines(root .. '/data/synth/manifest.csv') do
      local path, label = line:match '^([^,]+),([^,]+),test'
      if path then truth[path:match '[^/]+$'] = label end
    end
    for _, f in ipairs(d.files) do
      if truth[f.path:match '[^/]+$'] == f.class then right = right + 1 end
    end
    local top1 = json(('eval %s --clips 2'):format(tested)).metrics['test/top1']
    assert.is_true(math.abs(100 * right / 24 - top1) < 1e-9)
  end)

  it('names a file that is no video, and classifies the others', function()
    support.write(root .. '/no.mp4', 'this is no video')
    local text, code = avcl(('predict %s no.mp4 data/synth/test/000000.mp4'):format(tested))
    assert.are.equal(1, code, text)
    assert.truthy(text:find('no.mp4', 1, true), text)
    assert.truthy(text:find('000000.mp4', 1, true), text)
  end)

  local wrong = {
    { 'eval %s --data data/other', 3, 'tells 12 classes apart', 'has 24' },
    { 'eval %s --split tets', 4, "no split 'tets'" },
    { 'eval %s --measure knm', 2, "no measure 'knm'", "did you mean 'knn'?" },
    { 'eval %s --of vidoe --features out', 2, "no feature 'vidoe'", "did you mean 'video'?" },
    { 'eval %s --clips 1 --measure knn --fit unlab', 3, 'none of 16 vectors has a label' },
    { 'eval zzzz %s', 2 },
    { 'predict %s nowhere.mp4', 4, 'no file nowhere.mp4' },
    { 'predict %s', 2, 'argument' },
  }
  for _, case in ipairs(wrong) do
    it('refuses ' .. case[1], function()
      local text, code = avcl(case[1]:format(tested))
      assert.are.equal(case[2], code, text)
      for i = 3, #case do assert.truthy(text:find(case[i], 1, true), text) end
      assert.is_nil(text:find('traceback', 1, true), text)
    end)
  end

  it('has no classifier when it was only pre-trained', function()
    local text, code = avcl(('predict %s data/synth/test/000000.mp4'):format(pretrained))
    assert.are.equal(3, code, text)
    assert.truthy(text:find('has no classifier (stage pretrain)', 1, true), text)
  end)
end)
