-- init.lua - `require 'avcl'`: the library as scripts see it.
--
--   local avcl = require 'avcl'
--   local g = avcl.graph()
local ablation = require 'avcl.ablation'
local by = require 'avcl.by'
local c = require 'avcl.ffi'
local draw = require 'avcl.draw'
local experiment = require 'avcl.experiment'
local graph = require 'avcl.graph'
local hosts = require 'avcl.host'
local knobs = require 'avcl.knobs'
local methods = require 'avcl.methods'
local safetensors = require 'avcl.safetensors'
local session = require 'avcl.session'
local suggest = require 'avcl.suggest'
local sweep = require 'avcl.sweep'
require 'avcl.module'

---@class avcl
local M = {
  host = hosts.get,
  graph = graph.new,
  session = session.new,
  safetensors = safetensors.open,
  save_safetensors = safetensors.save,
  is_error = c.is_error,
  refuse = function(text, ...) c.raise('INVALID', text, ...) end,

  experiment = experiment.new,
  rows = sweep.rows,
  zip = sweep.zip,
  grid = sweep.grid,
  list = sweep.list,
  cases = sweep.cases,
  concat = sweep.concat,
  union = sweep.union,
  where = sweep.where,
  leave_one_out = ablation.leave_one_out,
  add_one_in = ablation.add_one_in,
  one_factor = ablation.one_factor,
  swap = ablation.swap,
  by = by.new,
  random = draw.random,
  uniform = draw.uniform,
  log_uniform = draw.log_uniform,
  choice = draw.choice,

  sgd = experiment.sgd,
  adamw = experiment.adamw,
  lars = experiment.lars,
  clip = experiment.clip,
  mel = experiment.mel,
  head = experiment.head,
  knobs = knobs.group,
  is_baseline = methods.is_baseline,
  metric = experiment.metric,
  describe = experiment.describe,
}

-- A slip in a name is told at once, not as a call of nil.
return setmetatable(M, { __index = function(_, name)
  local known = {}
  for key in pairs(M) do known[#known + 1] = key end
  c.raise('INVALID', "there is no avcl.%s%s", tostring(name), suggest.text(tostring(name), known))
end })
