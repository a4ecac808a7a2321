-- `avcl bench`: what it says is there and fits together; how fast it was is nobody's business here.
local doc = require 'avcl.doc'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'
local SMALL = ' --width 4 --batch 4 --clip 3,2,16,16 --mel 1,16,16 --steps 2 '

local function avcl(arguments)
  return support.shell(("'%s' bench %s"):format(program, arguments))
end

local function json(arguments)
  local text, code = avcl(arguments .. ' --json')
  assert.are.equal(0, code, text)
  local t = doc.parse(text)
  assert.are.equal('avcl.bench/1', t.schema)
  return t
end

local function refused(arguments, code, part)
  local text, got = avcl(arguments)
  assert.are.equal(code, got, text)
  assert.truthy(text:find(part, 1, true), text)
end

describe('avcl bench step', function()
  it('reports time, memory, work and what was measured', function()
    local t = json('step' .. SMALL .. '--threads 1')
    assert.are.same({ 'r3d', 4, 'both', 4, 'f32', 1 },
      { t.backbone, t.width, t.tower, t.batch, t.precision, t.threads })
    assert.are.same({ 3, 2, 16, 16 }, t.clip)
    assert.are.same({ 1, 16, 16 }, t.mel)
    assert.are.equal(2, #t.times_s)
    assert.truthy(t.best_s > 0 and t.best_s <= t.step_s)
    assert.are.equal(math.min(unpack(t.times_s)), t.best_s)
    assert.truthy(t.first_step_s > 0 and t.start_s > 0)
    assert.truthy(t.rss_mib > 1 and t.rss_mib < 4096)
    assert.are.equal(t.planned_bytes, t.weight_bytes + t.arena_bytes + t.io_bytes)
    assert.truthy(t.loss == t.loss and t.loss > 0)
  end)

  -- Forward conv1 of one tower: 4 x 4 x 2 x 8 x 8 outputs, 3 x 3 x 7 x 7 taps, two operations.
  it('counts the arithmetic of every layer', function()
    local layers = json('layers' .. SMALL).layers
    local by = {}
    for _, row in ipairs(layers) do by[row.layer .. ' ' .. row.direction] = row end
    local conv1 = by['video/conv1 forward']
    assert.truthy(conv1)
    assert.are.near(2e-9 * 4 * 4 * 2 * 8 * 8 * 3 * 3 * 7 * 7, conv1.gflop, 1e-15)
    assert.are.near(conv1.gflop, by['video/conv1 weights'].gflop, 1e-15)
    assert.is_nil(by['video/conv1 data']) -- pixels have no gradient
    assert.truthy(by['audio/conv5/block1/conv2 data'])
    assert.truthy(by['video/conv3/block1/downsample/conv weights'])
    local total = 0
    for _, row in ipairs(layers) do
      assert.truthy(row.seconds > 0 and row.share > 0 and row.share < 1)
      total = total + row.gflop
    end
    assert.are.near(json('step' .. SMALL).gflop, total, 1e-9)
  end)

  it('trains one tower alone', function()
    local both, video, audio = json('step' .. SMALL), json('step' .. SMALL .. '--tower video'),
      json('step' .. SMALL .. '--tower audio')
    assert.truthy(video.gflop + audio.gflop < both.gflop * 1.01)
    assert.truthy(video.weight_bytes < both.weight_bytes * 0.7)
    assert.are.equal('audio', audio.tower)
  end)

  it('makes the same numbers twice', function()
    assert.are.equal(json('step' .. SMALL).loss, json('step' .. SMALL).loss)
  end)
end)

describe('avcl bench ops', function()
  it('splits a step into convolution and the rest', function()
    local t = json('ops' .. SMALL)
    local sum, conv, names = 0, 0, {}
    for _, row in ipairs(t.ops) do
      names[row.op] = row
      sum = sum + row.share
      if row.op:find '^conv' then conv = conv + row.share end
    end
    assert.are.near(conv, t.convolution_share, 1e-9)
    assert.are.near(1, t.convolution_share + t.rest_share, 1e-9)
    assert.truthy(sum > 0.5 and sum <= 1.001, sum)
    assert.truthy(names['(sgd)'] and names['(inputs)'] and names['(commit)'])
    assert.are.equal(names.reorder and names.reorder.n or 0, t.reorders)
  end)

  it('prints tables for people', function()
    local text, code = avcl('ops' .. SMALL)
    assert.are.equal(0, code, text)
    assert.truthy(text:find('convolution %d+%.%d %%, everything else %d+%.%d %%'), text)
    text, code = avcl('layers' .. SMALL)
    assert.are.equal(0, code, text)
    assert.truthy(text:find 'video/conv2/block1/conv1 +conv3d +forward', text)
    assert.truthy(text:find('everything else', 1, true), text)
  end)
end)

describe('avcl bench tune', function()
  local plan = os.tmpname()
  teardown(function() os.remove(plan) end)
  local NET = ' --width 16 --batch 2 --clip 3,2,32,32 --mel 1,32,32 --steps 1 '

  it('writes rows that a step then runs with, and leaves those of others', function()
    local other = 'conv3d other 1x1x1x1 1x1x1x1 s1x1x1 p0x0x0 direct'
    support.write(plan, '# mine\n' .. other .. '\n')
    local text, code = avcl('tune ' .. plan .. NET)
    assert.are.equal(0, code, text)
    local f = assert(io.open(plan))
    local written = f:read '*a'
    f:close()
    assert.truthy(written:find('# mine\n' .. other, 1, true), written)
    local without, with = json('step' .. NET), json('step' .. NET .. '--kernel-plan ' .. plan)
    assert.are_not.equal(without.device:match 'plan (%x+)', with.device:match 'plan (%x+)')
    -- Another kernel rounds differently and computes the same.
    assert.are.near(without.loss, with.loss, 1e-2 * math.abs(without.loss))
  end)

  it('prints the plan in force, which is a plan', function()
    local text, code = avcl('plan' .. NET)
    assert.are.equal(0, code, text)
    assert.truthy(text:find('\nconv3d %S+ 3x2x32x32 16x3x7x7 s1x2x2 p1x3x3 direct\n'), text)
    assert.falsy(text:find 'x1x1x1 %d+x%d+x%d+x%d+ s2x2x2', text) -- of no other op than these
    support.write(plan, text)
    local function shapes(of) return (of:gsub('plan %x+', '')) end
    assert.are.equal(shapes(text), shapes(avcl('plan' .. NET .. '--kernel-plan ' .. plan)))
    refused('plan' .. NET .. '--device reference', 3, 'one kernel for each convolution')
  end)

  it('says what is wrong with a plan', function()
    refused('step --kernel-plan /nowhere/plan.txt', 4, '--kernel-plan: /nowhere/plan.txt')
    support.write(plan, 'rubbish\n')
    refused('step' .. NET .. '--kernel-plan ' .. plan, 3, 'line 1 of the kernel plan')
    refused('tune ' .. plan .. NET .. '--device reference', 3, 'one kernel for each convolution')
  end)
end)

describe('avcl bench peak', function()
  it('measures ceilings from one thread up', function()
    local rows = json('peak --threads 2').rows
    assert.are.equal(2, #rows)
    for i, row in ipairs(rows) do
      assert.are.equal(i, row.threads)
      for _, name in ipairs { 'f32_gflops', 'read_gbps', 'triad_gbps' } do
        assert.truthy(row[name] > 0.1 and row[name] < 1e5, name)
      end
    end
  end)

  it('is refused by a device that does not know', function()
    refused('peak --device reference', 3, "device 'reference' does not measure its ceilings")
  end)
end)

describe('avcl bench', function()
  it('names what does not fit', function()
    refused('step --clip 3,8,56', 2, "'3,8,56' is not C,T,H,W, as 3,16,112,112")
    refused('step --clip 3,8,56,48', 2, 'pictures are square')
    refused('step --clip 1,8,56,56', 3, 'video has 3 channels, not 1')
    refused('step --mel 3,56,56', 3, 'a spectrogram has 1 channel, not 3')
    refused('step --batch 0', 2, "'0' is not a whole number above 0")
    refused('step --tower vidio', 2, "must be one of 'both', 'video', 'audio'")
    refused('step --precision f23', 3, "must be one of f32")
    refused('step --backbone r3', 4, 'r3d')
    refused('stpe', 2, "did you mean 'step'?")
    refused('', 2, 'is required')
  end)

  it('is in the help', function()
    local text, code = support.shell(("'%s' help bench"):format(program))
    assert.are.equal(0, code, text)
    for _, action in ipairs { 'step', 'layers', 'ops', 'plan', 'tune', 'peak' } do
      assert.truthy(text:find(action, 1, true), action)
    end
  end)
end)
