-- bench/workload.lua - one training step on random numbers, to be repeated and measured.
--
--   local w = workload.new { batch = 4, ['rgb.size'] = 56 }
--   print(w:step(), w:loss())
--   w:close()
local c = require 'avcl.ffi'
local bench = require 'avcl.bench.experiment'
local hosts = require 'avcl.host'
local sessions = require 'avcl.session'
local stage = require 'avcl.stage'
local tensor = require 'avcl.tensor'
local C = c.C

local M = {}

---@class avcl.Workload
local Workload = {}
Workload.__index = Workload

-- Lehmer's generator: the same numbers everywhere, and quick in LuaJIT.
local function generator(seed)
  local x = seed * 2 + 1
  return function()
    x = x * 16807 % 2147483647
    return x / 2147483647
  end
end

local HALVES = 2048 -- distinct values of a picture of sound

local fill = {}

function fill.u8(buffer, n, draw)
  for i = 0, n - 1 do buffer[i] = draw() * 256 end
end

-- Conversion to half is slow in Lua; drawing from a table of converted ones is not.
function fill.f16(buffer, n, draw)
  local list = {}
  for i = 1, HALVES do list[i] = (i - 0.5) / HALVES end
  local halves = tensor.pack(list, 'f16', HALVES, 'halves')
  for i = 0, n - 1 do buffer[i] = halves[math.floor(draw() * HALVES)] end
end

function fill.i32(buffer, n, draw)
  for i = 0, n - 1 do buffer[i] = draw() * bench.n_classes end
end

function fill.f32(buffer, n)
  for i = 0, n - 1 do buffer[i] = 1 end -- the only one is `weight`
end

local function make_inputs(session, used, draw)
  local list = {}
  for _, name in ipairs { 'rgb', 'mel', 'label', 'weight' } do
    if used[name] then
      local shape, dtype = session:describe(name)
      local n = tensor.count(shape)
      local buffer, nbytes = tensor.buffer(dtype, n)
      fill[dtype](buffer, n, draw)
      list[#list + 1] = { name = name, data = buffer, nbytes = nbytes, shape = shape,
        dtype = dtype }
    end
  end
  return list
end

--- Flat values of the bench experiment: defaults under `overrides`, all checked.
function M.values(overrides)
  local schema = bench.new().schema
  local flat = {}
  for path, value in pairs(overrides or {}) do
    schema:check(path, value, 'bench', nil)
    flat[path] = value
  end
  local tower = flat.tower or 'both'
  flat.modalities = bench.modalities[tower]
  return (schema:resolve({}, { values = flat }))
end

--- Declares, compiles and draws inputs. overrides: keys of the schema; options: threads, seed,
--- kernel_plan (the text of a plan file).
---@return avcl.Workload
function M.new(overrides, options)
  options = options or {}
  local values = M.values(overrides)
  local name = bench.stage[values.tower]
  local host = options.threads and hosts.new { threads = options.threads } or hosts.get()
  local built = stage.build(bench.new(), name, values, {
    n_classes = bench.n_classes, host = host,
  })
  local session = sessions.new(built.graph, {
    device = values.device, precision = values.precision, conv = values.conv,
    seed = options.seed or 1, kernel_plan = options.kernel_plan,
  })
  local optim = stage.fields(values, name)
  local sgd, now = c.new 'avcl_optim', c.new 'avcl_optim_step'
  sgd.lr, sgd.momentum = optim['optim.lr'], optim['optim.momentum']
  sgd.weight_decay, now.lr = optim['optim.weight_decay'], optim['optim.lr']
  return setmetatable({
    values = values, host = host, session = session, sgd = sgd, now = now, n_steps = 0, times = {},
    inputs = make_inputs(session, built.used, generator(options.seed or 1)),
  }, Workload)
end

-- Runs fn and adds its time to what the phase has taken so far.
local function timed(self, phase, fn)
  local started = c.clock()
  fn()
  self.times[phase] = (self.times[phase] or 0) + c.clock() - started
end

--- One whole training step, as the trainer makes it; returns its seconds.
function Workload:step()
  local ptr, started = self.session.ptr, c.clock()
  timed(self, 'inputs', function()
    for _, input in ipairs(self.inputs) do
      c.call('avcl_session_write', ptr, input.name, input.data, input.nbytes)
    end
  end)
  C.avcl_session_set_rng(ptr, 1, self.n_steps, 0)
  timed(self, 'run', function() c.call('avcl_session_run', ptr, C.AVCL_TRAIN) end)
  timed(self, 'commit', function() c.call('avcl_session_commit', ptr) end)
  timed(self, 'sgd', function()
    c.call('avcl_session_optimise', ptr, self.sgd, self.now)
    c.call('avcl_session_update', ptr)
  end)
  self.n_steps = self.n_steps + 1
  return c.clock() - started
end

--- The loss of the last step.
function Workload:loss()
  return self.session:get 'loss'
end

--- Forgets what the phases have taken so far.
function Workload:reset_times()
  self.times = {}
end

function Workload:close()
  self.session:close()
end

return M
