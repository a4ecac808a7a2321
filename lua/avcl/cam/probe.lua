-- cam/probe.lua - a trained model with probes between its backbones and what classifies.
--
-- A pooled feature v~ becomes stop_gradient(v~) + probe, the probe an input of zeros. The gradient
-- of the class score y_c with respect to the probe is d y_c / d v~, through gate and head alone:
-- no convolution is differentiated. Everything is frozen: dropout off, BatchNorm by its state.
local c = require 'avcl.ffi'
local graph = require 'avcl.graph'
local head = require 'avcl.head'
local hosts = require 'avcl.host'
local inputs = require 'avcl.inputs'
local knobs = require 'avcl.knobs'
local sessions = require 'avcl.session'
local stage = require 'avcl.stage'
local tensor = require 'avcl.tensor'

local M = {}

M.BATCH = 2 -- clips at a time: alignments refuse a batch of one, whose losses are not asked for

-- The inputs of the model that a stream of features comes from.
local STREAMS = { { tap = 'video', input = 'rgb' }, { tap = 'audio', input = 'mel' } }
local LAST = 'conv5' -- the last feature maps of a backbone; its pool is their mean

-- Stands in for g:apply: outputs of a backbone with a probe in the pool's place.
local function probing(found)
  return function(g, instance, given)
    local out = graph.methods.apply(g, instance, given)
    if instance.module.kind ~= hosts.kinds.backbone then return out end
    local pool, name = out.pool, ('cam/probe%d'):format(#found + 1)
    local probe = g:input(name, pool.shape)
    rawset(out, 'pool', g:add(g:stop_gradient(pool), probe))
    found[#found + 1] = { name = name, sum = out.pool, pool = pool, maps = out[LAST] }
    return out
  end
end

-- The probe of taps.video or taps.audio.
local function probe_of(found, declared, name)
  local taps = declared.taps and declared.taps[name]
  for _, probe in ipairs(found) do
    if taps and taps.pool.id == probe.sum.id then return probe end
  end
  c.raise('INVALID', 'no maps of %s: the model returns no taps.%s that is a g:backbone', name, name)
end

-- y_c: the logit of one class, or of each row's own largest.
local function class_score(g, logits, class)
  local chosen = class and g:input('cam/class', { logits.shape[1] }, 'i32') or g:argmax(logits)
  return g:sum(logits * g:one_hot(chosen, { n = logits.shape[2] }))
end

---@class avcl.Probed
---@field session avcl.Session
---@field streams { name: string, input: string, probe: string }[]
---@field has_classes boolean
---@field used table            inputs that the model takes
local Probed = {}
Probed.__index = Probed

-- The model and what is read of it. Returns graph, streams and whether there are logits.
local function build(r, class)
  local values, found = r.values, {}
  local g = graph.new(hosts.get())
  inputs.predeclare(g, values, M.BATCH)
  graph.freeze(g)
  local instead = { apply = probing(found) }
  for name, fn in pairs(stage.quiet) do instead[name] = fn end
  local p = knobs.of(values, r.experiment.stages)
  local declared = stage.declare(r.experiment, g, p, stage.told 'evaluate', instead)
  local has_classes, streams = r.kind == 'supervised', {}
  for _, s in ipairs(STREAMS) do
    if not has_classes or values.modalities == 'both' or values.modalities == s.input then
      local probe = probe_of(found, declared, s.tap)
      g:keep('cam/maps/' .. s.tap, probe.maps)
      g:keep('cam/pool/' .. s.tap, probe.pool)
      streams[#streams + 1] = { name = s.tap, input = s.input, probe = probe.name }
    end
  end
  if has_classes then
    local logits = head.logits(g, declared, values, stage.fields(values, r.stage), r.classes)
    g:keep('cam/logits', logits)
    g:minimize(class_score(g, logits, class))
  end
  return g, streams, has_classes
end

--- Compiles it and loads the weights. class: from 0; nil = the predicted.
---@param r avcl.Recorded or a table with experiment, stage, kind, values, classes, checkpoint
---@return avcl.Probed
function M.new(r, class)
  local g, streams, has_classes = build(r, class)
  local s = sessions.new(g, {
    device = r.values.device, precision = r.values.precision == 'f64' and 'f64' or 'f32',
    seed = r.seed, input_grads = has_classes, gradients = has_classes,
  })
  -- What the checkpoint has for this graph: of pre-training, not a method's memories.
  if r.checkpoint then s:restore(r.checkpoint, stage.scopes(g)) end
  if class and has_classes then s:set('cam/class', { class, class }) end
  return setmetatable({
    session = s, streams = streams, has_classes = has_classes, used = g.used,
  }, Probed)
end

local POOL_TOLERANCE = 1e-4 -- of the largest feature: f32 sums in another order

-- Spread evenly, a gradient of the pool is one of the maps only if the pool is their mean.
local function check_pool(name, pool, maps, shape)
  local n = shape[2] * shape[3] * shape[4]
  local largest, worst = 0, 0
  for k = 1, shape[1] do
    local sum = 0
    for i = (k - 1) * n + 1, k * n do sum = sum + maps[i] end
    largest = math.max(largest, math.abs(pool[k]))
    worst = math.max(worst, math.abs(pool[k] - sum / n))
  end
  if worst > POOL_TOLERANCE * math.max(largest, 1) then
    c.raise_at(nil, 'UNSUPPORTED', 'no maps of %s: its pool is not the mean of its %s (differs by '
      .. '%.2g)', name, LAST, worst)
  end
end

-- Tensors of one input, one a row; rows that are left over stay zero.
local function packed(clips, name)
  local first = clips[1][name]
  local all, nbytes = tensor.buffer(first.dtype, M.BATCH * first.count)
  for i, clip in ipairs(clips) do
    c.copy(all + (i - 1) * first.count, clip[name].data, nbytes / M.BATCH)
  end
  return { data = all, dtype = first.dtype, count = M.BATCH * first.count }
end

-- A kept value [N, …] as a list for each row.
local function rows_of(s, name, n)
  local all, shape = s:array(name)
  local size, rows = #all / shape[1], {}
  for row = 1, n do
    rows[row] = {}
    for i = 1, size do rows[row][i] = all[(row - 1) * size + i] end
  end
  return rows, shape
end

local function stream_of(self, stream, n)
  local s = self.session
  local maps, shape = rows_of(s, 'cam/maps/' .. stream.name, n)
  local pools = rows_of(s, 'cam/pool/' .. stream.name, n)
  local alphas = self.has_classes and rows_of(s, 'grad/' .. stream.probe, n) or {}
  shape = { shape[2], shape[3], shape[4], shape[5] }
  local out = {}
  for row = 1, n do
    check_pool(stream.name, pools[row], maps[row], shape)
    out[row] = {
      name = stream.name, input = stream.input, maps = maps[row], shape = shape,
      alpha = alphas[row],
    }
  end
  return out
end

--- Runs at most BATCH clips: for each { logits = … }?, streams = { { name, input, maps, shape,
--- alpha? } } }; maps are flat [C, T, H, W], alpha [C] is d y_c / d v~.
---@param clips { rgb: table?, mel: table? }[] tensors
function Probed:look(clips)
  local s, out = self.session, {}
  for _, stream in ipairs { 'rgb', 'mel' } do
    if self.used[stream] then s:set(stream, packed(clips, stream)) end
  end
  s:run(self.has_classes and 'train' or 'eval')
  local logits = self.has_classes and rows_of(s, 'cam/logits', #clips) or {}
  for row = 1, #clips do out[row] = { logits = logits[row], streams = {} } end
  for i, stream in ipairs(self.streams) do
    for row, seen in ipairs(stream_of(self, stream, #clips)) do out[row].streams[i] = seen end
  end
  return out
end

return M
