-- session.lua - a compiled graph: put numbers in, run a program, take numbers out.
--
--   local s = avcl.session(g, { device = 'reference', precision = 'f64', seed = 1 })
--   s:set('x', { { 1, 2 }, { 3, 4 } }):run 'train'
--   print(s:get 'loss', s:grad 'video/conv1/weight')
local c = require 'avcl.ffi'
local graph = require 'avcl.graph'
local safetensors = require 'avcl.safetensors'
local suggest = require 'avcl.suggest'
local tensor = require 'avcl.tensor'
local C = c.C

local M = {}

---@class avcl.Session
local Session = {}
Session.__index = Session

local option_names = {
  'device', 'precision', 'seed', 'gradients', 'input_grads', 'conv', 'kernel_plan',
}
local known_options = {}
for _, name in ipairs(option_names) do known_options[name] = true end

--- The C options of a Lua table; the second value must outlive them.
function M.options(options)
  options = options or {}
  for key in pairs(options) do
    if not known_options[key] then
      c.raise('INVALID', "unknown session option '%s'%s", tostring(key),
        suggest.text(tostring(key), option_names))
    end
  end
  local o = c.new 'avcl_session_options'
  o.device = options.device
  local dtype = options.precision or 'f32'
  if dtype ~= 'f32' and dtype ~= 'f64' and dtype ~= 'bf16' then
    c.raise('INVALID', "precision '%s' is none of 'f32', 'bf16', 'f64'", tostring(dtype))
  end
  o.precision = graph.dtypes[dtype]
  o.seed = options.seed or 0
  o.conv, o.kernel_plan = options.conv, options.kernel_plan
  o.flags = (options.gradients == false and C.AVCL_SESSION_NO_GRADIENT or 0)
    + (options.input_grads and C.AVCL_SESSION_INPUT_GRADS or 0)
  return o, options
end

--- Compiles. Options: device 'cpu'|'reference', precision 'f32'|'bf16'|'f64', seed,
--- gradients (true), input_grads (false), conv 'auto'|'direct'|'winograd', kernel_plan (the text
--- of a plan file).
---@param g avcl.Graph
---@return avcl.Session
function M.new(g, options)
  local o, keep = M.options(options)
  local ptr = c.own(c.call('avcl_session_new', g.ptr, o), 'avcl_session_free', g.ptr)
  return setmetatable({ ptr = ptr, graph = g, options = keep }, Session)
end

function Session:close()
  c.close(self.ptr)
  self.ptr = nil
end

--- Shape and dtype of a named value.
---@return integer[], string
function Session:describe(name)
  local info = c.new 'avcl_tinfo'
  c.call('avcl_session_describe', self.ptr, name, info)
  return tensor.describe(info)
end

--- Writes an input, scalar, weight or state from a number, a nested or flat table, or a tensor.
function Session:set(name, value)
  local shape, dtype = self:describe(name)
  local buffer, nbytes = tensor.pack(value, dtype, tensor.count(shape), "'" .. name .. "'")
  c.call('avcl_session_write', self.ptr, name, buffer, nbytes)
  return self
end

--- All numbers of a value as a flat list, and its shape.
---@return number[], integer[]
function Session:array(name)
  local shape, dtype = self:describe(name)
  local n = tensor.count(shape)
  local buffer, nbytes = tensor.buffer(dtype, n)
  c.call('avcl_session_read', self.ptr, name, buffer, nbytes)
  return tensor.list(buffer, dtype, n), shape
end

--- A number, or tables nested by shape.
function Session:get(name)
  local list, shape = self:array(name)
  return tensor.nested(list, shape)
end

--- Gradient of the loss after run 'train': of a weight, or of an input with input_grads.
function Session:grad(name)
  return self:get('grad/' .. name)
end

local programs = { train = C.AVCL_TRAIN, eval = C.AVCL_EVAL }
local function program(name)
  return programs[name or 'train']
    or c.raise('INVALID', "program '%s' is neither 'train' nor 'eval'", tostring(name))
end

--- Computes 'train' or 'eval'; commits nothing.
function Session:run(name)
  c.call('avcl_session_run', self.ptr, program(name))
  return self
