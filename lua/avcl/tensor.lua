-- tensor.lua - numbers between Lua tables and contiguous row-major memory.
local c = require 'avcl.ffi'
local graph = require 'avcl.graph'

local M = {}

local ctypes = {
  f32 = 'float', f64 = 'double', f16 = 'uint16_t', u8 = 'uint8_t', i32 = 'int32_t', i64 = 'int64_t',
}

function M.count(shape)
  local n = 1
  for _, d in ipairs(shape) do n = n * d end
  return n
end

-- IEEE half to number and back (round to nearest even, overflow to infinity).
local function from_half(h)
  local sign = h >= 0x8000 and -1 or 1
  local e, m = math.floor(h / 1024) % 32, h % 1024
  if e == 31 then return m == 0 and sign / 0 or 0 / 0 end
  if e == 0 then return sign * m * 2 ^ -24 end
  return sign * (1024 + m) * 2 ^ (e - 25)
end

local function to_half(x)
  if x ~= x then return 0x7E00 end
  local sign = (x < 0 or 1 / x < 0) and 0x8000 or 0
  x = math.abs(x)
  if x == 0 then return sign end
  if x >= 65520 then return sign + 0x7C00 end
  local _, e = math.frexp(x)
  local unit = 2 ^ math.max(e - 11, -24)
  local m = x / unit
  local low = math.floor(m)
  local rest = m - low
  if rest > 0.5 or (rest == 0.5 and low % 2 == 1) then low = low + 1 end
  if unit == 2 ^ -24 then return sign + low end
  return sign + low + (math.max(e - 11, -24) + 24) * 1024
end

--- The shape of an info struct as a list, and its dtype's name.
function M.describe(info)
  local shape = {}
  for i = 0, info.ndim - 1 do shape[i + 1] = tonumber(info.shape[i]) end
  return shape, graph.dtype_names[tonumber(info.dtype)]
end

local function flatten(value, out)
  if type(value) == 'table' then
    for _, v in ipairs(value) do flatten(v, out) end
  elseif type(value) == 'number' then
    out[#out + 1] = value
  elseif type(value) == 'boolean' then
    out[#out + 1] = value and 1 or 0
  else
    c.raise('INVALID', 'a tensor holds numbers, got a %s', type(value))
  end
  return out
end

--- A buffer of n elements of dtype.
function M.buffer(dtype, n)
  local ctype = ctypes[dtype]
  if not ctype then c.raise('UNSUPPORTED', '%s tensors do not reach Lua', tostring(dtype)) end
  return c.new(ctype .. '[?]', math.max(n, 1)), n * c.sizeof(ctype)
end

local function write(buffer, dtype, i, x)
  buffer[i] = dtype == 'f16' and to_half(x) or x
end

local function read(buffer, dtype, i)
  local x = tonumber(buffer[i])
  return dtype == 'f16' and from_half(x) or x
end

--- Converts a number, a nested or flat table, or another tensor to memory of dtype.
function M.pack(value, dtype, n, what)
  local buffer, nbytes = M.buffer(dtype, n)
  if type(value) == 'table' and value.data and value.dtype then
    if value.count ~= n then
      c.raise('SHAPE', '%s: %d elements are needed, got %d', what, n, value.count)
    end
    for i = 0, n - 1 do write(buffer, dtype, i, read(value.data, value.dtype, i)) end
    return buffer, nbytes
  end
  local list = flatten(value, {})
  if #list ~= n then c.raise('SHAPE', '%s: %d elements are needed, got %d', what, n, #list) end
  for i = 1, n do write(buffer, dtype, i - 1, list[i]) end
  return buffer, nbytes
end

--- Flat Lua list of a buffer.
function M.list(buffer, dtype, n)
  local out = {}
  for i = 0, n - 1 do out[i + 1] = read(buffer, dtype, i) end
  return out
end

local function nest(list, shape, depth, at)
  local out = {}
  for i = 1, shape[depth] do
    if depth == #shape then
      out[i] = list[at]
      at = at + 1
    else
      out[i], at = nest(list, shape, depth + 1, at)
    end
  end
  return out, at
end

--- A flat list as tables within tables; a number when the shape is [].
function M.nested(list, shape)
  if #shape == 0 then return list[1] end
  return (nest(list, shape, 1, 1))
end

return M
