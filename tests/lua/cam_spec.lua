-- Class activation maps: the mathematics, the probes, the score, the verb.
local c = require 'avcl.ffi'
local clips = require 'avcl.cam.clip'
local datasets = require 'avcl.dataset'
local lfs = require 'lfs'
local map = require 'avcl.cam.map'
local media = require 'avcl.media'
local probe = require 'avcl.cam.probe'
local scores = require 'avcl.cam.score'
local script = require 'avcl.script'
local sessions = require 'avcl.session'
local stage = require 'avcl.stage'
local support = require 'support'

local EXACT = 1e-12 -- sums of a few doubles
local F64_STEP, F64_TOLERANCE = 1e-4, 1e-7 -- a central difference in f64: error of the step squared
local F32_TOLERANCE = 1e-6 -- one product per channel in f32

local function of(data, t, h, w)
  local m = map.new(t, h, w)
  for i, x in ipairs(data) do m.data[i - 1] = x end
  return m
end

local function list(m)
  local out = {}
  for i = 0, m.t * m.h * m.w - 1 do out[i + 1] = m.data[i] end
  return out
end

local function near(expected, got, tolerance)
  assert.equal(#expected, #got)
  for i, x in ipairs(expected) do
    assert.is_true(math.abs(x - got[i]) <= tolerance, ('%d: %.17g, got %.17g'):format(i, x, got[i]))
  end
end

describe('a map', function()
  it('is relu of the weighted sum, the mean without weights', function()
    local features, shape = { 1, 2, 3, 4, 10, 20, 30, 40 }, { 2, 1, 2, 2 }
    near({ 7, 14, 21, 28 }, list(map.activation(features, shape, { -3, 1 })), EXACT)
    near({ 0, 0, 0, 0 }, list(map.activation(features, shape, { 3, -1 })), EXACT)
    near({ 5.5, 11, 16.5, 22 }, list(map.activation(features, shape)), EXACT)
  end)

  -- torch.nn.functional.interpolate([[0, 1], [2, 4]], size = (4, 3), mode = 'bilinear'), and
  -- trilinear of two such frames, the second ten times the first, to 3 frames.
  it('grows as align_corners = false has it', function()
    local frame = { 0, 0.5, 1, 0.5, 0.875 + 0.25, 1.75, 1.5, 2.375, 3.25, 2, 3, 4 }
    local m = map.resize(of({ 0, 1, 2, 4 }, 1, 2, 2), 1, 4, 3)
    near(frame, list(m), EXACT)
    local long = map.resize(of({ 0, 1, 2, 4, 0, 10, 20, 40 }, 2, 2, 2), 3, 4, 3)
    local expected = {}
    for _, by in ipairs { 1, 5.5, 10 } do
      for _, x in ipairs(frame) do expected[#expected + 1] = by * x end
    end
    near(expected, list(long), EXACT)
  end)

  it('goes from 0 to 1 over the clip, or frame by frame', function()
    near({ 0, 0.25, 0.5, 1 }, list(map.normalise(of({ 1, 2, 3, 5 }, 2, 1, 2))), EXACT)
    near({ 0, 1, 0, 1 }, list(map.normalise(of({ 1, 2, 3, 5 }, 2, 1, 2), true)), EXACT)
  end)

  it('that is constant becomes zeros', function()
    near({ 0, 0, 0, 0 }, list(map.normalise(of({ 7, 7, 7, 7 }, 1, 2, 2))), 0)
    near({ 0, 0, 0, 1 }, list(map.normalise(of({ 7, 7, 3, 4 }, 2, 1, 2), true)), 0)
  end)

  it('is drawn half and half in jet', function()
    local frames = c.new('uint8_t[9]', { 0, 0, 0, 100, 100, 100, 255, 255, 255 })
    local out = map.overlay(frames, of({ 0, 0.5, 1 }, 1, 1, 3))
    local got = {}
    for i = 0, 8 do got[i + 1] = out[i] end
    -- dark blue, green with half red and half blue, dark red
    assert.same({ 0, 0, 64, 114, 178, 114, 191, 128, 128 }, got)
  end)
end)

local root

local function project()
  root = support.project()
  support.script(root, [[
local avcl = require 'avcl'
local function model(g, p)
  local v = g:backbone('r3d', { clip = g:input 'rgb', name = 'video' }, { width = 2 })
  local a = g:backbone('r3d', { clip = g:input 'mel', name = 'audio' }, { width = 2 })
  local f = g:fusion(p.fusion, { video = v.pool, audio = a.pool })
  g:minimize(g:loss('selfcl', { f.video, f.audio }))
  return { features = { f.video, f.audio }, taps = p.taps and { video = v, audio = a } or nil }
end
return avcl.experiment {
  name = 'study', model = model,
  defaults = { batch = 4, device = 'reference', fusion = 'concat', taps = true, data = 'synth',
    precision = 'f64' },
  inputs = {
    rgb = avcl.clip { frames = 4, size = 32, resize = { 49, 37 } },
    mel = avcl.mel { bands = 32, columns = 32, crop = 32 },
  },
  stages = {
    pretrain = { split = 'unlab', val_split = 'none', epochs = 1, select = 'last' },
    finetune = { from = 'pretrain', split = 'train', val_split = 'none', epochs = 1,
      select = 'last', head = avcl.head { hidden = 0, dropout = 0.5 } },
    test = { from = 'finetune', clips = 1, metrics = { 'top1' } },
  },
  columns = { avcl.metric { 'top-1', metric = 'test/top1' } },
}
]])
end

-- What a verb would have opened of a run, with weights as they start.
local function model_of(changes, name)
  local experiment = script.load(root .. '/experiments/study.lua')
  local values = experiment.schema:resolve({})
  for key, value in pairs(changes) do values[key] = value end
  return { experiment = experiment, stage = name or 'finetune', values = values, seed = 3,
    kind = name == 'pretrain' and 'pretext' or 'supervised', classes = 5 }
end

local function random_clip()
  local rgb, mel = c.new 'uint8_t[12288]', c.new 'uint16_t[1024]'
  for i = 0, 12287 do rgb[i] = math.random(0, 255) end
  for i = 0, 1023 do mel[i] = 0x3000 + math.random(0, 0xBFF) end -- halves of 0.125 to 1
  return { rgb = { data = rgb, dtype = 'u8', count = 12288 },
    mel = { data = mel, dtype = 'f16', count = 1024 } }
end

-- The training program, one node a line.
local function program_of(g)
  local o, keep = sessions.options { device = 'reference', input_grads = true }
  return c.take_text(c.call('avcl_graph_print_after', g.ptr, o, stage.PROGRAMS.train, 'layout')),
    keep and nil
end

describe('probes', function()
  setup(project)
  teardown(function() support.remove(root) end)

  it('give the row of a linear head: Grad-CAM is CAM', function()
    for class = 0, 4, 4 do
      local probed = probe.new(model_of {}, class)
      local seen = probed:look { random_clip() }[1]
      local w, width = probed.session:get 'head/fc/weight'[class + 1], 16
      for i, stream in ipairs(seen.streams) do
        local row = { unpack(w, (i - 1) * width + 1, i * width) }
        near(row, stream.alpha, F32_TOLERANCE)
        local cam = list(map.activation(stream.maps, stream.shape, row))
        near(cam, list(map.activation(stream.maps, stream.shape, stream.alpha)), F32_TOLERANCE)
      end
    end
  end)

  it('explain the predicted class when none is named', function()
    local probed = probe.new(model_of {})
    local seen = probed:look { random_clip(), random_clip() }
    for row = 1, 2 do
      local logits, best = seen[row].logits, 1
      for i, x in ipairs(logits) do if x > logits[best] then best = i end end
      local w = probed.session:get 'head/fc/weight'[best]
      near({ unpack(w, 1, 16) }, seen[row].streams[1].alpha, F32_TOLERANCE)
    end
  end)

  it('see through gate and hidden layer as differences do, dropout off', function()
    local class = 2
    local probed = probe.new(model_of({ fusion = 'amfm', ['head.hidden'] = 8,
      ['finetune.head.hidden'] = 8, ['finetune.head.dropout'] = 0.5 }), class)
    local s, clip = probed.session, random_clip()
    local seen = probed:look { clip }[1]
    for i, name in ipairs { 'cam/probe1', 'cam/probe2' } do
      for _, k in ipairs { 1, 7, 16 } do
        local y = {}
        for _, sign in ipairs { 1, -1 } do
          local x = {}
          for j = 1, 32 do x[j] = 0 end
          x[k] = sign * F64_STEP
          s:set(name, x):run 'train'
          y[#y + 1] = s:get 'cam/logits'[1][class + 1]
          x[k] = 0
          s:set(name, x)
        end
        local slope = (y[1] - y[2]) / (2 * F64_STEP)
        near({ slope }, { seen.streams[i].alpha[k] }, F64_TOLERANCE)
      end
    end
  end)

  it('differentiate no convolution', function()
    local r = model_of {}
    local trained = stage.build(r.experiment, 'finetune', r.values, { n_classes = r.classes })
    assert.matches('= conv3d_backward', program_of(trained.graph))
    local text = program_of(probe.new(r).session.graph)
    assert.matches('= conv3d%(', text)
    assert.is_nil(text:match '= conv3d_backward')
  end)

  it('need taps, and show one stream where the classifier sees one', function()
    local ok, problem = pcall(probe.new, model_of { taps = false })
    assert.is_false(ok)
    assert.matches('no maps of video: the model returns no taps.video', tostring(problem))
    local seen = probe.new(model_of { modalities = 'mel' }):look { random_clip() }[1]
    assert.equal(1, #seen.streams)
    assert.equal('audio', seen.streams[1].name)
  end)

  it('of a net without classifier have no class', function()
    local seen = probe.new(model_of({}, 'pretrain')):look { random_clip() }[1]
    assert.is_nil(seen.logits)
    assert.is_nil(seen.streams[1].alpha)
    assert.equal(2, #seen.streams)
  end)
end)

describe('the score', function()
  local data, d, values
  setup(function()
    project()
    data = root .. '/data/synth'
    media.synth(data, { train = 12, val = -1, test = 12, clips = 4, difficulty = 0.001, masks = 1 })
    d = datasets.open(data .. '/manifest.csv')
    values = model_of {}.values
    values['rgb.frames'] = 12
  end)
  teardown(function() support.remove(root) end)

  local function mask_of(sample, clip)
    return scores.mask(sample, { start_frame = clip.start_frame, frames = 12, size = 32,
      resize = values['rgb.resize'], fps = 0 })
  end

  it('finds what moves where the clip moves', function()
    local n = 0
    for _, sample in ipairs(clips.list(d, 'test')) do
      local clip = clips.read(d, sample.index, values, { rgb = true, mel = true })
      local inside, pixels = mask_of(sample, clip), clip.pictures.rgb.pixels
      local sums, counts = { 0, 0 }, { 0, 0 } -- of changes from frame to frame, inside and not
      for i = 1024, 12 * 1024 - 1 do
        local which = (inside[i + 1] or inside[i + 1 - 1024]) and 1 or 2
        sums[which] = sums[which] + math.abs(pixels[3 * i] - pixels[3 * (i - 1024)])
        counts[which] = counts[which] + 1
      end
      if counts[1] > 0 then
        n = n + 1
        local moves, rests = sums[1] / counts[1], sums[2] / counts[2]
        assert.is_true(moves > 3 * rests, ('%s: %.2f, %.2f'):format(sample.rel, moves, rests))
      end
    end
    assert.is_true(n >= 10)
  end)

  it('is full for the mask itself, its share for an even map, nothing for zeros', function()
    local sample = clips.list(d, 'test')[1]
    local clip = clips.read(d, sample.index, values, { rgb = true, mel = true })
    local inside = mask_of(sample, clip)
    local perfect, even, zeros = map.new(12, 32, 32), map.new(12, 32, 32), map.new(12, 32, 32)
    local area = 0
    for i, x in ipairs(inside) do
      perfect.data[i - 1], even.data[i - 1] = x and 1 or 0, 1
      area = area + (x and 1 or 0)
    end
    area = area / #inside
    local s = scores.of(perfect, inside)
    assert.is_true(s.hit)
    near({ 1, area }, { s.energy, s.area }, EXACT)
    near({ area }, { scores.of(even, inside).energy }, EXACT)
    assert.is_false(scores.of(zeros, inside).hit)
    assert.has_error(function() scores.of(even, { true }) end)
  end)

  it('leaves out clips in which nothing moves', function()
    local nothing = {}
    for i = 1, 4 do nothing[i] = false end
    assert.is_nil(scores.of(of({ 1, 2, 3, 4 }, 1, 2, 2), nothing))
    local t = scores.tally()
    t.add(nil)
    t.add { hit = true, energy = 0.5, area = 0.25, centre = 0 }
    near({ 1, 1, 1, 0.5 }, { t.means().n, t.means().n_empty, t.means().hit, t.means().energy },
      EXACT)
  end)

  local function avcl(command)
    return support.shell(("cd '%s' && '%s' %s"):format(root, os.getenv 'AVCL_PROGRAM', command))
  end

  it('comes out of the program, with pictures and a video with sound', function()
    local text, rc = avcl 'run experiments/study.lua device=cpu precision=f32 --progress none'
    assert.equal(0, rc, text)
    local id = avcl [[ls -q 'stage == "test"']]:match '%x+'
    text, rc = avcl(('cam %s --clips 2 --out maps'):format(id))
    assert.equal(0, rc, text)
    assert.matches('pointing game', text)
    local sheets = 0
    for entry in lfs.dir(root .. '/maps') do
      if entry:match '%.png$' then sheets = sheets + 1 end
      if entry:match '%.mp4$' then
        local info = media.probe(root .. '/maps/' .. entry)
        assert.equal(4, info.n_frames)
        assert.is_true(info.has_audio)
        assert.is_true(math.abs(info.audio_s - 4 / 12) < 0.1)
      end
    end
    assert.equal(2, sheets)
    text, rc = avcl(('cam %s --score --json'):format(id))
    assert.equal(0, rc, text)
    assert.matches('"schema": ?"avcl.cam/1"', text)
    assert.matches('"pointing"', text)
  end)

  it('refuses a script that says something else now, and classes that are not there', function()
    local id = avcl [[ls -q 'stage == "test"']]:match '%x+'
    local text, rc = avcl(('cam %s --class hammer_woood'):format(id))
    assert.equal(4, rc)
    assert.matches("did you mean 'hammer_wood'", text)
    assert.equal(0, select(2, support.shell(("sed -i 's/width = 2/width = 3/' '%s/experiments/study"
      .. ".lua'"):format(root))))
    text, rc = avcl(('cam %s'):format(id))
    assert.equal(3, rc, text)
    assert.matches('now declares another graph for stage finetune', text)
  end)
end)
