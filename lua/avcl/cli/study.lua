-- cli/study.lua - what `run`, `table` and `graph` share: the script, its overrides, its plan.
local c = require 'avcl.ffi'
local experiment = require 'avcl.experiment'
local plan = require 'avcl.plan'
local project = require 'avcl.project'
local runner = require 'avcl.runner'
local script = require 'avcl.script'

local M = {}

--- Arguments and options of a verb on a script.
function M.setup(command)
  command:argument('script', 'Experiment script.'):argname 'SCRIPT'
  command:argument('overrides', 'Keys to set, as pretrain.epochs=3.'):args '*':argname 'KEY=VALUE'
  command:option('--store', 'Where records are.'):default(os.getenv 'AVCL_STORE' or 'results')
    :argname 'DIR'
  command:option('--seeds', "Seeds instead of the script's: 1,2 or 0-4."):argname 'LIST'
  command:option('--only', 'Rows whose label contains this.'):argname 'TEXT'
end

--- '1,2' or '0-4' as a list.
function M.seeds(text)
  if not text then return nil end
  local list = {}
  for item in text:gmatch '[^,]+' do
    local first, last = item:match '^(%d+)%-(%d+)$'
    first, last = tonumber(first or item), tonumber(last or item)
    if not first or not last then
      c.raise_at('command line', 'INVALID', "--seeds '%s' is not 1,2 or 0-4", text)
    end
    for seed = first, last do list[#list + 1] = seed end
  end
  return list
end

--- The experiment of a script and how it was loaded.
function M.load(path)
  local value, loaded = script.load(path)
  if not experiment.is_experiment(value) then
    c.raise_at(path .. ':1', 'INVALID', 'the script returns %s, expected avcl.experiment { … }',
      value == nil and 'nothing' or 'a ' .. type(value))
  end
  return value, loaded
end

--- The plan of a script with the verb's arguments.
function M.plan(args)
  local study, loaded = M.load(args.script)
  local resolved = plan.resolve(study, {
    overrides = args.overrides, seeds = M.seeds(args.seeds), only = args.only,
    data = runner.data_source(function(name) return project.data_path(loaded.root, name) end),
  })
  if #resolved.rows == 0 then
    local labels = {}
    for i, row in ipairs(study.rows) do labels[i] = row.label end
    c.raise_at('command line', 'NOT_FOUND', "--only '%s' fits no row; there is: %s",
      args.only or '', table.concat(labels, '; '))
  end
  return study, resolved, loaded
end

return M
