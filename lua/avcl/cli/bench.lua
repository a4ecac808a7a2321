-- cli/bench.lua - `avcl bench`: how fast a training step is here, where its time goes, and what
-- the machine could do at most. Random inputs; nothing is recorded.
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local experiment = require 'avcl.bench.experiment'
local hosts = require 'avcl.host'
local machine = require 'avcl.machine'
local profile = require 'avcl.bench.profile'
local term = require 'avcl.cli.term'
local tune = require 'avcl.bench.tune'
local workload = require 'avcl.bench.workload'
local C = c.C

local M = {
  summary = 'Measure a training step, its layers and ops, and the ceilings of this machine.',
  example = 'avcl bench step --batch 4 --clip 3,8,56,56 --mel 1,56,56 --width 16',
}

-- ---- arguments -------------------------------------------------------------------------------

local function whole(text)
  local n = tonumber(text)
  if not n or n < 1 or n ~= math.floor(n) then
    return nil, "'" .. text .. "' is not a whole number above 0"
  end
  return n
end

-- 'C,T,H,W' and the like as a list of that many numbers.
local function sizes(form)
  local _, commas = form:gsub(',', '')
  return function(text)
    local list = {}
    for item in text:gmatch '[^,]+' do list[#list + 1] = whole(item) end
    local rebuilt = table.concat(list, ',')
    if #list ~= commas + 1 or rebuilt ~= text then
      return nil, ("'%s' is not %s, as %s"):format(text, form,
        form == 'C,T,H,W' and '3,16,112,112' or '1,112,112')
    end
    if list[#list] ~= list[#list - 1] then
      return nil, ("'%s': pictures are square here, H = W"):format(text)
    end
    return list
  end
end

local function network_options(command)
  command:option('--backbone', 'Backbone module (r3d).'):argname 'NAME'
  command:option('--width', 'Channels of its first layer (64).'):convert(whole):argname 'N'
  command:option('--batch', 'Clips a step (16).'):convert(whole):argname 'N'
  command:option('--clip', 'Video, C,T,H,W (3,16,112,112).'):convert(sizes 'C,T,H,W')
    :argname 'SHAPE'
  command:option('--mel', 'Sound, C,H,W (1,112,112); C is 1.'):convert(sizes 'C,H,W')
    :argname 'SHAPE'
  command:option('--tower', 'both: AVCL as in the paper; one: under a linear classifier.')
    :choices(experiment.towers):default 'both'
  command:option('--precision', 'Of the numbers computed with (f32).'):argname 'NAME'
  command:option('--conv', 'Convolution algorithms: auto, direct or winograd (auto).')
    :argname 'NAME'
  command:option('--kernel-plan', 'Kernel plan to run with, as `bench tune` writes it.')
    :argname 'FILE'
  command:option('--device', 'Device module (cpu).'):argname 'NAME'
  command:option('--threads', 'Threads that compute.'):convert(whole):argname 'N'
  command:option('--steps', 'Measured steps, after one that is not (3).'):convert(whole)
    :default '3':argname 'N'
end

local function json_option(command)
  command:flag('--json', 'One JSON document.')
end

local docs = {
  step = 'Seconds of a whole training step: inputs, forward, backward, SGD.',
  layers = 'Time and GFLOP/s of every layer and direction.',
  ops = 'Share of a step by op: convolutions, and all that is not one.',
  plan = 'The kernel of every convolution, as rows of a kernel plan.',
  tune = 'Time the kernels that each convolution could get; write the fastest into a kernel plan.',
  peak = 'Ceilings of this machine: multiply-adds and memory, at 1 to n threads.',
}

function M.setup(command)
  command:command_target 'action'
  for _, name in ipairs { 'step', 'layers', 'ops' } do
    local action = command:command(name, docs[name])
    network_options(action)
    json_option(action)
  end
  network_options(command:command('plan', docs.plan))
  local timing = command:command('tune', docs.tune)
  timing:argument('file', 'Plan file; rows of other shapes and machines stay in it.')
    :argname 'FILE'
  network_options(timing)
  local peak = command:command('peak', docs.peak)
  peak:option('--device', 'Device module (cpu).'):argname 'NAME'
  peak:option('--threads', 'The most threads to try.'):convert(whole):argname 'N'
  json_option(peak)
end

-- Options as keys of the bench experiment; what was not given keeps its default.
local function overrides_of(args)
  local out = {
    backbone = args.backbone, width = args.width, batch = args.batch, tower = args.tower,
    precision = args.precision, conv = args.conv, device = args.device,
  }
  if args.clip then
    if args.clip[1] ~= 3 then
      c.raise_at('command line', 'INVALID', '--clip: video has 3 channels, not %d', args.clip[1])
    end
    out['rgb.frames'], out['rgb.size'] = args.clip[2], args.clip[3]
  end
  if args.mel then
    if args.mel[1] ~= 1 then
      c.raise_at('command line', 'INVALID', '--mel: a spectrogram has 1 channel, not %d',
        args.mel[1])
    end
    out['mel.crop'] = args.mel[2]
  end
  return out
end

local function read_plan(path)
  if not path then return nil end
  local text, why = disk.read(path)
  return text or c.raise_at('command line', 'NOT_FOUND', '--kernel-plan: %s', why)
end

local function open(args)
  return workload.new(overrides_of(args), {
    threads = args.threads, kernel_plan = read_plan(args.kernel_plan),
  })
end

-- ---- what was measured -----------------------------------------------------------------------

-- Pairs for JSON: what the numbers of a document are of.
local function subject(w)
  local v = w.values
  return {
    { 'backbone', v.backbone }, { 'width', v.width }, { 'tower', v.tower }, { 'batch', v.batch },
    { 'clip', doc.list { 3, v['rgb.frames'], v['rgb.size'], v['rgb.size'] } },
    { 'mel', doc.list { 1, v['mel.crop'], v['mel.crop'] } },
    { 'precision', v.precision }, { 'conv', v.conv }, { 'threads', w.host:threads() },
    { 'device', w.session:device() }, { 'data', 'random' },
  }
end

local function print_json(action, w, list)
  local out = { { 'schema', 'avcl.bench/1' }, { 'what', action } }
  for _, pair in ipairs(w and subject(w) or {}) do out[#out + 1] = pair end
  for _, pair in ipairs(list) do out[#out + 1] = pair end
  print(doc.json(doc.map(out)))
end

local function print_subject(w)
  local v = w.values
  local shapes = {}
  if v.tower ~= 'audio' then
    shapes[#shapes + 1] = ('clip 3x%dx%dx%d'):format(v['rgb.frames'], v['rgb.size'], v['rgb.size'])
  end
  if v.tower ~= 'video' then
    shapes[#shapes + 1] = ('mel 1x%dx%d'):format(v['mel.crop'], v['mel.crop'])
  end
  local towers = v.tower == 'both' and 'both towers' or v.tower .. ' tower'
  print(('%s width %d, %s, batch %d, %s, %s, random data'):format(v.backbone, v.width, towers,
    v.batch, table.concat(shapes, ', '), w.session:precision()))
  print(w.session:device())
end

local function median(list)
  local sorted = { unpack(list) }
  table.sort(sorted)
  local n = #sorted
  return n % 2 == 1 and sorted[(n + 1) / 2] or (sorted[n / 2] + sorted[n / 2 + 1]) / 2
end

local function flop_of(session)
  local flop = 0
  for _, kernel in ipairs(profile.kernels(session)) do flop = flop + kernel.flop end
  return flop
end

local actions = {}

local function measure_steps(w, n)
  local times = {}
  local start_s = machine.process_age_s()
  local first_s = w:step()
  for i = 1, n do times[i] = w:step() end
  local step_s, best_s = median(times), math.min(unpack(times))
  return { start_s = start_s, first_step_s = first_s, step_s = step_s, best_s = best_s,
    times = times }
end

function actions.step(args)
  local w = open(args)
  local t, stats, flop = measure_steps(w, args.steps), w.session:stats(), flop_of(w.session)
  local rss, loss = machine.peak_rss_mib(), w:loss()
  if args.json then
    print_json('step', w, {
      { 'steps', args.steps }, { 'step_s', t.step_s }, { 'best_s', t.best_s },
      { 'first_step_s', t.first_step_s }, { 'start_s', t.start_s },
      { 'times_s', doc.list(t.times) },
      { 'clips_per_s', w.values.batch / t.step_s }, { 'gflop', flop * 1e-9 },
      { 'gflop_per_s', flop * 1e-9 / t.step_s }, { 'rss_mib', rss },
      { 'planned_bytes', stats.planned_bytes }, { 'arena_bytes', stats.arena_bytes },
      { 'weight_bytes', stats.weight_bytes }, { 'io_bytes', stats.io_bytes },
      { 'kernels', stats.kernels.train }, { 'reorders', stats.reorders.train },
      { 'loss', doc.float(loss) },
    })
    return
  end
  print_subject(w)
  print(term.columns {
    { 'step', ('%.4g s'):format(t.step_s), ('median of %d, best %.4g s; the first took %.4g s')
      :format(args.steps, t.best_s, t.first_step_s) },
    { 'rate', ('%.4g clips/s'):format(w.values.batch / t.step_s),
      ('%.4g GFLOP a step as declared, %.4g GFLOP/s'):format(flop * 1e-9,
        flop * 1e-9 / t.step_s) },
    { 'start', ('%.2f s'):format(t.start_s), 'from the start of the program to the first step' },
    { 'planned', term.bytes(stats.planned_bytes), ('weights %s, activations %s, inputs %s')
      :format(term.bytes(stats.weight_bytes), term.bytes(stats.arena_bytes),
        term.bytes(stats.io_bytes)) },
    { 'resident', ('%d MiB'):format(rss), 'peak of the process' },
  })
end

-- ---- layers and ops --------------------------------------------------------------------------

local function share(seconds, total)
  return ('%.1f %%'):format(100 * seconds / total)
end

local function per_second(amount, seconds, form)
  return amount > 0 and seconds > 0 and form:format(amount * 1e-9 / seconds) or ''
end

local function rate(row)
  return per_second(row.flop, row.seconds, '%.0f')
end

function actions.layers(args)
  local w = open(args)
  local kernels, _, step_s = profile.measure(w, args.steps)
  local rows = profile.layers(kernels)
  if args.json then
    local list = doc.list()
    for i, row in ipairs(rows) do
      local k = row.first
      list[i] = doc.map {
        { 'layer', k.layer }, { 'op', k.op }, { 'direction', k.direction }, { 'kernel', k.kernel },
        { 'seconds', row.seconds }, { 'gflop', row.flop * 1e-9 },
        { 'gflop_per_s', row.seconds > 0 and row.flop * 1e-9 / row.seconds or 0 },
        { 'share', row.seconds / step_s },
      }
    end
    return print_json('layers', w, { { 'step_s', step_s }, { 'layers', list } })
  end
  print_subject(w)
  local out, covered = { { 'layer', 'op', 'direction', 'kernel', 'ms', 'GFLOP/s', 'share' } }, 0
  for _, row in ipairs(rows) do
    local k = row.first
    covered = covered + row.seconds
    out[#out + 1] = { k.layer, k.base, k.direction, k.kernel, ('%.2f'):format(row.seconds * 1e3),
      rate(row), share(row.seconds, step_s) }
  end
  out[#out + 1] = { 'everything else', '', '', '', ('%.2f'):format((step_s - covered) * 1e3), '',
    share(step_s - covered, step_s) }
  print(term.columns(out, { [5] = true, [6] = true, [7] = true }))
  print(('step %.4g s; GFLOP/s count the arithmetic as declared: a kernel that avoids some of it '
    .. 'can pass the ceiling'):format(step_s))
end

local function convolution_seconds(rows)
  local seconds = 0
  for _, row in ipairs(rows) do
    if profile.is_convolution(row.key) then seconds = seconds + row.seconds end
  end
  return seconds
end

function actions.ops(args)
  local w = open(args)
  local kernels, phases, step_s = profile.measure(w, args.steps)
  local rows = profile.ops(kernels, phases)
  local conv_s, reorders = convolution_seconds(rows), w.session:stats().reorders.train
  if args.json then
    local list = doc.list()
    for i, row in ipairs(rows) do
      list[i] = doc.map { { 'op', row.key }, { 'n', row.n }, { 'seconds', row.seconds },
        { 'share', row.seconds / step_s }, { 'bytes', row.bytes } }
    end
    return print_json('ops', w, {
      { 'step_s', step_s }, { 'convolution_share', conv_s / step_s },
      { 'rest_share', 1 - conv_s / step_s }, { 'reorders', reorders }, { 'ops', list },
    })
  end
  print_subject(w)
  local out = { { 'op', 'n', 'ms', 'share', 'GFLOP/s', 'GB/s' } }
  for _, row in ipairs(rows) do
    out[#out + 1] = { row.key, row.n, ('%.2f'):format(row.seconds * 1e3),
      share(row.seconds, step_s), rate(row), per_second(row.bytes, row.seconds, '%.1f') }
  end
  print(term.columns(out, { [2] = true, [3] = true, [4] = true, [5] = true, [6] = true }))
  print(('convolution %s, everything else %s of a step of %.4g s; %d reorders'):format(
    share(conv_s, step_s), share(step_s - conv_s, step_s), step_s, reorders))
end

-- ---- kernel plans ----------------------------------------------------------------------------

function actions.plan(args)
  local w = open(args)
  local rows = tune.in_force(w.session)
  if #rows == 0 then
    c.raise_at('command line', 'UNSUPPORTED', "device '%s' has one kernel for each convolution",
      args.device or 'cpu')
  end
  print(('# %s'):format(w.session:device()))
  print(table.concat(rows, '\n'))
end

function actions.tune(args)
  local entries = tune.measure(overrides_of(args), args, function(pass, n)
    term.say('candidate %d of %d', pass, n)
  end)
  if #entries == 0 then
    c.raise_at('command line', 'UNSUPPORTED', "device '%s' has one kernel for each convolution",
      args.device or 'cpu')
  end
  tune.write(args.file, entries)
  local out, was, now = { { 'ms', 'before', 'row' } }, 0, 0
  for i, entry in ipairs(entries) do
    was, now = was + entry.was, now + entry.seconds
    out[i + 1] = { ('%.2f'):format(entry.seconds * 1e3), ('%.2f'):format(entry.was * 1e3),
      entry.row }
  end
  print(term.columns(out, { true, true }))
  print(('%s: %d rows; convolutions %.4g s a step, before %.4g s'):format(args.file, #entries, now,
    was))
end

-- ---- ceilings --------------------------------------------------------------------------------

local ceilings = {
  { 'f32_gflops', C.AVCL_CEILING_F32 }, { 'bf16_gflops', C.AVCL_CEILING_BF16 },
  { 'read_gbps', C.AVCL_CEILING_READ }, { 'triad_gbps', C.AVCL_CEILING_TRIAD },
}

local function measure_peak(host, device, n)
  local row, out = { threads = n }, c.new 'double[1]'
  for _, ceiling in ipairs(ceilings) do
    c.call('avcl_device_ceiling', host.ptr, device, n, ceiling[2], out)
    row[ceiling[1]] = out[0] * 1e-9
  end
  return row
end

function actions.peak(args)
  local host = args.threads and hosts.new { threads = args.threads } or hosts.get()
  local rows = {}
  for n = 1, host:threads() do rows[n] = measure_peak(host, args.device, n) end
  if args.json then
    local list = doc.list()
    for i, row in ipairs(rows) do
      local pairs_list = { { 'threads', row.threads } }
      for _, ceiling in ipairs(ceilings) do
        local value = row[ceiling[1]]
        pairs_list[#pairs_list + 1] = { ceiling[1], value > 0 and value or doc.null }
      end
      list[i] = doc.map(pairs_list)
    end
    return print_json('peak', nil, { { 'cpu', machine.describe().cpu }, { 'rows', list } })
  end
  print(machine.describe().cpu)
  local out = { { 'threads', 'f32 GFLOP/s', 'bf16 GFLOP/s', 'read GB/s', 'triad GB/s' } }
  for _, row in ipairs(rows) do
    local cells = { row.threads }
    for _, ceiling in ipairs(ceilings) do
      local value = row[ceiling[1]]
      cells[#cells + 1] = value > 0 and ('%.1f'):format(value) or '-'
    end
    out[#out + 1] = cells
  end
  print(term.columns(out, { true, true, true, true, true }))
end

function M.run(args)
  return actions[args.action](args)
end

return M
