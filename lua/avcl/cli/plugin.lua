-- cli/plugin.lua - `avcl plugin list` and `avcl plugin info`.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local graph = require 'avcl.graph'
local hosts = require 'avcl.host'
local term = require 'avcl.cli.term'
require 'avcl.module'

local M = {
  summary = 'What can be plugged in: list the modules, or show one with its parameters.',
  example = 'avcl plugin info r3d --input 3,16,112,112',
}

function M.setup(command)
  command:command_target 'action'
  local list = command:command('list', 'Every plugin file found, its state and its modules.')
  list:flag('--json', 'One JSON document.')
  local info = command:command('info', 'Parameters and ports; for a backbone its size and taps.')
  info:argument('name', 'Module: r3d, or its full name.'):argname 'NAME'
  info:option('--input', 'Shape C,T,H,W of one clip, batch 1.'):argname 'SHAPE'
  info:option('--kind', 'Kind, when a name is used twice.'):argname 'KIND'
  info:option('--param', 'A parameter, as width=16.'):argname 'KEY=VALUE':count '*'
  info:flag('--json', 'One JSON document.')
end

local function short_kind(kind)
  return kind:match '^avcl%.(%w+)/' or kind
end

local function list_json(list)
  local plugins = doc.list()
  for i, p in ipairs(list) do
    local modules = doc.list()
    for k, m in ipairs(p.modules) do
      modules[k] = doc.map {
        { 'kind', m.kind }, { 'name', m.name }, { 'summary', m.summary },
        { 'numerics', m.numerics },
      }
    end
    plugins[i] = doc.map {
      { 'path', p.path }, { 'state', p.state }, { 'id', p.id }, { 'version', p.version },
      { 'sha256', p.sha256 }, { 'reason', p.reason }, { 'modules', modules },
    }
  end
  print(doc.json(doc.map { { 'schema', 'avcl.plugins/1' }, { 'plugins', plugins } }))
end

local function list_text(list)
  local rows = {}
  for _, p in ipairs(list) do
    if p.reason then
      rows[#rows + 1] = { p.state, p.id or '-', p.path, p.reason }
    end
    for _, m in ipairs(p.modules) do
      rows[#rows + 1] = { short_kind(m.kind), m.name, p.version or '', m.summary or '' }
    end
  end
  if #rows == 0 then
    term.say 'no plugins found; set AVCL_PLUGIN_PATH'
    return
  end
  print(term.columns(rows))
end

local function params_of(list)
  local params = {}
  for _, text in ipairs(list) do
    local key, value = text:match '^([%w_]+)=(.*)$'
    if not key then c.raise_at(nil, 'INVALID', "--param '%s' is not KEY=VALUE", text) end
    if value == 'true' or value == 'false' then
      params[key] = value == 'true'
    else
      params[key] = tonumber(value) or value
    end
  end
  return params
end

local function input_shape(text)
  local shape = { 1 }
  for part in text:gmatch '[^,x]+' do
    local size = tonumber(part)
    if not size then c.raise_at(nil, 'INVALID', "--input '%s' is not numbers", text) end
    shape[#shape + 1] = size
  end
  if #shape ~= 5 then c.raise_at(nil, 'INVALID', "--input '%s' is not C,T,H,W", text) end
  return shape
end

-- Builds a backbone on one clip and measures it.
local function measure(m, shape, params)
  local g = graph.new(hosts.get())
  local out = g:backbone(m.name, { g:input('clip', shape), name = 'm' }, params)
  local result = { parameters = 0, state = 0, multiply_adds = 0, taps = doc.list() }
  for _, v in ipairs(g:variables()) do
    local key = v.is_state and 'state' or 'parameters'
    result[key] = result[key] + v.count
  end
  for _, n in ipairs(g:nodes()) do result.multiply_adds = result.multiply_adds + n.multiply_adds end
  for i, name in ipairs(getmetatable(out).names) do
    local tap = { unpack(out[name].shape, 2) }
    result.taps[i] = { name = name, shape = tap }
  end
  return result
end

local function range(row)
  if row.choices then return table.concat(row.choices, '|') end
  if row.min and row.max then return ('%g..%g'):format(row.min, row.max) end
  if row.min then return ('>= %g'):format(row.min) end
  if row.max then return ('<= %g'):format(row.max) end
  return ''
end

local function shown(value)
  if type(value) == 'table' then return '{ ' .. table.concat(value, ', ') .. ' }' end
  return value == nil and '' or tostring(value)
end

local function info_text(m, size, shape)
  print(('%s %s: %s'):format(short_kind(m.kind), m.name, m.summary or ''))
  if m.cite then print('cite: ' .. m.cite) end
  local rows = { { 'parameter', 'type', 'default', 'range', 'what' } }
  for _, row in ipairs(m.params) do
    rows[#rows + 1] = { row.name, row.type, shown(row.default), range(row), row.doc or '' }
  end
  if #rows > 1 then print('\n' .. term.columns(rows)) end
  for _, side in ipairs { 'inputs', 'outputs' } do
    local ports = {}
    for i, port in ipairs(m[side] or {}) do
      ports[i] = { '  ' .. port.name, '[' .. port.layout .. ']', port.optional and 'optional' or '',
        port.doc or '' }
    end
    if #ports > 0 then print('\n' .. side .. ':\n' .. term.columns(ports)) end
  end
  if not size then return end
  print(('\nfor one input of %s:'):format(table.concat(shape, 'x', 2)))
  print(('  parameters  %s'):format(term.count(size.parameters)))
  print(('  state       %s'):format(term.count(size.state)))
  print(('  FLOPs       %.4g G  (%s multiply-adds)'):format(size.multiply_adds * 2e-9,
    term.count(size.multiply_adds)))
  for _, tap in ipairs(size.taps) do
    print(('  %-10s  %s'):format(tap.name, table.concat(tap.shape, 'x')))
  end
end

local function info_json(m, size)
  local params = doc.list()
  for i, row in ipairs(m.params) do
    params[i] = doc.map {
      { 'name', row.name }, { 'type', row.type }, { 'doc', row.doc }, { 'unit', row.unit },
      { 'default', type(row.default) == 'table' and doc.list(row.default) or row.default },
      { 'min', row.min }, { 'max', row.max }, { 'choices', row.choices },
      { 'structural', row.structural },
    }
  end
  print(doc.json(doc.map {
    { 'schema', 'avcl.module/1' }, { 'kind', m.kind }, { 'name', m.name },
    { 'summary', m.summary }, { 'numerics', m.numerics }, { 'params', params }, { 'size', size },
  }))
end

local function info(args)
  local m = hosts.get():find(args.kind, args.name)
  local size, shape
  if short_kind(m.kind) == 'backbone' then
    shape = input_shape(args.input or '3,16,112,112')
    size = measure(m, shape, params_of(args.param))
  end
  if args.json then info_json(m, size) else info_text(m, size, shape) end
end

function M.run(args)
  if args.action == 'info' then return info(args) end
  local list = hosts.get():inventory()
  if args.json then list_json(list) else list_text(list) end
end

return M
