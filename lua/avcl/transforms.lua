-- transforms.lua - augmentations as keys of a study: 'transforms.flip.p', 'pretrain.transforms.…'.
--
-- The keys, their ranges and defaults are those of the core's table; p = 0, the default, is off.
-- A stage's own key goes before the study's.
local c = require 'avcl.ffi'
local spec = require 'avcl.spec'
local C = c.C

local M = {}

local types = { [tonumber(C.AVCL_INT)] = 'integer', [tonumber(C.AVCL_FLOAT)] = 'number' }

local function field_of(row)
  local flags = row.flags
  local function bound(flag, value)
    return math.floor(flags / tonumber(flag)) % 2 == 1 and value or nil
  end
  local kind = types[row.type]
  return {
    type = kind, default = tonumber(kind == 'integer' and row.def_int or row.def_float),
    min = bound(C.AVCL_P_MIN, row.min), max = bound(C.AVCL_P_MAX, row.max),
    doc = c.string(row.doc),
  }
end

local function read_table()
  local list = {}
  for i = 0, C.avcl_n_transforms() - 1 do
    local info = c.new 'avcl_transform_info'
    C.avcl_get_transform(i, info)
    local t = { name = c.string(info.name), summary = c.string(info.summary), params = {} }
    for k = 0, info.n_params - 1 do
      t.params[k + 1] = { name = c.string(info.params[k].name), field = field_of(info.params[k]) }
    end
    list[i + 1] = t
  end
  return list
end

local known
--- The core's transforms in the order in which they are applied.
---@return { name: string, summary: string, params: { name: string, field: avcl.Field }[] }[]
function M.list()
  known = known or read_table()
  return known
end

--- Raises "unknown key 'filp' in transforms; did you mean 'flip'?" unless there is one.
function M.check_name(name, what, place)
  local names = {}
  for i, t in ipairs(M.list()) do
    if t.name == name then return end
    names[i] = t.name
  end
  spec.unknown(name, names, what, place)
end

--- Adds the keys to a schema: with defaults for the study, without for a stage.
function M.add_to(schema, stage)
  local prefix = stage and stage .. '.transforms.' or 'transforms.'
  for _, t in ipairs(M.list()) do
    for _, p in ipairs(t.params) do
      local field = {}
      for key, value in pairs(p.field) do field[key] = value end
      if stage then field.default = nil end
      schema:add(prefix .. t.name, { [p.name] = field })
    end
  end
end

--- What a stage applies: { { name = 'flip', params = { { name = 'p', value = 0.5 } } }, … }.
function M.of(values, stage)
  local out = {}
  for _, t in ipairs(M.list()) do
    local params = {}
    for i, p in ipairs(t.params) do
      local path = ('transforms.%s.%s'):format(t.name, p.name)
      local own = values[stage .. '.' .. path]
      params[i] = { name = p.name, value = own ~= nil and own or values[path], field = p.field }
    end
    if (params[1].value or 0) > 0 then out[#out + 1] = { name = t.name, params = params } end
  end
  return out
end

--- Flat keys for a run's identity; those of transforms that are off are not among them.
function M.semantic(values, stage)
  local out = {}
  for _, t in ipairs(M.of(values, stage)) do
    for _, p in ipairs(t.params) do out[('transforms.%s.%s'):format(t.name, p.name)] = p.value end
  end
  return out
end

--- The chain for an avcl_view, or nil when there is nothing to apply; keep it while it is used.
function M.chain(values, stage)
  local list = M.of(values, stage)
  if #list == 0 then return nil end
  local chain = c.own(C.avcl_transforms_new(), 'avcl_transforms_free')
  for _, t in ipairs(list) do
    local attrs = c.new('avcl_attr[?]', #t.params)
    for i, p in ipairs(t.params) do
      local attr = attrs[i - 1]
      attr.name = p.name
      if p.field.type == 'integer' then
        attr.value.type, attr.value.i = C.AVCL_INT, p.value
      else
        attr.value.type, attr.value.f = C.AVCL_FLOAT, p.value
      end
    end
    c.call('avcl_transforms_add', chain, t.name, attrs, #t.params)
  end
  return chain
end

return M
