-- host.lua - the process object: plugins, modules and ops, with their schemas as tables.
local c = require 'avcl.ffi'
local C = c.C

local M = {}
local Host = {}
Host.__index = Host

local kinds = {
  backbone = 'avcl.backbone/1', fusion = 'avcl.fusion/1', alignment = 'avcl.alignment/1',
  loss = 'avcl.loss/1', method = 'avcl.method/1', op = 'avcl.op/1', kernel = 'avcl.kernel/1',
  dataset = 'avcl.dataset/1', transform = 'avcl.transform/1', device = 'avcl.device/0',
}
M.kinds = kinds

--- 'avcl.backbone/1' -> 'backbone'.
function M.short_kind(kind)
  return kind:match '^avcl%.(%w+)/' or kind
end

local states = { [0] = 'ok', 'refused', 'unloadable', 'loaded', 'quarantined' }
local builders = {}
for _, name in ipairs { 'backbone', 'fusion', 'alignment', 'loss', 'method' } do
  builders[kinds[name]] = true
end
local host_flags = { insecure_plugins = 1, safe = 2 }
local types = { 'int', 'float', 'bool', 'str', 'enum', 'ints' }
local flags = { required = 1, min = 2, max = 4, log = 8, structural = 16, deprecated = 32 }

local function has_flag(set, name)
  return math.floor(set / flags[name]) % 2 == 1
end

---@class avcl.Host
---@param options? { threads?: integer, plugin_path?: string, safe?: boolean,
---  insecure_plugins?: boolean, plugins?: string[], lock?: string } plugins: files to load;
---  lock: lines "ID SHA256", nothing else is loaded
function M.new(options)
  options = options or {}
  local o = c.new 'avcl_host_options'
  o.plugin_path = options.plugin_path
  o.n_threads = options.threads or 0
  o.log_level = C.AVCL_LOG_WARN
  o.lock = options.lock
  for name, flag in pairs(host_flags) do
    if options[name] then o.flags = o.flags + flag end
  end
  if c.in_program then o.log = C.avcl_cli_log end
  local ptr = c.own(c.call('avcl_host_new', o), 'avcl_host_free')
  local host = setmetatable({ ptr = ptr, schemas = {}, options = options }, Host)
  for _, file in ipairs(options.plugins or {}) do host:load(file) end
  return host
end

local function ints(v)
  local list = {}
  for i = 0, v.n - 1 do list[i + 1] = tonumber(v.v[i]) end
  return list
end

local function choices(p)
  local list, i = {}, 0
  while p.choices ~= nil and p.choices[i] ~= nil do
    list[i + 1] = c.string(p.choices[i])
    i = i + 1
  end
  return list
end

local function default_of(p, kind, names)
  if kind == 'int' then return tonumber(p.def_int) end
  if kind == 'float' then return p.def_float end
  if kind == 'bool' then return p.def_int ~= 0 end
  if kind == 'str' then return c.string(p.def_str) end
  if kind == 'enum' then return names[tonumber(p.def_int) + 1] end
  return ints(p.def_ints)
end

---@class avcl.Param
---@field name string
---@field type string  int, float, bool, str, enum or ints
---@field doc string
---@field default any
---@field min number?
---@field max number?
---@field choices string[]?
local function param(p)
  local kind, set = types[tonumber(p.type)], tonumber(p.flags)
  local names = kind == 'enum' and choices(p) or nil
  return {
    name = c.string(p.name), doc = c.string(p.doc), unit = c.string(p.unit), type = kind,
    choices = names, min = has_flag(set, 'min') and p.min or nil,
    max = has_flag(set, 'max') and p.max or nil, required = has_flag(set, 'required'),
    structural = has_flag(set, 'structural'), default = default_of(p, kind, names),
  }
end

