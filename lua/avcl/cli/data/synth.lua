-- cli/data/synth.lua - `avcl data synth`: makes a synthetic set, or completes one begun.
local c = require 'avcl.ffi'
local media = require 'avcl.media'
local text = require 'avcl.cli.data.text'
local term = require 'avcl.cli.term'

local M = { actions = {} }

function M.setup(data)
  local command = data:command('synth', 'Make the synthetic data set.')
  command:argument('dir', 'Where; made if need be, completed if begun.'):argname 'DIR'
  local docs = {
    clips = 'Unlabelled clips, for pre-training; none when not given.',
    train = 'Labelled clips, a multiple of the classes (15 a class).',
    val = 'Validation clips (5 a class).', test = 'Test clips (50 a class).', seed = 'Seed (0).',
    fps = 'Frames a second (12).', seconds = 'Length (2).',
    difficulty = 'Scale of every nuisance, 0 to 1.5 (1).', workers = 'Threads (cores).',
    classes = '12, or 24 for the larger set (12).',
    shift = 'Test clips again, harder and at other rates (0).',
    silent = 'Test clips again without a sound track (0).',
    black = 'Test clips again without light (0).',
  }
  for _, name in ipairs(media.synth_options) do
    if docs[name] then
      command:option('--' .. name, docs[name]):convert(tonumber):argname 'N'
    end
  end
  command:flag('--masks', 'Also what moves and sounds, frame by frame, as PNG.')
  command:option('--size', 'Width and height in pixels (76x56).'):argname 'WxH':convert(text.size)
end

function M.actions.synth(args)
  if args.size then args.width, args.height = args.size[1], args.size[2] end
  args.difficulty = args.difficulty or 1
  args.masks = args.masks and 1 or 0
  c.hold_signals(true)
  local done = media.synth(args.dir, args, text.progress 'clips')
  c.hold_signals(false)
  text.progress_end()
  if not done then
    term.say 'stopped; the same command completes it'
    return require 'avcl.cli'.exit.again
  end
  print(args.dir .. '/manifest.csv')
end

return M
