-- cli/data/sheet.lua - `avcl data sheet`: clips of every class side by side, to look at.
local datasets = require 'avcl.dataset'
local project = require 'avcl.project'
local sheet = require 'avcl.sheet'
local term = require 'avcl.cli.term'
local text = require 'avcl.cli.data.text'

local M = { actions = {} }

function M.setup(data)
  local command = data:command('sheet', 'Clips of every class, their frames and sound, as a PNG.')
  command:argument('data', 'A name, a manifest or a folder.'):argname 'DATA'
  command:option('-o --out', 'PNG file.'):default 'sheet.png':argname 'FILE'
  command:option('--split', 'Of this split (all).'):argname 'NAME'
  command:option('--clips', 'Clips a class.'):default '1':convert(text.count):argname 'N'
  command:option('--columns', 'Frames a clip.'):default '6':convert(text.count):argname 'N'
  command:option('--classes', 'At most so many classes.'):default '40':convert(text.count)
    :argname 'N'
  command:option('--size', 'Of a frame.'):default '114x84':argname 'WxH':convert(text.size)
end

-- The first clips of each class; those without a label come last.
local function choose(d, args)
  local by_class, n_classes = {}, d:n_classes()
  for sample in d:samples() do
    if not args.split or sample.split == args.split then
      local key = sample.label >= 0 and sample.label or n_classes
      by_class[key] = by_class[key] or {}
      if #by_class[key] < args.clips then table.insert(by_class[key], sample) end
    end
  end
  local clips, shown = {}, 0
  for key = 0, n_classes do
    if by_class[key] and shown < args.classes then
      shown = shown + 1
      for _, sample in ipairs(by_class[key]) do clips[#clips + 1] = sample end
    end
  end
  return clips
end

function M.actions.sheet(args)
  local d = datasets.open(project.data_file(project.root './here', args.data))
  if args.split then d:count(args.split) end -- an unknown one is an error
  local clips, names = choose(d, args), d:classes()
  args.columns = math.max(args.columns, 1)
  local n_bad = #clips > 0 and sheet.write(args.out, clips, args) or 0
  for i, clip in ipairs(clips) do
    print(('row %d: %s, %s'):format(i, names[clip.label + 1] or '(no label)', clip.rel))
  end
  if n_bad > 0 then term.warn('%d clips cannot be shown; `avcl data check` says why', n_bad) end
  print(args.out)
end

return M
