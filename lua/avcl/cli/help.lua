-- cli/help.lua - `avcl help [VERB]` and `avcl help ops`.
local c = require 'avcl.ffi'
local hosts = require 'avcl.host'

local M = {
  summary = 'Help on a verb; `help ops` lists the ops.',
  example = 'avcl help run',
  examples = { { 'avcl help run', 'a verb, examples first' }, { 'avcl help ops', 'all ops' },
    { 'avcl help --man | man -l -', 'the manual page' } },
}

function M.setup(command)
  command:argument('topic', 'A verb, `ops`, or the name of an op.'):args '?':argname 'TOPIC'
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

function M.run(args, parser)
  local cli = require 'avcl.cli'
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
  for _, command in ipairs(parser._commands) do
    if command._name == args.topic then
      print(command:get_help())
      return
    end
  end
  local op = host:op(args.topic)
  if op then return print_op(op) end
  local names = { 'ops', unpack(cli.verbs) }
  c.raise_at(nil, 'NOT_FOUND', "no help on '%s'%s", args.topic,
    require 'avcl.suggest'.text(args.topic, names))
end

return M
