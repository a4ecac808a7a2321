-- cli/data/prepare.lua - `avcl data prepare`: a data set decoded once into one file.
local c = require 'avcl.ffi'
local inputs = require 'avcl.inputs'
local overrides = require 'avcl.overrides'
local prepare = require 'avcl.prepare'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'
local text = require 'avcl.cli.data.text'

local M = { actions = {} }

function M.setup(data)
  local command = data:command('prepare', 'Decode a data set once, into one file to train from.')
  command:argument('manifest', 'Manifest, or folder of class folders.'):argname 'MANIFEST'
  command:argument('out', 'The file to make, or to go on with.'):args '?':argname 'OUT.avclcache'
  command:option('--for', "Size, rate and spectrogram as this experiment's runs want them.")
    :argname 'SCRIPT':target 'script'
  command:option('--set', 'Keys of the experiment: rgb.resize=[64,48].'):args '+'
    :argname 'KEY=VALUE':target 'overrides'
  command:option('--codec', 'mjpeg (small) or yuv (fast).'):choices { 'mjpeg', 'yuv' }
    :default 'mjpeg'
  command:option('--quality', 'Of mjpeg, 1 best to 31 (3).'):convert(text.count):argname 'N'
  command:option('--audio', 'mel pictures, the wave, or both.'):choices { 'mel', 'wave', 'both' }
    :default 'mel'
  command:option('--size', 'Width and height of the pictures (171x128).'):convert(text.size)
    :argname 'WxH'
  command:option('--fps', 'Frames counted a second (every frame).'):convert(tonumber):argname 'N'
  command:option('-j --workers', 'Threads (cores).'):convert(text.count):argname 'N'
  command:option('--max-bad', 'Fraction of files that may be unreadable (0.01).')
    :convert(tonumber):argname 'X':target 'max_bad'
  command:flag('--strict', 'No file may be unreadable.')
  command:flag('--check', 'Decode and judge every file; write nothing.')
end

-- What a run of the experiment would ask the loader for.
local function take_experiment(args)
  if not args.script then return end
  local experiment = study.load(args.script)
  local layer = overrides.layer(experiment.schema, args.overrides or {})
  local values = experiment.schema:resolve(experiment.rows[1].values, layer)
  args.size = args.size or values['rgb.resize']
  args.fps = args.fps or values['rgb.fps']
  args.mel = inputs.mel_options(values)
  if values['mel.mode'] ~= 'whole' and args.audio == 'mel' then args.audio = 'both' end
end

local function progress_line()
  local started, kept
  return function(n)
    if not started then started, kept = c.clock(), n.n_done end
    local todo, did, took = n.n_total - n.n_done, n.n_done - kept, c.clock() - started
    if term.is_tty() then
      io.stderr:write(('\r%d / %d files, %.1f /s, %s left, %d failed \27[K'):format(n.n_done,
        n.n_total, did / math.max(took, 1e-3),
        term.duration(did > 0 and todo * took / did or 0 / 0), n.n_failed))
    end
    return c.stop_requested() ~= 0
  end
end

local function loss(n)
  if n.squared_error <= 0 then return '' end
  return (', %.1f dB from the decoded pictures'):format(10 * math.log10(255 ^ 2 / n.squared_error))
end

-- Reasons without the file's name, most frequent first.
local function by_reason(list)
  local groups, order = {}, {}
  for _, item in ipairs(list) do
    local key = item.state .. ': ' .. item.reason:gsub("'[^']*'", '…'):gsub('%d+', 'N')
    if not groups[key] then order[#order + 1] = key end
    groups[key] = (groups[key] or 0) + 1
  end
  table.sort(order, function(a, b)
    if groups[a] ~= groups[b] then return groups[a] > groups[b] end
    return a < b
  end)
  local rows = {}
  for i, key in ipairs(order) do rows[i] = { groups[key], key } end
  return rows
end

local function report(args, n, list)
  term.say('%d files: %d well, %d repaired, %d failed; %d without sound, %d silent', n.n_total,
    n.n_total - n.n_repaired - n.n_failed, n.n_repaired, n.n_failed, n.n_no_audio, n.n_silent)
  if #list > 0 then print(term.columns(by_reason(list), { true })) end
  if args.check then
    for _, item in ipairs(list) do print(item.state .. '  ' .. item.path .. '  ' .. item.reason) end
    return
  end
  if n.n_kept > 0 then term.say('%d taken over from before', n.n_kept) end
  if #list > 0 then term.say('listed in %s.bad.csv', args.out) end
  term.say('%.1f MB, %d frames, %s%s', n.bytes / 1e6, n.frames, args.codec, loss(n))
  print(args.out)
end

function M.actions.prepare(args)
  local exit = require 'avcl.cli'.exit
  if not args.out and not args.check then
    c.raise_at('command line', 'INVALID', 'OUT.avclcache is missing; only --check writes nothing')
  end
  take_experiment(args)
  c.hold_signals(true)
  local ok, n, list = pcall(prepare.run, args.manifest, args.out, args, progress_line())
  c.hold_signals(false)
  text.progress_end()
  if not ok then error(n, 0) end
  if not n then
    term.say 'stopped; the same command completes it'
    return exit.again
  end
  report(args, n, list)
  local allowed = args.strict and 0 or args.max_bad or 0.01
  return n.n_failed > allowed * n.n_total and exit.failed or exit.ok
end

return M
