-- weights.lua - weights under the names that the published PyTorch networks give them.
--
-- Those of the clip-order prediction code (VCOP), which TCGL and IIC share: R3DNet, R2Plus1DNet
-- and C3D. Every name of ours has one of theirs and the other way round; the list comes from the
-- backbone's own graph, so that a file fits or is refused by name and shape.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local graph = require 'avcl.graph'
local safetensors = require 'avcl.safetensors'
local suggest = require 'avcl.suggest'
require 'avcl.module'

local M = {}

-- ---- names ----------------------------------------------------------------------------------

local function residual(name)
  return (name:gsub('downsample/', 'downsample'))
end

-- What each network calls our layers, and which of its tensors tells it and its sizes.
local networks = {
  r3d = {
    mark = 'conv1.temporal_spatial_conv.weight',
    rename = function(name)
      return (residual(name):gsub('conv(%d?)/weight$', 'conv%1/temporal_spatial_conv/weight'))
    end,
  },
  r2plus1d = {
    mark = 'conv1.spatial_conv.weight', width = 'conv1.temporal_conv.weight',
    rename = function(name)
      return (residual(name):gsub('/spatial/', '/spatial_conv/')
        :gsub('/temporal/', '/temporal_conv/'))
    end,
  },
  c3d = { mark = 'conv5b.weight', first = 'conv1.weight', rename = function(name) return name end },
}

-- Classifiers: one layer is `linear`; two are fc7 and fc8, as in VCOPN.
local heads = { fc = 'linear', fc1 = 'fc7', fc2 = 'fc8' }
local our_heads = {}
for ours, theirs in pairs(heads) do our_heads[theirs] = ours end

local function theirs_of(network, name)
  return (networks[network].rename(name):gsub('/', '.'))
end

-- What saving a wrapped network puts in front, and what counts batches and means nothing here.
local prefixes = { 'module.', 'base_network.', 'model.', 'encoder.' }

