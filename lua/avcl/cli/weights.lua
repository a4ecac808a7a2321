-- cli/weights.lua - `avcl weights import` and `export`: between ours and PyTorch's names.
local at_store = require 'avcl.cli.at_store'
local lfs = require 'lfs'
local weights = require 'avcl.weights'

local M = {
  summary = 'Weights from PyTorch networks of these kinds, and back to them (safetensors).',
  example = 'avcl weights import r3d.safetensors start.safetensors --scope video',
  examples = {
    { 'avcl weights import r3d.safetensors start.safetensors --scope video audio',
      'both towers begin with them: finetune.init=start.safetensors' },
    { 'avcl weights export 3f9c2a71 r3d.safetensors --scope video',
      'of a run; load_state_dict takes it' },
  },
}

function M.setup(command)
  command:command_target 'action'
  local import = command:command('import', 'A state_dict of R3D, R(2+1)D or C3D as a checkpoint.')
  import:argument('file', 'safetensors, names as VCOP, TCGL and IIC have them.'):argname 'FILE'
  import:argument('out', 'The checkpoint to write.'):argname 'OUT'
  import:option('--scope', 'Towers that get them: video audio.'):args '+':argname 'SCOPE'
  import:flag('--head', 'Its classifier too.')
  local export = command:command('export', 'A backbone under the names PyTorch networks have.')
  export:argument('run', 'A trained run, by its first digits, or a checkpoint.'):argname 'RUN'
  export:argument('out', 'The file to write.'):argname 'OUT'
  export:option('--scope', 'Which tower.'):default 'video':argname 'SCOPE'
  export:flag('--head', 'The classifier too.')
  at_store.option(export)
end

local function say(found, out)
  print(('%s, width %d, stem %d, %d channel%s: %d tensors%s -> %s'):format(found.network,
    found.params.width, found.params.stem, found.channels, found.channels == 1 and '' or 's',
    found.n, found.head and ' and the classifier' or '', out))
  return 0
end

-- A file as it is, else the selected weights of a run.
local function checkpoint_of(args)
  if lfs.attributes(args.run, 'mode') == 'file' then return args.run end
  local store, view = at_store.open(args)
  return store:weights(view:get(view:find(args.run), 'run'))
end

local actions = {}

function actions.import(args)
  return say(weights.import(args.file, args.out, {
    scopes = args.scope or { 'video' }, head = args.head,
  }), args.out)
end

function actions.export(args)
  return say(weights.export(checkpoint_of(args), args.out, {
    scope = args.scope, head = args.head,
  }), args.out)
end

function M.run(args)
  return actions[args.action](args)
end

return M
