-- cli/plugin/info.lua - `avcl plugin info`: parameters and ports; of a backbone its size and taps.
local c = require 'avcl.ffi'
local check = require 'avcl.check'
local doc = require 'avcl.doc'
local graph = require 'avcl.graph'
local hosts = require 'avcl.host'
local term = require 'avcl.cli.term'
require 'avcl.module'

local M = { summary = 'Parameters and ports; for a backbone its size and taps.' }

function M.setup(command)
  command:argument('name', 'Module: r3d, or its full name.'):argname 'NAME'
  command:option('--input', 'Shape C,T,H,W of one clip, batch 1.'):argname 'SHAPE'
  command:option('--kind', 'Kind, when a name is used twice.'):argname 'KIND'
  command:option('--param', 'A parameter, as width=16.'):argname 'KEY=VALUE':count '*'
  command:flag('--json', 'One JSON document.')
end

local short_kind = hosts.short_kind

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

local function info_text(m, owner, size, shape)
  print(('%s %s: %s'):format(short_kind(m.kind), m.name, m.summary or ''))
  if m.cite then print('cite: ' .. m.cite) end
  print(('from: %s %s, %s'):format(owner.id, owner.version, owner.path))
  print(('file: sha256 %s, %s'):format(owner.sha256, owner.check))
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

local function info_json(m, owner, size)
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
    { 'summary', m.summary }, { 'numerics', m.numerics },
    { 'plugin', doc.map {
      { 'id', owner.id }, { 'version', owner.version }, { 'path', owner.path },
      { 'sha256', owner.sha256 }, { 'check', owner.check },
    } },
    { 'params', params }, { 'size', size },
  }))
end

function M.run(args)
  local m = hosts.get():find(args.kind, args.name)
  local size, shape
  if short_kind(m.kind) == 'backbone' then
    shape = input_shape(args.input or '3,16,112,112')
    size = measure(m, shape, params_of(args.param))
  end
  local owner = hosts.get():owners({ m })[1]
  owner.check = check.status(owner.path, owner.sha256)
  if args.json then info_json(m, owner, size) else info_text(m, owner, size, shape) end
end

return M
