-- safetensors.lua - named tensors in a file: read lazily, written whole.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local graph = require 'avcl.graph'
local tensor = require 'avcl.tensor'
local C = c.C

local M = {}
local File = {}
File.__index = File

---@class avcl.Tensor
---@field data ffi.cdata*
---@field dtype string
---@field shape integer[]
---@field count integer
local Tensor = {}
Tensor.__index = Tensor

function Tensor:list() return tensor.list(self.data, self.dtype, self.count) end
function Tensor:table() return tensor.nested(self:list(), self.shape) end

--- Opens a file for reading.
function M.open(path)
  local ptr = c.own(c.call('avcl_safetensors_open', path), 'avcl_safetensors_free')
  return setmetatable({ ptr = ptr }, File)
end

--- Names in the file's order.
function File:names()
  local list = {}
  for i = 0, C.avcl_safetensors_count(self.ptr) - 1 do
    list[i + 1] = c.string(C.avcl_safetensors_name(self.ptr, i))
  end
  return list
end

local pointers = {
  f32 = 'const float *', f64 = 'const double *', f16 = 'const uint16_t *', u8 = 'const uint8_t *',
  i32 = 'const int32_t *', i64 = 'const int64_t *',
}

--- Shape and dtype (nil: one that avcl does not compute with).
function File:describe(name)
  local t = c.new 'avcl_tensor'
  c.call('avcl_safetensors_get', self.ptr, name, t)
  return tensor.describe(t)
end

local function put_texts(st, texts)
  for _, key in ipairs(config.sorted_keys(texts or {})) do
    c.call('avcl_safetensors_put_text', st, key, texts[key])
  end
end

-- Numbers go from file to file as they are: no Lua table of them.
local function put_all(st, file, names)
  for _, name in ipairs(config.sorted_keys(names)) do
    local t = c.new 'avcl_tensor'
    c.call('avcl_safetensors_get', file.ptr, names[name], t)
    c.call('avcl_safetensors_put', st, name, t)
  end
end

--- Writes a file of some of these tensors under other names: { new = old }.
function File:copy(path, names, texts)
  local st = c.own(C.avcl_safetensors_new(), 'avcl_safetensors_free')
  put_all(st, self, names)
  put_texts(st, texts)
  c.call('avcl_safetensors_save', st, path)
end

---@return avcl.Tensor
function File:get(name)
  local t = c.new 'avcl_tensor'
  c.call('avcl_safetensors_get', self.ptr, name, t)
  local shape, dtype = tensor.describe(t)
  if not pointers[dtype] then
    c.raise('UNSUPPORTED', "'%s' is %s, which Lua does not read", name, tostring(dtype))
  end
  return setmetatable({
    data = c.cast(pointers[dtype], t.data), dtype = dtype, shape = shape,
    count = tensor.count(shape), file = self, -- the file owns the data
  }, Tensor)
end

--- A text of the file's metadata, or nil.
function File:text(key)
  return c.string(C.avcl_safetensors_get_text(self.ptr, key))
end

function File:close()
  c.close(self.ptr)
  self.ptr = nil
end

--- Writes { name = { data = numbers, shape = {…}, dtype = 'f32' } }; texts go to metadata.
---@param tensors table<string, { data: table, shape: integer[], dtype?: string }>
---@param texts table<string, string>?
function M.save(path, tensors, texts)
  local st = c.own(C.avcl_safetensors_new(), 'avcl_safetensors_free')
  local names = {}
  for name in pairs(tensors) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = tensors[name]
    local dtype, count = value.dtype or 'f32', tensor.count(value.shape)
    local buffer, nbytes = tensor.pack(value.data, dtype, count, "'" .. name .. "'")
    local t = c.new 'avcl_tensor'
    t.data, t.dtype, t.ndim, t.nbytes = buffer, graph.dtypes[dtype], #value.shape, nbytes
    for i, d in ipairs(value.shape) do t.shape[i - 1] = d end
    c.call('avcl_safetensors_put', st, name, t)
  end
  put_texts(st, texts)
  c.call('avcl_safetensors_save', st, path)
end

return M