end

--- Runs and names the first value that is not finite. Slow.
function Session:run_checked(name)
  c.call('avcl_session_run_checked', self.ptr, program(name))
  return self
end

--- Commits what the last 'train' run assigned (BatchNorm statistics, queues).
function Session:commit()
  c.call('avcl_session_commit', self.ptr)
  return self
end

--- Evaluates and commits what follows the weights (EMA targets).
function Session:update()
  c.call('avcl_session_update', self.ptr)
  return self
end

--- One SGD step on all weights: { lr, momentum, weight_decay, nesterov }.
function Session:sgd(o)
  local optim, step = c.new 'avcl_optim', c.new 'avcl_optim_step'
  optim.lr, optim.momentum, optim.weight_decay = o.lr, o.momentum or 0, o.weight_decay or 0
  optim.nesterov = o.nesterov and 1 or 0
  step.lr = o.lr
  c.call('avcl_session_optimise', self.ptr, optim, step)
  return self
end

--- The random key of the next run: dropout masks depend on it alone.
function Session:rng(seed, step, first_row)
  C.avcl_session_set_rng(self.ptr, seed, step or 0, first_row or 0)
  return self
end

---@return table bytes and kernel counts
function Session:stats()
  local s = c.new 'avcl_session_stats'
  C.avcl_session_get_stats(self.ptr, s)
  return {
    weight_bytes = tonumber(s.weight_bytes), arena_bytes = tonumber(s.arena_bytes),
    io_bytes = tonumber(s.io_bytes), planned_bytes = tonumber(s.planned_bytes),
    kernels = { train = s.n_kernels[0], eval = s.n_kernels[1] },
    reorders = { train = s.n_reorders[0], eval = s.n_reorders[1] },
  }
end

--- What the numbers are computed in: 'f32' too where bf16 was asked for and cannot be had.
---@return string
function Session:precision()
  return graph.dtype_names[tonumber(C.avcl_session_precision(self.ptr))]
end

function Session:device()
  return c.string(C.avcl_session_device_text(self.ptr))
end

local function plain_name(name)
  return name:match '^weight/(.*)' or name:match '^state/(.*)' or name
end

-- Raises unless file and graph name the same weights and states.
local function match_names(self, names)
  local have, missing, extra = {}, {}, {}
  for _, name in ipairs(names) do have[plain_name(name)] = true end
  for _, v in ipairs(self.graph:variables()) do
    if not have[v.name] then missing[#missing + 1] = v.name end
    have[v.name] = nil
  end
  for name in pairs(have) do
    if not name:match '^optim/' and not rawget(self.graph.inputs, name) then
      extra[#extra + 1] = name
    end
  end
  table.sort(extra)
  if #missing > 0 then
    c.raise('NOT_FOUND', 'the file lacks %d of the graph\'s values: %s', #missing,
      table.concat(missing, ', ', 1, math.min(#missing, 5)))
  end
  if #extra > 0 then
    c.raise('INVALID', 'the file has %d values that the graph lacks: %s', #extra,
      table.concat(extra, ', ', 1, math.min(#extra, 5)))
  end
end

--- Sets weights, states and inputs from a safetensors file, converting reals. Names must match
--- the graph's, unless partial = true.
function Session:load(path, options)
  local file = safetensors.open(path)
  local names = file:names()
  if not (options and options.partial) then match_names(self, names) end
  local known = {}
  for _, v in ipairs(self.graph:variables()) do known[v.name] = true end
  for _, name in ipairs(names) do
    local plain = plain_name(name)
    if known[plain] or rawget(self.graph.inputs, plain) then self:set(plain, file:get(name)) end
  end
  file:close()
  return self
end

--- Writes a checkpoint of weights and states.
function Session:save(path)
  c.call('avcl_checkpoint_save', self.ptr, path)
  return self
end

--- Loads a checkpoint; with scopes only what lies under them.
function Session:restore(path, scopes)
  local list = scopes and c.new('const char *[?]', #scopes, scopes) or nil
  c.call('avcl_checkpoint_load', self.ptr, path, list, scopes and #scopes or 0)
  return self
end

return M
