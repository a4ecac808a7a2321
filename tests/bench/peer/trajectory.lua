-- avcl's side of the agreement: saves initial weights and the batch, trains, prints the losses.
--
--   avcl lua trajectory.lua DIR STEPS KEY=VALUE...      (keys of the bench experiment)
local avcl = require 'avcl'
local workload = require 'avcl.bench.workload'
local doc = require 'avcl.doc'

local folder, steps, overrides = arg[1], tonumber(arg[2]), {}
for i = 3, #arg do
  local key, value = arg[i]:match '^([%w_.]+)=(.*)$'
  overrides[key] = tonumber(value) or value
end

local w = workload.new(overrides)
w.session:save(folder .. '/weights.safetensors')
local batch = {}
for _, input in ipairs(w.inputs) do
  local n = 1
  for _, d in ipairs(input.shape) do n = n * d end
  batch[input.name] = {
    data = { data = input.data, dtype = input.dtype, count = n }, shape = input.shape,
    dtype = input.dtype,
  }
end
avcl.save_safetensors(folder .. '/batch.safetensors', batch)

local losses = doc.list()
for i = 1, steps do
  w:step()
  losses[i] = doc.float(w:loss())
end
print(doc.json(doc.map { { 'losses', losses }, { 'device', w.session:device() } }))
