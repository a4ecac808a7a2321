-- cli/data/files.lua - `avcl data probe|frames|md5|mel`: one file, the way training sees it.
local doc = require 'avcl.doc'
local lfs = require 'lfs'
local media = require 'avcl.media'
local text = require 'avcl.cli.data.text'
local term = require 'avcl.cli.term'

local M = { actions = {} }

local function file(command)
  command:argument('file', 'Media file.'):argname 'FILE'
end

local function range(command)
  command:argument('start', 'First frame (0).'):convert(text.count):args '?':argname 'START'
  command:argument('count', 'How many frames.'):convert(text.count):args '?':argname 'N'
end

function M.setup(command)
  local probe = command:command('probe', 'What a file contains.')
  file(probe)
  probe:flag('--json', 'One JSON document.')
  local frames = command:command('frames', 'Frames as PNG files.')
  file(frames)
  range(frames)
  frames:option('--size', 'Scale to this.'):argname 'WxH':convert(text.size)
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
end

local actions = M.actions

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

return M
