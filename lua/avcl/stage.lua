-- stage.lua - the graph of one stage: its inputs, the script's model, and for labels a head.
--
--   local built = stage.build(experiment, 'finetune', values, { n_classes = 12 })
--   built.graph, built.view, built.features
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local features = require 'avcl.features'
local graph = require 'avcl.graph'
local head = require 'avcl.head'
local hosts = require 'avcl.host'
local inputs = require 'avcl.inputs'
local knobs = require 'avcl.knobs'
local spec = require 'avcl.spec'
local suggest = require 'avcl.suggest'
require 'avcl.module'
local C = c.C

local M = {}

--- Fields of one stage out of the flat values: { epochs = …, ['optim.lr'] = … }.
function M.fields(values, name)
  local out = {}
  for path, value in pairs(values) do
    local key = path:match('^' .. name:gsub('%W', '%%%0') .. '%.(.+)$')
    if key then out[key] = value end
  end
  return out
end

local SAMPLES = 1000 -- where no data set is: avcl graph, benchmarks

-- The model is declared again under a head, where its own losses and records are not wanted.
local quiet = {}
M.quiet = quiet
for _, name in ipairs { 'minimize', 'keep' } do
  quiet[name] = function(g) return g end
end
function quiet.log(g, name, value)
  if graph.is_node(name) then return graph.methods.log(g, name, value) end
  return g
end

--- The third argument of a model: 'pretext', 'supervised' or 'evaluate', of so many clips.
function M.told(kind, n_samples)
  return { kind = kind, n_samples = n_samples or SAMPLES }
end

--- What the model returns; meanwhile the methods in `instead` take the place of g's own.
---@param told { kind: string, n_samples: integer } what stage it is declared for, of how many clips
---@param instead table<string, function>?
function M.declare(experiment, g, p, told, instead)
  for name, fn in pairs(instead or {}) do rawset(g, name, fn) end
  local declared = experiment.model(g, p, told)
  for name in pairs(instead or {}) do rawset(g, name, nil) end
  if type(declared) ~= 'table' then
    c.raise('INVALID', 'the model returned %s, expected { features = …, taps = … }',
      declared == nil and 'nothing' or 'a ' .. type(declared))
  end
  return declared
end

-- A scope that was never declared is a slip of the pen.
local function check_frozen(g, frozen)
  for _, scope in ipairs(frozen or {}) do
    if g.frozen_scopes[scope] ~= 'seen' then
      local known = {}
      for _, v in ipairs(g:variables()) do known[v.name:match '^[^/]+'] = true end
      local names = {}
      for name in pairs(known) do names[#names + 1] = name end
      c.raise('NOT_FOUND', "frozen: the model has no scope '%s'%s", scope,
        suggest.text(scope, names))
    end
  end
end

-- The same of scopes with a rate of their own: weights that are trained must lie there.
local function check_scopes(g, fields)
  for path in pairs(fields) do
    local scope = path:match '^optim%.scopes%.(.+)%.[%w_]+$'
    local tops, is_there = {}, not scope
    for _, v in ipairs(scope and g:variables() or {}) do
      is_there = is_there or not v.is_state and (v.name .. '/'):sub(1, #scope + 1) == scope .. '/'
      if not v.is_state then tops[v.name:match '^[^/]+'] = true end
    end
    if not is_there then
      c.raise('NOT_FOUND', "optim.scopes: no weight that is trained lies under '%s'%s", scope,
        suggest.text(scope, config.sorted_keys(tops)))
    end
  end
end

-- Kept under the names that the trainer's diagnostics look for (train/validate.c): the features
-- before and after fusion, where the model has both streams.
local function keep_features(g, declared)
  local taps, list = declared.taps or {}, declared.features
  if not (taps.video and taps.audio) then return end
  g:keep('raw/video', taps.video.pool)
  g:keep('raw/audio', taps.audio.pool)
  local is_fused = type(list) == 'table' and graph.is_node(list[1]) and graph.is_node(list[2])
    and list[1].id ~= taps.video.pool.id -- no gate, nothing to say of one
  if is_fused then
    g:keep('fused/video', list[1])
    g:keep('fused/audio', list[2])
  end
end

--- Top-level scopes of a graph's weights and states, in order.
---@return string[]
function M.scopes(g)
  local seen, list = {}, {}
  for _, v in ipairs(g:variables()) do
    local top = v.name:match '^[^/]+'
    if not seen[top] then list[#list + 1] = top end
    seen[top] = true
  end
  return list
end

--- Whether a stage of this kind trains; tests and evaluations look at what another one trained.
function M.trains(kind)
  return kind == 'pretext' or kind == 'supervised'
end

--- Builds a stage's graph. For a test, that of the stage it tests; for an evaluation, that model
--- without head and losses, its features kept. So it is, with a head where there is one, when
--- `look` asks for features of a trained stage ({} = those it has).
---@param options { n_classes: integer?, n_samples: integer?, host: avcl.Host?, look: string[]? }
function M.build(experiment, name, values, options)
  local kind = experiment.kinds[name]
  if not kind then spec.unknown(name, experiment.stages, 'stages', experiment.place) end
  local of = M.trains(kind) and name or values[name .. '.from']
  local fields = M.fields(values, of)
  local batch = M.fields(values, name).batch or fields.batch or values.batch
  local g = graph.new(options.host or hosts.get())
  inputs.predeclare(g, values, batch)
  local supervised = kind ~= 'evaluate' and experiment.kinds[of] == 'supervised'
  for _, scope in ipairs(fields.frozen or {}) do g.frozen_scopes[scope] = true end
  local p = knobs.of(values, experiment.stages)
  local look = options.look or kind == 'evaluate' and (M.fields(values, name).features or {})
  local is_quiet = supervised or look
  local told = M.told(supervised and 'supervised' or look and 'evaluate' or 'pretext',
    options.n_samples)
  local declared = M.declare(experiment, g, p, told, is_quiet and quiet or nil)
  check_frozen(g, fields.frozen)
  if kind == 'pretext' and not look then keep_features(g, declared) end
  local seen = look or M.trains(kind) and fields.monitor and {} or nil
  local names = seen and features.keep(g, declared, values.modalities, seen) or nil
  if supervised then head.classify(g, declared, values, fields, options.n_classes or 2) end
  c.call('avcl_graph_status', g.ptr)
  if M.trains(kind) then check_scopes(g, fields) end
  return {
    graph = g, used = g.used, batch = batch, kind = kind, supervised = supervised, features = names,
  }
end

M.PROGRAMS = { train = C.AVCL_TRAIN, eval = C.AVCL_EVAL }

return M
