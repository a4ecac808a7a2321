-- bench/profile.lua - the time of every kernel of a training step, and sums over them.
local c = require 'avcl.ffi'
local tensor = require 'avcl.tensor'
local C = c.C

local M = {}

-- What a backward op is to the layer it belongs to.
local directions = { backward_data = 'data', backward_weight = 'weights', backward = 'backward' }

local function split(op)
  for suffix, direction in pairs(directions) do
    local base = op:match('^(.*)_' .. suffix .. '$')
    if base then return base, direction end
  end
  return op, 'forward'
end

--- Whether an op is a convolution, in whatever direction.
function M.is_convolution(op)
  return op:find('^conv') ~= nil
end

---@class avcl.Kernel
---@field op string
---@field layer string
---@field direction string  forward, data, weights or backward
---@field kernel string     what the device runs
---@field seconds number    of one step
local function read(info)
  local op = c.string(info.op)
  local base, direction = split(op)
  return {
    op = op, base = base, direction = direction, layer = c.string(info.path),
    where = c.string(info.where), kernel = c.string(info.text),
    shape = tensor.describe(info.info), flop = 2 * tonumber(info.multiply_adds),
    bytes = tonumber(info.bytes),
    seconds = info.n_runs > 0 and info.seconds / tonumber(info.n_runs) or 0,
  }
end

--- Every kernel of a session's training program, in the order they run.
---@return avcl.Kernel[]
function M.kernels(session)
  local list, info = {}, c.new 'avcl_kernel_info'
  for i = 0, C.avcl_session_n_kernels(session.ptr, C.AVCL_TRAIN) - 1 do
    C.avcl_session_get_kernel(session.ptr, C.AVCL_TRAIN, i, info)
    list[i + 1] = read(info)
  end
  return list
end

--- Steps a workload `n` times with profiling on; returns kernels and the phases of a step.
function M.measure(workload, n)
  workload:step() -- pages, caches, packed weights
  c.call('avcl_session_profile', workload.session.ptr, 1)
  workload:reset_times()
  local total = 0
  for _ = 1, n do total = total + workload:step() end
  local phases = {}
  for name, seconds in pairs(workload.times) do phases[name] = seconds / n end
  local kernels = M.kernels(workload.session)
  c.call('avcl_session_profile', workload.session.ptr, 0)
  return kernels, phases, total / n
end

--- Sums of kernels by a key; the list is in order of first appearance.
function M.group(kernels, key_of)
  local list, by_key = {}, {}
  for _, kernel in ipairs(kernels) do
    local key = key_of(kernel)
    local row = by_key[key]
    if not row then
      row = { key = key, first = kernel, n = 0, seconds = 0, flop = 0, bytes = 0 }
      by_key[key] = row
      list[#list + 1] = row
    end
    row.n = row.n + 1
    row.seconds, row.flop = row.seconds + kernel.seconds, row.flop + kernel.flop
    row.bytes = row.bytes + kernel.bytes
  end
  return list
end

--- One row a layer, direction and kernel; kernels of no arithmetic are left out.
function M.layers(kernels)
  local list = {}
  for _, kernel in ipairs(kernels) do
    if kernel.flop > 0 then list[#list + 1] = kernel end
  end
  return M.group(list, function(k)
    return k.layer .. '\0' .. k.direction .. '\0' .. k.kernel
  end)
end

--- Time by op, the slowest first; phases outside the program stand beside the ops.
function M.ops(kernels, phases)
  local list = M.group(kernels, function(k) return k.op end)
  for _, name in ipairs { 'inputs', 'commit', 'sgd' } do
    list[#list + 1] = { key = '(' .. name .. ')', n = 1, seconds = phases[name], flop = 0,
      bytes = 0 }
  end
  table.sort(list, function(a, b) return a.seconds > b.seconds end)
  return list
end

return M