local function bare(name)
  local again = true
  while again do
    again = false
    for _, prefix in ipairs(prefixes) do
      if name:sub(1, #prefix) == prefix then name, again = name:sub(#prefix + 1), true end
    end
  end
  return name
end

-- ---- a network by its tensors -----------------------------------------------------------------

-- shapes: of their names. Which network, and the parameters that make it these sizes.
local function recognise(shapes, path)
  for _, name in ipairs(config.sorted_keys(networks)) do
    local n = networks[name]
    local first, last = shapes[n.first or n.mark], shapes[n.width or n.first or n.mark]
    if shapes[n.mark] and first and last and #first == 5 and #last == 5 then
      return name, { width = last[1], stem = first[5] }, first[2]
    end
  end
  c.raise_at(nil, 'INVALID', "'%s' holds none of the networks that avcl knows by name: %s", path,
    table.concat(config.sorted_keys(networks), ', '))
end

-- Our variables of that network: { name, shape, is_state } each.
local function variables_of(network, params, channels)
  local g = graph.new(require 'avcl.host'.get())
  local clip = g:input('clip', { 1, channels, 1, 32, 32 })
  g:backbone(network, { clip = clip, name = 'net' }, params)
  local list = g:variables()
  for _, v in ipairs(list) do v.name = v.name:match '^net/(.+)$' end
  g:close()
  return list
end

local function shape_text(shape) return '[' .. table.concat(shape, ',') .. ']' end

-- {theirs = variable} of a network; they are as many.
local function names_of(network, list)
  local out = {}
  for _, v in ipairs(list) do out[theirs_of(network, v.name)] = v end
  return out
end

--- Names of a network's weights and statistics, theirs by ours.
---@param params table of the backbone
---@return table<string, string>
function M.names(network, params)
  local out = {}
  for _, v in ipairs(variables_of(network, params or {}, 3)) do
    out[v.name] = theirs_of(network, v.name)
  end
  return out
end

-- ---- import ---------------------------------------------------------------------------------

-- Writes the format by hand, so that it needs PyTorch alone.
local CONVERT = [[python3 -c "import json,sys,torch; ]]
  .. [[d=torch.load(sys.argv[1],map_location='cpu'); d=d.get('model',d.get('state_dict',d)); ]]
  .. [[t={k:v.float().contiguous() for k,v in d.items() if v.dim()}; o=0; ]]
  .. [=[h=json.dumps({k:{'dtype':'F32','shape':[*v.shape],'data_offsets':[o,o:=o+4*v.numel()]} ]=]
  .. [[for k,v in t.items()}).encode(); f=open(sys.argv[2],'wb'); ]]
  .. [[f.write(len(h).to_bytes(8,'little')+h); ]]
  .. [=[[f.write(v.numpy().tobytes()) for v in t.values()]" %s %s]=]

-- A pickle runs what it likes when it is read: avcl reads none.
local function refuse_pickle(path)
  local f = io.open(path, 'rb')
  local head = f and f:read(9) or ''
  if f then f:close() end
  local is_safe = head:sub(9) == '{' -- behind the header's length, which may begin like either
  if is_safe or not (head:sub(1, 2) == 'PK' or head:byte() == 0x80) then return end
  local out = path:gsub('%.[^./]*$', '') .. '.safetensors'
  c.raise_at(nil, 'UNSUPPORTED', "'%s' is a PyTorch pickle, which can run any program when it is "
    .. 'read; where you trust it, convert it once: ' .. CONVERT, path, path, out)
end

local function is_counter(name) return name:match '%.num_batches_tracked$' end

-- Their tensors by bare name: { file's name, shape, dtype }; classifiers apart.
local function read_theirs(file, path)
  local body, head = {}, {}
  for _, name in ipairs(file:names()) do
    local plain = bare(name)
    local into = our_heads[plain:match '^[^.]+'] and head or body
    if not is_counter(plain) then
      if into[plain] then
        c.raise_at(nil, 'INVALID', "'%s' has '%s' twice: as '%s' and as '%s'", path, plain,
          into[plain].name, name)
      end
      local shape, dtype = file:describe(name)
      into[plain] = { name = name, shape = shape, dtype = dtype }
    end
  end
  return body, head
end

local function check_tensor(found, theirs, variable, path)
  if found.dtype ~= 'f32' and found.dtype ~= 'f64' then
    c.raise_at(nil, 'DTYPE', "'%s': '%s' is %s; save it as float32", path, theirs,
      tostring(found.dtype))
  end
  if shape_text(found.shape) ~= shape_text(variable.shape) then
    c.raise_at(nil, 'SHAPE', "'%s': '%s' is %s, %s has %s", path, theirs, shape_text(found.shape),
      "the network", shape_text(variable.shape))
  end
end

local function check_names(body, wanted, path)
  for _, theirs in ipairs(config.sorted_keys(wanted)) do
    if not body[theirs] then
      c.raise_at(nil, 'NOT_FOUND', "'%s' lacks '%s'", path, theirs)
    end
    check_tensor(body[theirs], theirs, wanted[theirs], path)
  end
  for _, theirs in ipairs(config.sorted_keys(body)) do
    if not wanted[theirs] then
      c.raise_at(nil, 'INVALID', "'%s' has '%s', which the network has not%s", path, theirs,
        suggest.text(theirs, config.sorted_keys(wanted)))
    end
  end
end

local function kind_of(variable) return variable.is_state and 'state/' or 'weight/' end

--- Their file as a checkpoint of ours: the backbone under each of `scopes`, and on request the
--- classifier under 'head'. Returns { network, params, channels, n }.
---@param options { scopes: string[], head: boolean? }
function M.import(path, out, options)
  refuse_pickle(path)
  local file = safetensors.open(path)
  local body, head = read_theirs(file, path)
  local shapes = {}
  for name, found in pairs(body) do shapes[name] = found.shape end
  local network, params, channels = recognise(shapes, path)
  local wanted = names_of(network, variables_of(network, params, channels))
  check_names(body, wanted, path)
  local list = {}
  for theirs, variable in pairs(wanted) do
    for _, scope in ipairs(options.scopes) do
      list[kind_of(variable) .. scope .. '/' .. variable.name] = body[theirs].name
    end
  end
  if options.head then
    if not next(head) then
      c.raise_at(nil, 'NOT_FOUND', "'%s' has no classifier (linear, or fc7 and fc8)", path)
    end
    for plain, found in pairs(head) do
      local layer, what = plain:match '^([^.]+)%.(.+)$'
      list['weight/head/' .. our_heads[layer] .. '/' .. what] = found.name
    end
  end
  file:copy(out, list, { network = network })
  file:close()
  return { network = network, params = params, channels = channels,
    n = #config.sorted_keys(wanted), head = options.head and true or false }
end

-- ---- export ---------------------------------------------------------------------------------

-- Names of a scope in a checkpoint of ours: relative name -> the file's name, and its shape.
local function read_scope(file, scope)
  local list, shapes = {}, {}
  for _, name in ipairs(file:names()) do
    local plain = name:match '^weight/(.+)$' or name:match '^state/(.+)$'
    if plain and plain:sub(1, #scope + 1) == scope .. '/' then
      local rest = plain:sub(#scope + 2)
      list[rest], shapes[rest] = name, (file:describe(name))
    end
  end
  return list, shapes
end

local function scopes_of(file)
  local seen = {}
  for _, name in ipairs(file:names()) do
    local top = name:match '^weight/([^/]+)/'
    if top then seen[top] = true end
  end
  return config.sorted_keys(seen)
end

-- Which network it is: the one that all of its names belong to.
local function recognise_ours(shapes, path, scope)
  local ours = config.sorted_keys(shapes)
  for _, name in ipairs(config.sorted_keys(networks)) do
    local renamed = {}
    for _, plain in ipairs(ours) do renamed[theirs_of(name, plain)] = shapes[plain] end
    local ok, network, params, channels = pcall(recognise, renamed, path)
    if ok and network == name then
      local wanted = names_of(name, variables_of(name, params, channels))
      local n = 0
      for theirs in pairs(wanted) do n = n + (renamed[theirs] and 1 or -1) end
      if n == #ours then return name, params, channels end
    end
  end
  c.raise_at(nil, 'INVALID', "'%s' in '%s' is none of the networks that have published names: %s",
    scope, path, table.concat(config.sorted_keys(networks), ', '))
end

--- Scopes of a checkpoint's weights.
---@return string[]
function M.scopes(path)
  local file = safetensors.open(path)
  local list = scopes_of(file)
  file:close()
  return list
end

--- A checkpoint's backbone under their names, as a state_dict has them; on request with the
--- classifier. Returns { network, params, channels, n }.
---@param options { scope: string, head: boolean? }
function M.export(path, out, options)
  local file = safetensors.open(path)
  local found, shapes = read_scope(file, options.scope)
  if not next(found) then
    local names = scopes_of(file)
    c.raise_at(nil, 'NOT_FOUND', "'%s' has no weights under '%s'%s", path, options.scope,
      suggest.text(options.scope, names))
  end
  local network, params, channels = recognise_ours(shapes, path, options.scope)
  local list, n = {}, 0
  for plain, name in pairs(found) do
    list[theirs_of(network, plain)], n = name, n + 1
  end
  if options.head then
    local of_head = read_scope(file, 'head')
    if not next(of_head) then
      c.raise_at(nil, 'NOT_FOUND', "'%s' has no classifier (scope 'head')", path)
    end
    for plain, name in pairs(of_head) do
      local layer, what = plain:match '^([^/]+)/(.+)$'
      list[heads[layer] .. '.' .. what] = name
    end
  end
  file:copy(out, list, { format = 'pt', network = network })
  file:close()
  return { network = network, params = params, channels = channels, n = n,
    head = options.head and true or false }
end

return M
