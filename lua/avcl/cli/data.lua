-- cli/data.lua - `avcl data`: look into files the way training sees them; make the synthetic set.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local lfs = require 'lfs'
local media = require 'avcl.media'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Look into media files as training sees them; make the synthetic data set.',
  example = 'avcl data synth data/synth --clips 2000',
}

local function file(command)
  command:argument('file', 'Media file.'):argname 'FILE'
end

local function count(text)
  local n = tonumber(text)
  if not n or n < 0 or n ~= math.floor(n) then
    return nil, "'" .. text .. "' is not a frame number"
  end
  return n
end

local function range(command)
  command:argument('start', 'First frame (0).'):convert(count):args '?':argname 'START'
  command:argument('count', 'How many frames.'):convert(count):args '?':argname 'N'
end

local function size_of(text)
  local w, h = text:match '^(%d+)x(%d+)$'
  if not w then return nil, "'" .. text .. "' is not WIDTHxHEIGHT" end
  return { tonumber(w), tonumber(h) }
end

local function setup_synth(command)
  command:argument('dir', 'Where; made if need be, completed if begun.'):argname 'DIR'
  local docs = {
    clips = 'Unlabelled clips, for pre-training; none when not given.',
    train = 'Labelled clips, a multiple of 12 (180).', val = 'Validation clips (60).',
    test = 'Test clips (600).', seed = 'Seed (0).',
    fps = 'Frames a second (12).', seconds = 'Length (2).',
    difficulty = 'Scale of every nuisance, 0 to 1.5 (1).', workers = 'Threads (cores).',
  }
  for _, name in ipairs(media.synth_options) do
    if docs[name] then
      command:option('--' .. name, docs[name]):convert(tonumber):argname 'N'
    end
  end
  command:option('--size', 'Width and height in pixels (76x56).'):argname 'WxH':convert(size_of)
end

function M.setup(command)
  command:command_target 'action'
  local probe = command:command('probe', 'What a file contains.')
  file(probe)
  probe:flag('--json', 'One JSON document.')
  local frames = command:command('frames', 'Frames as PNG files.')
  file(frames)
  range(frames)
  frames:option('--size', 'Scale to this.'):argname 'WxH':convert(size_of)
  frames:option('-o --out', 'Folder.'):default '.':argname 'DIR'
  local md5 = command:command('md5', "MD5 of decoded frames, as ffmpeg's framemd5.")
  file(md5)
  range(md5)
  local mel = command:command('mel', 'Log-mel picture as PNG.')
  file(mel)
  mel:option('-o --out', 'PNG file.'):default 'mel.png':argname 'FILE'
  for _, name in ipairs { 'rate', 'window', 'hop', 'n_fft', 'bands', 'columns' } do
    mel:option('--' .. name:gsub('_', '-')):convert(tonumber):argname 'N':target(name)
  end
  mel:option('--scale'):choices { 'slaney', 'htk' }
  setup_synth(command:command('synth', 'Make the synthetic data set.'))
end

local actions = {}

function actions.probe(args)
  local info = media.probe(args.file)
  if args.json then
    local list = { { 'schema', 'avcl.probe/1' }, { 'file', args.file } }
    for _, key in ipairs(media.info_fields) do list[#list + 1] = { key, info[key] } end
    print(doc.json(doc.map(list)))
    return
  end
  local rows = {}
  for i, key in ipairs(media.info_fields) do rows[i] = { key, tostring(info[key]) } end
  print(term.columns(rows))
end

function actions.frames(args)
  lfs.mkdir(args.out)
  media.frames(args.file, args.start or 0, args.count or 16, args.size, function(i, rgb, w, h)
    local path = ('%s/frame-%06d.png'):format(args.out, i)
    media.write_png(path, rgb, w, h, 3)
    print(path)
  end)
end

function actions.md5(args)
  local start = args.start or 0
  for i, hex in ipairs(media.md5(args.file, start, args.count)) do
    print(start + i - 1, hex)
  end
end

function actions.mel(args)
  local picture, bands, columns = media.mel(args.file, args)
  media.write_mel_png(args.out, picture, bands, columns)
  term.say('%d bands x %d columns', bands, columns)
  print(args.out)
end

function actions.synth(args)
  local last = -1
  if args.size then args.width, args.height = args.size[1], args.size[2] end
  args.difficulty = args.difficulty or 1
  c.hold_signals(true)
  local done = media.synth(args.dir, args, function(n, total)
    if n ~= last and term.is_tty() then io.stderr:write(('\r%d / %d clips '):format(n, total)) end
    last = n
    return c.stop_requested() ~= 0
  end)
  c.hold_signals(false)
  if term.is_tty() then io.stderr:write '\n' end
  if not done then
    term.say 'stopped; the same command completes it'
    return require 'avcl.cli'.exit.again
  end
  print(args.dir .. '/manifest.csv')
end

function M.run(args)
  return actions[args.action](args)
end

return M