local function schema(rows, n)
  local list = {}
  for i = 0, n - 1 do
    local p = param(rows[i])
    list[#list + 1] = p
    list[p.name] = p
  end
  return list
end

M.schema = schema

local function port(p)
  return {
    name = c.string(p.name), layout = c.string(p.layout), doc = c.string(p.doc),
    optional = p.flags % 2 == 1, dtype = tonumber(p.dtype),
  }
end

local function ports(rows, n)
  local list = {}
  for i = 0, n - 1 do
    list[i + 1] = port(rows[i])
    list[list[i + 1].name] = list[i + 1]
  end
  return list
end

---@class avcl.Module
local function module_of(ptr)
  local m = {
    kind = c.string(ptr.kind), name = c.string(ptr.name), summary = c.string(ptr.summary),
    cite = c.string(ptr.cite), numerics = tonumber(ptr.numerics),
    params = schema(ptr.params, tonumber(ptr.n_params)),
  }
  if builders[m.kind] then
    local b = c.cast('const avcl_builder *', ptr.iface)
    m.inputs, m.outputs = ports(b.inputs, b.n_in), ports(b.outputs, b.n_out)
  end
  return m
end

--- Module by kind ('backbone', nil = any) and name, loading what it must; raises if unknown.
---@return avcl.Module
function Host:find(kind, name)
  return module_of(c.call('avcl_host_find', self.ptr, kind and (kinds[kind] or kind), name))
end

--- Every candidate file with its state and reason, in search order.
function Host:plugins()
  local list, info = {}, c.new 'avcl_plugin_info'
  for i = 0, C.avcl_host_n_plugins(self.ptr) - 1 do
    C.avcl_host_get_plugin(self.ptr, i, info)
    list[i + 1] = {
      state = states[tonumber(info.state)], n_modules = info.n_modules, path = c.string(info.path),
      id = c.string(info.id), version = c.string(info.version), reason = c.string(info.reason),
      sha256 = c.string(info.sha256), builtin = info.is_builtin ~= 0,
      shadowed = info.is_shadowed ~= 0, modules = {},
    }
  end
  return list
end

--- What every candidate offers, by plugin; nothing is loaded for it.
function Host:inventory()
  C.avcl_host_inspect(self.ptr)
  local list, offer, i = self:plugins(), c.new 'avcl_offer', 0
  while C.avcl_host_get_offer(self.ptr, i, offer) == C.AVCL_OK do
    local modules = list[offer.plugin + 1].modules
    modules[#modules + 1] = {
      kind = c.string(offer.kind), name = c.string(offer.name), summary = c.string(offer.summary),
      full_name = c.string(offer.full_name), numerics = tonumber(offer.numerics),
    }
    i = i + 1
  end
  return list
end

function Host:load(path)
  c.call('avcl_host_load', self.ptr, path)
end

function Host:threads()
  return tonumber(C.avcl_host_n_threads(self.ptr))
end

---@class avcl.Op
--- Description of an op; nil when there is none of that name.
function Host:op(name)
  local known = self.schemas[name]
  if known == nil then
    local p = C.avcl_host_find_op(self.ptr, name)
    known = p ~= nil and {
      name = name, doc = c.string(p.doc), min_in = p.min_in, max_in = p.max_in, n_out = p.n_out,
      backward = math.floor(p.flags / 8) % 2 == 1, attrs = schema(p.attrs, p.n_attrs),
    }
    self.schemas[name] = known or false
  end
  return known or nil
end

function Host:ops()
  local names = {}
  for i = 0, C.avcl_host_n_ops(self.ptr) - 1 do
    names[i + 1] = c.string(C.avcl_host_get_op(self.ptr, i).name)
  end
  table.sort(names)
  return names
end

--- Loaded kernels of a plugin's op, whoever brings them: { { kind, name }, … }.
---@param full_name string "id/name"
function Host:kernels_of(full_name)
  local list, index = {}, c.new 'uint32_t[1]'
  local id, name = full_name:match '^(.*)/([^/]+)$'
  local plugins = self:plugins()
  for i = 0, C.avcl_host_n_modules(self.ptr) - 1 do
    local m = C.avcl_host_get_module(self.ptr, i, index)
    if c.string(m.kind) == kinds.kernel then
      local of = c.string(c.cast('const avcl_custom_kernel *', m.iface).op)
      if of == full_name or of == name and plugins[index[0] + 1].id == id then
        list[#list + 1] = { kind = kinds.kernel, name = c.string(m.name) }
      end
    end
  end
  return list
end

--- The plugins that these modules come from, each once, by id, as plugins() lists them.
---@param modules avcl.Module[]
function Host:owners(modules)
  local wanted, index, seen, list = {}, c.new 'uint32_t[1]', {}, {}
  for _, m in ipairs(modules) do wanted[m.kind .. ' ' .. m.name] = true end
  local plugins = self:plugins()
  for i = 0, C.avcl_host_n_modules(self.ptr) - 1 do
    local m = C.avcl_host_get_module(self.ptr, i, index)
    local owner = plugins[index[0] + 1]
    if wanted[c.string(m.kind) .. ' ' .. c.string(m.name)] and owner and not seen[owner.id] then
      seen[owner.id] = true
      list[#list + 1] = owner
    end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

local shared, shared_options

--- Settles how the process's host will be made, before its first use.
function M.configure(options)
  shared_options = options
end

--- Graphs made from now on compute with so many threads; nil = all cores this process may use.
function M.use_threads(n)
  if shared and shared:threads() == n then return shared end
  local options = { threads = n }
  for key, value in pairs(shared_options or {}) do options[key] = options[key] or value end
  shared = M.new(options)
  return shared
end

--- What the process's host tells plugins of itself.
function M.api()
  return C.avcl_host_get_api(M.get().ptr)
end

--- The process's host, made on first use.
---@return avcl.Host
function M.get()
  shared = shared or M.new(shared_options)
  return shared
end

return M
