-- doc.lua - Lua values to document trees and back: YAML records and canonical JSON.
--
--   doc.yaml(doc.map { { 'schema', 'avcl.run/1' }, { 'seed', 1 }, { 'parent', doc.null } })
local c = require 'avcl.ffi'
local C = c.C

local M = {}

--- Stands for null; Lua's nil is an absent key.
M.null = setmetatable({}, { __tostring = function() return 'null' end })

local Map, Float, List = {}, {}, {}

--- A map whose keys keep this order: { { key, value }, … }. Pairs with a nil value are left out.
function M.map(pairs_list)
  return setmetatable({ pairs = pairs_list }, Map)
end

--- A number that stays a float though it is whole: top1 = 75.0.
function M.float(x)
  if x == nil then return M.null end
  return setmetatable({ value = x }, Float)
end

--- A list even when empty.
function M.list(t)
  return setmetatable(t or {}, List)
end

local function is_list(t)
  return getmetatable(t) == List or #t > 0 or next(t) == nil and getmetatable(t) == List
end

local function sorted_pairs(t)
  local out = {}
  for k, v in pairs(t) do
    if type(k) ~= 'string' then
      c.raise('INVALID', 'a record has text keys, got %s', tostring(k))
    end
    out[#out + 1] = { k, v }
  end
  table.sort(out, function(a, b) return a[1] < b[1] end)
  return out
end

local add

local function kind_of(value)
  local t = type(value)
  if value == M.null then return C.AVCL_DOC_NULL end
  if t == 'boolean' then return C.AVCL_DOC_BOOL end
  if t == 'string' then return C.AVCL_DOC_STR end
  if t == 'number' then
    local whole = value == math.floor(value) and math.abs(value) < 2 ^ 53
    return whole and C.AVCL_DOC_INT or C.AVCL_DOC_FLOAT
  end
  if t ~= 'table' then c.raise('INVALID', 'a record cannot hold a %s', t) end
  local mt = getmetatable(value)
  if mt == Float then return C.AVCL_DOC_FLOAT end
  if mt ~= Map and is_list(value) then return C.AVCL_DOC_LIST end
  return C.AVCL_DOC_MAP
end

local function fill(d, node, kind, value)
  if kind == C.AVCL_DOC_BOOL then
    C.avcl_doc_set_bool(d, node, value and 1 or 0)
  elseif kind == C.AVCL_DOC_STR then
    C.avcl_doc_set_str(d, node, value)
  elseif kind == C.AVCL_DOC_INT then
    C.avcl_doc_set_int(d, node, value)
  elseif kind == C.AVCL_DOC_FLOAT then
    C.avcl_doc_set_float(d, node, type(value) == 'table' and value.value or value)
  elseif kind == C.AVCL_DOC_LIST then
    for _, v in ipairs(value) do add(d, node, nil, v) end
  elseif kind == C.AVCL_DOC_MAP then
    local list = getmetatable(value) == Map and value.pairs or sorted_pairs(value)
    for _, pair in ipairs(list) do
      if pair[2] ~= nil then add(d, node, pair[1], pair[2]) end
    end
  end
end

function add(d, parent, key, value)
  local kind = kind_of(value)
  local node = C.avcl_doc_add(d, parent, key, kind)
  if node < 0 then c.raise('INVALID', "cannot add '%s' to a record", tostring(key)) end
  fill(d, node, kind, value)
end

--- The C tree of a value. Borrowed by whoever publishes it.
function M.new(value)
  local d = c.own(C.avcl_doc_new(), 'avcl_doc_free')
  add(d, -1, nil, value)
  return d
end

local function to_lua(d, node)
  local kind = C.avcl_doc_get_kind(d, node)
  if kind == C.AVCL_DOC_NULL then return M.null end
  if kind == C.AVCL_DOC_BOOL then return C.avcl_doc_get_bool(d, node) ~= 0 end
  if kind == C.AVCL_DOC_INT then return tonumber(C.avcl_doc_get_int(d, node)) end
  if kind == C.AVCL_DOC_FLOAT then return C.avcl_doc_get_float(d, node) end
  if kind == C.AVCL_DOC_STR then return c.string(C.avcl_doc_get_str(d, node)) end
  local out = kind == C.AVCL_DOC_LIST and M.list() or {}
  for i = 0, C.avcl_doc_n_children(d, node) - 1 do
    local child = C.avcl_doc_child(d, node, i)
    local key = kind == C.AVCL_DOC_LIST and i + 1 or c.string(C.avcl_doc_key(d, child))
    out[key] = to_lua(d, child)
  end
  return out
end

--- Plain tables of a C tree; null becomes doc.null.
function M.value(d)
  return to_lua(d, C.avcl_doc_root(d))
end

--- JSON text; canonical = keys sorted, for hashes.
function M.json(value, canonical)
  return c.take_text(c.call('avcl_doc_json', M.new(value), canonical and 1 or 0))
end

function M.yaml(value)
  return c.take_text(c.call('avcl_doc_text', M.new(value)))
end

--- Reads one YAML document.
function M.parse(text)
  return M.value(c.own(c.call('avcl_doc_parse', text, #text), 'avcl_doc_free'))
end

--- Sound document `index` (0 the first, -1 the last) of a record file; nil when there is none.
---@return table?, boolean torn
function M.read(path, index)
  local torn = c.new 'int32_t[1]'
  local d, problem = c.try('avcl_store_read', path, index, torn)
  if d then return M.value(c.own(d, 'avcl_doc_free')), torn[0] ~= 0 end
  if c.is_error(problem, 'NOT_FOUND') then return nil, torn[0] ~= 0 end
  error(problem, 0)
end

return M
