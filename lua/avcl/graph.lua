-- graph.lua - declares a computation graph; every core op is a method, as the registry has it.
--
--   local g = avcl.graph()
--   local x = g:input('x', { 2, 3 })
--   g:minimize(g:mean(g:square(g:sub(x, 1))))
local attr = require 'avcl.attr'
local c = require 'avcl.ffi'
local hosts = require 'avcl.host'
local suggest = require 'avcl.suggest'
local where = require 'avcl.where'
local C = c.C

local M = {}

M.dtypes = {
  f32 = C.AVCL_F32, f64 = C.AVCL_F64, f16 = C.AVCL_F16, bf16 = C.AVCL_BF16, u8 = C.AVCL_U8,
  i32 = C.AVCL_I32, i64 = C.AVCL_I64,
}
M.dtype_names = {}
for name, number in pairs(M.dtypes) do
  M.dtype_names[tonumber(number)] = name
  M.dtypes[name] = tonumber(number)
end

---@class avcl.Node a value of the graph; + - * / and unary minus declare ops
---@field shape integer[]
---@field dtype string
local Node = {}
local Graph = {}

local function info_of(node)
  local info = c.new 'avcl_tinfo'
  C.avcl_graph_info(node.graph.ptr, node.id, info)
  local shape = {}
  for i = 0, info.ndim - 1 do shape[i + 1] = tonumber(info.shape[i]) end
  return shape, M.dtype_names[tonumber(info.dtype)]
end

function Node.__index(node, key)
  if key == 'shape' then return (info_of(node)) end
  if key == 'dtype' then return (select(2, info_of(node))) end
end

function Node.__tostring(node)
  local shape, dtype = info_of(node)
  return ('node %d: %s [%s]'):format(node.id, dtype or '?', table.concat(shape, 'x'))
end

local function is_node(value)
  return getmetatable(value) == Node
end
M.is_node = is_node

local function graph_of(a, b)
  return is_node(a) and a.graph or b.graph
end
for name, op in pairs { __add = 'add', __sub = 'sub', __mul = 'mul', __div = 'div' } do
  Node[name] = function(a, b) return graph_of(a, b):op(op, { a, b }) end
end
function Node.__unm(a) return a.graph:op('neg', { a }) end

--- An empty graph on the process's host.
---@return avcl.Graph
function M.new(host)
  host = host or hosts.get()
  local ptr = c.own(c.call('avcl_graph_new', host.ptr), 'avcl_graph_free', host.ptr)
  return setmetatable({
    ptr = ptr, host = host, inputs = {}, frozen_scopes = {}, modules = {},
  }, Graph)
end

function Graph.__tostring(g)
  return ('graph of %d nodes'):format(C.avcl_graph_n_nodes(g.ptr))
end

-- Tells the core which line declares what follows.
local function at(g)
  C.avcl_graph_at(g.ptr, where.script() or '')
end

local function check(g)
  c.call('avcl_graph_status', g.ptr)
end

local function node(g, id)
  check(g)
  return setmetatable({ graph = g, id = id }, Node)
end

