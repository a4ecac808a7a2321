-- cli/help.lua - `avcl help [VERB]`, `avcl help ops` and `avcl help transforms`.
local c = require 'avcl.ffi'
local hosts = require 'avcl.host'
local transforms = require 'avcl.transforms'

local M = {
  summary = 'Help on a verb; `help ops` lists the ops, `help transforms` augmentations.',
  example = 'avcl help run',
  examples = { { 'avcl help run', 'a verb, examples first' }, { 'avcl help ops', 'all ops' },
    { 'avcl help --man | man -l -', 'the manual page' } },
}

function M.setup(command)
  command:argument('topic', 'A verb, `ops`, `transforms`, or the name of one of those.'):args '?'
    :argname 'TOPIC'
  command:flag('--man', 'The manual page avcl(1), as troff.')
end

local function signature(row)
  local text = row.name
  if row.type == 'ints' then
    text = text .. ' = { … }'
  elseif row.default ~= nil then
    text = text .. ' = ' .. tostring(row.default)
  end
  return text
end

local function print_op(op)
  local attrs = {}
  for _, row in ipairs(op.attrs) do attrs[#attrs + 1] = signature(row) end
  local inputs = op.min_in == op.max_in and tostring(op.min_in) or op.min_in .. '-' .. op.max_in
  print(('%-22s inputs %s  %s\n    %s'):format(op.name, inputs, table.concat(attrs, ', '), op.doc))
end

local function print_ops(host)
  for _, name in ipairs(host:ops()) do
    local op = host:op(name)
    if not op.backward then print_op(op) end
  end
end

local function range(f)
  if f.choices then return table.concat(f.choices, '|') end
  if f.min and f.max then return ('%g … %g'):format(f.min, f.max) end
  return f.min and ('>= %g'):format(f.min) or f.max and ('<= %g'):format(f.max) or f.type
end

local function print_transform(t)
  print(('%-22s %s'):format(t.name, t.summary))
  for _, p in ipairs(t.params) do
    local f = p.field
    print(('    %s = %s  %s  %s'):format(p.name, tostring(f.default), range(f), f.doc))
  end
end

local function print_transforms(name)
  local found = false
  for _, t in ipairs(transforms.list()) do
    if not name or t.name == name then
      print_transform(t)
      found = true
    end
  end
  return found
end

function M.run(args)
  local cli = require 'avcl.cli'
  local parser = cli.parser()
  if args.man then
    local version = c.string(c.C.avcl_host_get_api(hosts.get().ptr).version)
    io.write(require 'avcl.cli.manual'.page(parser, version))
    return
  end
  if not args.topic then
    print(parser:get_help())
    return
  end
  local host = hosts.get()
  if args.topic == 'ops' then return print_ops(host) end
  if args.topic == 'transforms' then
    print_transforms()
    return
  end
  for _, command in ipairs(parser._commands) do
    if command._name == args.topic then
      print(command:get_help())
      return
    end
  end
  local op = host:op(args.topic)
  if op then return print_op(op) end
  if transforms.find(args.topic) and print_transforms(args.topic) then return end
  local names = { 'ops', 'transforms', unpack(cli.verbs) }
  c.raise_at(nil, 'NOT_FOUND', "no help on '%s'%s", args.topic,
    require 'avcl.suggest'.text(args.topic, names))
end

return M
