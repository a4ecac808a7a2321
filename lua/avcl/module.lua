-- module.lua - the graph's backbone, fusion, alignment, loss, instance and apply.
local attr = require 'avcl.attr'
local c = require 'avcl.ffi'
local graph = require 'avcl.graph'
local hosts = require 'avcl.host'
local suggest = require 'avcl.suggest'
local C = c.C

local methods = graph.methods
local Outputs = {}

-- Named outputs; asking for one that is absent lists those present.
local function outputs_of(g, module, ids)
  local out, names = {}, {}
  for i, port in ipairs(module.outputs) do
    if ids[i - 1] ~= 0 then
      out[port.name] = graph.node(g, ids[i - 1])
      names[#names + 1] = port.name
    end
  end
  return setmetatable(out, { __index = Outputs.missing(module.name, names), names = names })
end

function Outputs.missing(module, names)
  return function(_, key)
    if type(key) ~= 'string' then return nil end
    c.raise('NOT_FOUND', "'%s' has no output '%s' here; it has %s", module, key,
      table.concat(names, ', '))
  end
end

local function port_names(ports)
  local names = {}
  for i, port in ipairs(ports) do names[i] = port.name end
  return names
end

-- Inputs by port name or by position, to ids in port order.
local function bind(g, module, inputs)
  local ids = c.new('avcl_node[?]', math.max(#module.inputs, 1))
  local what = "'" .. module.name .. "'"
  if graph.is_node(inputs) then inputs = { inputs } end
  for key in pairs(inputs) do
    if not module.inputs[key] and key ~= 'name' then
      local text = type(key) == 'number' and 'number ' .. key or "'" .. tostring(key) .. "'"
      c.raise('INVALID', '%s has no input %s%s', what, text,
        suggest.text(tostring(key), port_names(module.inputs)))
    end
  end
  for i, port in ipairs(module.inputs) do
    local value = inputs[port.name]
    if value == nil then value = inputs[i] end
    if value ~= nil then
      ids[i - 1] = graph.id_of(g, value, ("%s, input '%s'"):format(what, port.name))
    elseif not port.optional then
      c.raise('INVALID', "%s: input '%s' is missing", what, port.name)
    end
  end
  return ids
end

---@class avcl.Instance a module's weights, made once, applied any number of times
---@param kind string 'backbone', 'fusion', 'alignment', 'loss'
---@param params table?
---@param scope string? weights live under it; the module's name when not given
function methods:instance(kind, name, params, scope)
  if type(name) ~= 'string' then c.raise('INVALID', '%s: name is a %s', kind, type(name)) end
  local module = self.host:find(kind, name)
  self.modules[#self.modules + 1] = module
  graph.at(self)
  local packed, n = attr.pack(params, module.params, kind .. " '" .. name .. "'")
  local id = C.avcl_graph_instance(self.ptr, hosts.kinds[kind] or kind, name, packed, n,
    scope or module.name)
  graph.check(self)
  return { id = id, module = module, scope = scope or module.name }
end

--- The inputs that a module takes, in order and by name: { name, layout, doc, optional }.
function methods:ports(kind, name)
  return self.host:find(kind, name).inputs
end

--- Applies an instance; returns its outputs by name.
---@return table<string, avcl.Node>
function methods:apply(instance, inputs)
  local module = instance.module
  graph.at(self)
  local ids = bind(self, module, inputs)
  local out = c.new('avcl_node[?]', math.max(#module.outputs, 1))
  graph.frozen_within(self, instance.scope, C.avcl_graph_apply, self.ptr, instance.id, ids,
    #module.inputs, out, #module.outputs)
  graph.check(self)
  return outputs_of(self, module, out)
end

--- The same module on weights that follow these: s = m s + (1 - m) w after each step.
function methods:ema_of(instance, momentum)
  graph.at(self)
  local id = C.avcl_graph_ema_of(self.ptr, instance.id, graph.id_of(self, momentum, 'ema_of'))
  graph.check(self)
  return { id = id, module = instance.module, scope = instance.scope }
end

--- A state that starts as a weight and follows it likewise.
---@return avcl.Node
function methods:follow(name, weight, momentum)
  graph.at(self)
  return graph.node(self, C.avcl_graph_follow(self.ptr, name,
    graph.id_of(self, weight, 'follow'), graph.id_of(self, momentum, 'follow')))
end

local function made(g, kind, name, inputs, params, scope)
  local given = not graph.is_node(inputs) and rawget(inputs, 'name') or nil
  return g:apply(g:instance(kind, name, params, given or scope), inputs)
end

--- g:backbone('r3d', { clip = x, name = 'video' }, { width = 16 }): taps by name.
---@return table<string, avcl.Node>
function methods:backbone(name, inputs, params)
  return made(self, 'backbone', name, inputs, params)
end

--- g:fusion('amfm', { video = v.pool, audio = a.pool }): video, audio.
---@return table<string, avcl.Node>
function methods:fusion(name, inputs, params)
  return made(self, 'fusion', name, inputs, params, 'fusion')
end

--- g:alignment('cgra', { v, a }, { lambda = 0.005 }): its loss.
---@return avcl.Node
function methods:alignment(name, inputs, params)
  return made(self, 'alignment', name, inputs, params).loss
end

--- g:loss('selfcl', { v, a }, { tau = 0.5 }): its value.
---@return avcl.Node
function methods:loss(name, inputs, params)
  local out = made(self, 'loss', name, inputs, params)
  return out[getmetatable(out).names[1]]
end

--- g:method('simclr', { video0 = a, video1 = b }, { tau = 0.1 }): its loss and embeddings.
---@return table<string, avcl.Node>
function methods:method(name, inputs, params)
  return made(self, 'method', name, inputs, params)
end

-- ---- looking ---------------------------------------------------------------------------

local function shape_of(info)
  local shape = {}
  for i = 0, info.ndim - 1 do shape[i + 1] = tonumber(info.shape[i]) end
  return shape
end

--- Weights and states: { name, shape, count, is_state }.
function methods:variables()
  local list, v = {}, c.new 'avcl_variable'
  for i = 0, C.avcl_graph_n_variables(self.ptr) - 1 do
    C.avcl_graph_get_variable(self.ptr, i, v)
    local shape, count = shape_of(v.info), 1
    for _, d in ipairs(shape) do count = count * d end
    list[i + 1] = {
      name = c.string(v.name), shape = shape, count = count, is_state = v.is_state ~= 0,
      dtype = graph.dtype_names[tonumber(v.info.dtype)],
    }
  end
  return list
end

local function only(list, is_state)
  local out = {}
  for _, v in ipairs(list) do
    if v.is_state == is_state then out[#out + 1] = v end
  end
  return out
end

function methods:weights() return only(self:variables(), false) end
function methods:states() return only(self:variables(), true) end

--- Nodes in declaration order, for `avcl graph`.
function methods:nodes()
  local list, n = {}, c.new 'avcl_node_info'
  for i = 0, C.avcl_graph_n_nodes(self.ptr) - 1 do
    C.avcl_graph_get_node(self.ptr, i, n)
    local inputs = {}
    for k = 0, math.min(n.n_in, 32) - 1 do inputs[k + 1] = tonumber(n.inputs[k]) end
    list[i + 1] = {
      op = c.string(n.op), path = c.string(n.path), where = c.string(n.where), inputs = inputs,
      shape = shape_of(n.info), dtype = graph.dtype_names[tonumber(n.info.dtype)],
      first = tonumber(n.first), n_out = tonumber(n.n_out),
      multiply_adds = tonumber(n.multiply_adds),
    }
  end
  return list
end

return methods