local function dims(shape, what)
  if type(shape) ~= 'table' then c.raise('INVALID', '%s: shape is a %s', what, type(shape)) end
  for i, d in ipairs(shape) do
    if type(d) ~= 'number' or d < 1 or d ~= math.floor(d) then
      c.raise('INVALID', '%s: dimension %d is %s', what, i, tostring(d))
    end
  end
  return c.new('int64_t[?]', math.max(#shape, 1), shape), #shape
end

local methods = {}
M.methods = methods

--- Id of a node or number (numbers become constants).
local function id_of(g, value, what)
  if is_node(value) then
    if value.graph ~= g then c.raise('INVALID', '%s: a node of another graph', what) end
    return value.id
  end
  if type(value) == 'number' then return C.avcl_graph_constant(g.ptr, value) end
  c.raise('INVALID', '%s: expected a node or a number, got %s', what,
    value == nil and 'nothing' or 'a ' .. type(value))
end
M.id_of, M.at, M.check, M.node = id_of, at, check, node

--- An input; without a shape, the one declared earlier under that name.
---@param shape integer[]?
---@param dtype string? 'f32' (the session's real type), 'u8', 'i32', …
---@return avcl.Node
function methods:input(name, shape, dtype)
  if not shape then
    local known = self.inputs[name]
    if known then return known end
    local names = { unpack(rawget(self, 'promised') or {}) } -- declared on first use
    for k in pairs(self.inputs) do names[#names + 1] = k end
    name = tostring(name)
    c.raise('NOT_FOUND', "no input '%s' in this graph%s", name, suggest.text(name, names))
  end
  local kind = M.dtypes[dtype or 'f32'] or c.raise('INVALID', "unknown dtype '%s'", tostring(dtype))
  local d, n = dims(shape, "input '" .. tostring(name) .. "'")
  at(self)
  self.inputs[name] = node(self, C.avcl_graph_input(self.ptr, name, kind, d, n))
  return self.inputs[name]
end

local function variable(g, make, name, shape, init)
  init = init or { 'fill', 0 }
  local d, n = dims(shape, "'" .. tostring(name) .. "'")
  at(g)
  return node(g, make(g.ptr, name, d, n, init[1], init[2] or 0))
end

--- A trained, saved tensor. init: { 'uniform', bound }, { 'normal', sd } or { 'fill', value }.
---@return avcl.Node
function methods:weight(name, shape, init)
  return variable(self, C.avcl_graph_weight, name, shape, init)
end

--- A saved tensor that is not trained.
---@return avcl.Node
function methods:state(name, shape, init)
  return variable(self, C.avcl_graph_state, name, shape, init)
end

--- A number that may be set before each step.
---@return avcl.Node
function methods:scalar(name, initial)
  at(self)
  return node(self, C.avcl_graph_scalar(self.ptr, name, initial or 0))
end

---@return avcl.Node
function methods:constant(value)
  at(self)
  return node(self, C.avcl_graph_constant(self.ptr, value))
end

--- The per-step random key that dropout takes.
---@return avcl.Node
function methods:rng()
  at(self)
  return node(self, C.avcl_graph_rng(self.ptr))
end

-- Spellings people use: one axis for axes, a list for the op's only list.
local function normalise(schema, attrs)
  if not attrs then return nil end
  local out = {}
  for k, v in pairs(attrs) do
    if k == 'axis' and not schema.attrs.axis and schema.attrs.axes then k = 'axes' end
    if type(k) ~= 'number' then out[k] = v end
  end
  if attrs[1] ~= nil then
    for _, row in ipairs(schema.attrs) do
      if row.type == 'ints' then
        out[row.name] = { unpack(attrs) }
        break
      end
    end
  end
  return out
end

-- Ops that draw, and how many inputs stand before the random key that they are given.
local random = { dropout = 1, random_index = 0 }

--- Any op: g:op('conv3d', { x, w }, { stride = { 1, 2, 2 }, pad = { 1, 3, 3 } }).
---@return avcl.Node first output; the others by g:result(node, i)
function methods:op(name, inputs, attrs)
  local schema = self.host:op(name)
  if not schema then
    name = tostring(name)
    c.raise('NOT_FOUND', "no op '%s'%s", name, suggest.text(name, self.host:ops()))
  end
  local what = "op '" .. name .. "'"
  at(self)
  local ids = c.new('avcl_node[?]', math.max(#inputs, 1))
  for i = 1, #inputs do
    ids[i - 1] = id_of(self, inputs[i], ('%s, input %d'):format(what, i))
  end
  attrs = normalise(schema, attrs)
  if random[name] and #inputs == random[name] then
    ids = c.new('avcl_node[2]', { ids[0], ids[0] })
    ids[#inputs] = C.avcl_graph_rng(self.ptr)
    attrs = attrs or {}
    attrs.salt = attrs.salt or tonumber(C.avcl_graph_next_salt(self.ptr))
    inputs = { unpack(inputs) }
    inputs[#inputs + 1] = true
  end
  local packed, n, keep = attr.pack(attrs, schema.attrs, what)
  local id = C.avcl_graph_op(self.ptr, name, ids, #inputs, packed, n)
  return node(self, id), keep and nil
end

--- Output `index` (0 = the node itself) of a node with several.
---@return avcl.Node
function methods:result(first, index)
  at(self)
  return node(self, C.avcl_graph_result(self.ptr, id_of(self, first, 'result'), index))
end

--- when: 'forward' (a value of this step) or 'update' (after the optimiser).
function methods:assign(state, value, when)
  at(self)
  local code = when == 'update' and C.AVCL_UPDATE or C.AVCL_FORWARD
  C.avcl_graph_assign(self.ptr, id_of(self, state, 'assign'), id_of(self, value, 'assign'), code)
  check(self)
  return self
end

function methods:assign_rows(state, index, rows)
  at(self)
  C.avcl_graph_assign_rows(self.ptr, id_of(self, state, 'assign_rows'),
    id_of(self, index, 'assign_rows'), id_of(self, rows, 'assign_rows'))
  check(self)
  return self
end

--- Runs fn; within a scope listed in g.frozen_scopes nothing that it declares is trained.
function M.frozen_within(g, scope, fn, ...)
  local on = g.frozen_scopes and g.frozen_scopes[scope]
  if not on then return { pcall(fn, ...) } end
  g.frozen_scopes[scope] = 'seen'
  C.avcl_graph_freeze(g.ptr, 1)
  local results = { pcall(fn, ...) }
  C.avcl_graph_freeze(g.ptr, 0)
  return results
end

--- Nothing declared from here on is trained, and all of it computes as in evaluation.
function M.freeze(g)
  C.avcl_graph_freeze(g.ptr, 1)
end

--- What declare() makes lies under `name`.
function methods:scope(name, declare)
  C.avcl_graph_push(self.ptr, name)
  local results = M.frozen_within(self, name, declare, self)
  C.avcl_graph_pop(self.ptr)
  if not results[1] then error(results[2], 0) end
  check(self)
  return unpack(results, 2)
end

--- Adds to what training minimises: (node), (weight, node) or a list of { weight, node }.
function methods:minimize(a, b)
  local terms = is_node(a) and { { 1, a } } or type(a) == 'number' and { { a, b } } or a
  if type(terms) ~= 'table' then
    c.raise('INVALID', 'minimize: expected a node or { weight, node } pairs')
  end
  for i, term in ipairs(terms) do
    local what = 'minimize, term ' .. i
    if type(term) ~= 'table' or type(term[1]) ~= 'number' then
      c.raise('INVALID', '%s: expected { weight, node }', what)
    end
    at(self)
    C.avcl_graph_minimize(self.ptr, term[1], id_of(self, term[2], what))
    check(self)
  end
  return self
end

--- Records a scalar per epoch: g:log('name', x). Of a node alone it is the op, the logarithm.
function methods:log(name, value)
  if is_node(name) and value == nil then return (self:op('log', { name })) end
  at(self)
  C.avcl_graph_log(self.ptr, name, id_of(self, value, 'log'))
  check(self)
  return self
end

--- Keeps a tensor readable after a step.
function methods:keep(name, value)
  at(self)
  C.avcl_graph_keep(self.ptr, name, id_of(self, value, 'keep'))
  check(self)
  return self
end

--- Canonical text of what the roots reach, a node a line; its SHA-256 is the hash.
function methods:text()
  return c.take_text(c.call('avcl_graph_text', self.ptr))
end

--- Canonical hash of what the roots reach.
function methods:hash()
  local hex = c.new 'char[65]'
  c.call('avcl_graph_hash', self.ptr, hex)
  return c.string(hex)
end

function methods:close()
  c.close(self.ptr)
  self.ptr = nil
end

-- g:relu(x), g:add(a, 1e-4), g:concat(a, b, { axis = 1 }), g:reshape(x, { 2, 3 }).
local function wrapper(name)
  return function(self, ...)
    local inputs, attrs = {}, nil
    for i = 1, select('#', ...) do
      local value = select(i, ...)
      if type(value) == 'table' and not is_node(value) then
        if is_node(value[1]) then
          for _, v in ipairs(value) do inputs[#inputs + 1] = v end
        else
          attrs = value
        end
      else
        inputs[#inputs + 1] = value == nil and false or value
      end
    end
    return (self:op(name, inputs, attrs))
  end
end

local wrappers = {}
function Graph.__index(g, key)
  local method = methods[key]
  if method then return method end
  if type(key) ~= 'string' or not rawget(g, 'host') then return nil end
  if g.host:op(key) then
    wrappers[key] = wrappers[key] or wrapper(key)
    return wrappers[key]
  end
  local names = g.host:ops()
  for name in pairs(methods) do names[#names + 1] = name end
  c.raise('NOT_FOUND', "a graph has no '%s'%s", key, suggest.text(key, names))
end

return M
