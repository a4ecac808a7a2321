-- transforms.lua - augmentations as keys of a study: 'transforms.flip.p', 'pretrain.transforms.…'.
--
-- The keys, their ranges and defaults are those of the core's table, and of plugins' transforms
-- once something names them; p = 0, the default, is off. A stage's own key goes before the study's.
local attr = require 'avcl.attr'
local c = require 'avcl.ffi'
local hosts = require 'avcl.host'
local spec = require 'avcl.spec'
local C = c.C

local M = {}

---@class avcl.Transform
---@field name string
---@field summary string
---@field module avcl.Module?  of a plugin; nil = avcl's own
---@field full_name string?
---@field params { name: string, type: string, field: avcl.Field }[]  the first is p

local types = {
  int = 'integer', float = 'number', bool = 'boolean', str = 'string', enum = 'string',
  ints = 'list',
}

-- A parameter's row as a key of a study.
local function key_of(row)
  return {
    name = row.name, type = row.type,
    field = {
      type = types[row.type], default = row.default, min = row.min, max = row.max,
      choices = row.choices, doc = row.doc,
    },
  }
end

local function keys_of(rows)
  local list = {}
  for i, row in ipairs(rows) do list[i] = key_of(row) end
  return list
end

local function read_table()
  local list = {}
  for i = 0, C.avcl_n_transforms() - 1 do
    local info = c.new 'avcl_transform_info'
    C.avcl_get_transform(i, info)
    list[i + 1] = {
      name = c.string(info.name), summary = c.string(info.summary),
      params = keys_of(hosts.schema(info.params, info.n_params)),
    }
  end
  return list
end

local own, guests = nil, {}

local function own_list()
  own = own or read_table()
  return own
end

--- The core's transforms in the order in which they are applied, then plugins' that were named.
---@return avcl.Transform[]
function M.list()
  local list = { unpack(own_list()) }
  for _, t in ipairs(guests) do list[#list + 1] = t end
  return list
end

-- ---- plugins' ------------------------------------------------------------------------------

-- Looks the name up among plugins; nil when there is none.
local function adopt(name)
  local host = hosts.get()
  local ok, module = pcall(host.find, host, 'transform', name)
  if not ok then
    if not c.is_error(module, 'NOT_FOUND') then error(module, 0) end
    return nil
  end
  local t = {
    name = name, summary = module.summary, module = module,
    full_name = host:owners({ module })[1].id .. '/' .. module.name,
    params = keys_of(module.params),
  }
  table.insert(t.params, 1, own_list()[1].params[1]) -- p is the host's, of every transform
  guests[#guests + 1] = t
  table.sort(guests, function(a, b) return a.full_name < b.full_name end)
  return t
end

--- The transform of that name, whoever brings it; nil when there is none.
---@return avcl.Transform?
function M.find(name)
  for _, t in ipairs(M.list()) do
    if t.name == name then return t end
  end
  return adopt(name)
end

local function known_names()
  local names = {}
  for i, t in ipairs(M.list()) do names[i] = t.name end
  for _, p in ipairs(hosts.get():inventory()) do
    for _, m in ipairs(p.modules) do
      if hosts.short_kind(m.kind) == 'transform' then names[#names + 1] = m.name end
    end
  end
  return names
end

--- Raises "unknown key 'filp' in transforms; did you mean 'flip'?" unless there is one.
function M.check_name(name, what, place)
  if not M.find(name) then spec.unknown(name, known_names(), what, place) end
end

-- ---- as keys -------------------------------------------------------------------------------

local function add_one(schema, stage, t)
  local prefix = stage and stage .. '.transforms.' or 'transforms.'
  for _, p in ipairs(t.params) do
    local field = {}
    for key, value in pairs(p.field) do field[key] = value end
    if stage then field.default = nil end
    schema:add(prefix .. t.name, { [p.name] = field })
  end
end

--- Adds the keys to a schema: with defaults for the study, without for a stage.
function M.add_to(schema, stage)
  for _, t in ipairs(M.list()) do add_one(schema, stage, t) end
end

--- The field of a key that the schema does not have yet: a plugin's transform, named for the
--- first time. nil when there is none.
function M.field(schema, path)
  local before, name, param = path:match '^(.-)transforms%.(.+)%.([%w_]+)$'
  if not before or (before ~= '' and before:sub(-1) ~= '.') then return nil end
  local stage = before ~= '' and before:sub(1, -2) or nil
  local known = before .. 'transforms.' .. own_list()[1].name .. '.p'
  local t = rawget(schema.fields, known) and M.find(name)
  if not t then return nil end
  if not rawget(schema.fields, ('transforms.%s.p'):format(name)) then add_one(schema, nil, t) end
  if stage then add_one(schema, stage, t) end
  return rawget(schema.fields, ('%stransforms.%s.%s'):format(before, name, param))
end

local function value_of(values, stage, path, field)
  local value = values[stage .. '.' .. path]
  if value == nil then value = values[path] end
  if value == nil then value = field.default end
  return value
end

--- What a stage applies: { { name = 'flip', params = { { name = 'p', value = 0.5 } } }, … }.
function M.of(values, stage)
  local out = {}
  for _, t in ipairs(M.list()) do
    local params = {}
    for i, p in ipairs(t.params) do
      local path = ('transforms.%s.%s'):format(t.name, p.name)
      params[i] = { name = p.name, type = p.type, value = value_of(values, stage, path, p.field) }
      params[p.name] = params[i]
    end
    if (params[1].value or 0) > 0 then
      out[#out + 1] = { name = t.name, params = params, module = t.module, full_name = t.full_name }
    end
  end
  return out
end

--- Flat keys for a run's identity; those of transforms that are off are not among them.
function M.semantic(values, stage)
  local out = {}
  for _, t in ipairs(M.of(values, stage)) do
    local prefix = ('transforms.%s.'):format(t.name)
    for _, p in ipairs(t.params) do out[prefix .. p.name] = p.value end
    if t.module then
      out[prefix .. 'module'] = ('%s, numerics %d'):format(t.full_name, t.module.numerics)
    end
  end
  return out
end

-- ---- the chain -----------------------------------------------------------------------------

local function add(chain, t)
  local values = {}
  for _, p in ipairs(t.params) do values[p.name] = p.value end
  local attrs, n, keep = attr.pack(values, t.params, ("transform '%s'"):format(t.name))
  if t.module then
    c.call('avcl_transforms_add_plugin', chain, hosts.get().ptr, t.full_name, attrs, n)
  else
    c.call('avcl_transforms_add', chain, t.name, attrs, n)
  end
  return keep
end

--- The chain for an avcl_view, or nil when there is nothing to apply; keep it while it is used,
--- and the process's host.
function M.chain(values, stage)
  local list = M.of(values, stage)
  if #list == 0 then return nil end
  local chain = c.own(C.avcl_transforms_new(), 'avcl_transforms_free')
  for _, t in ipairs(list) do add(chain, t) end
  return chain
end

return M
