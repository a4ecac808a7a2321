-- cli/study.lua - what verbs on a script share: the script, its overrides, its plan.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local experiment = require 'avcl.experiment'
local lfs = require 'lfs'
local overrides = require 'avcl.overrides'
local plan = require 'avcl.plan'
local project = require 'avcl.project'
local runner = require 'avcl.runner'
local script = require 'avcl.script'
local suggest = require 'avcl.suggest'

local M = {}

--- Arguments and options of a verb on a script.
---@param count string? '?' where it may be left out
function M.setup(command, count)
  command:argument('script', 'Experiment script, or its name: study for experiments/study.lua.')
    :args(count or 1):argname 'SCRIPT'
  command:argument('overrides', 'Keys to set: tau=0.1, cgra_at+=conv5, ~tau, +mine=3, data=@file.')
    :args '*':argname 'KEY=VALUE'
  M.options(command)
end

--- The options alone, for verbs with arguments of their own.
function M.options(command)
  command:flag('-m --sweep', "Lists make rows: tau=0.1,0.5 or 'zip(tau=[0.1,1],width=[4,8])'.")
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

--- The script that an argument means: a file, or the name of one in experiments/.
function M.find(name)
  local mode = lfs.attributes(name, 'mode') -- a folder may bear an experiment's name
  if mode and (mode ~= 'directory' or name:find '[/.]') then return name end
  local folder = name:match '^(.*)/[^/]*%.lua$'
  if folder then
    local paths = {}
    for _, path in pairs(project.experiments(folder)) do paths[#paths + 1] = path end
    c.raise_at('command line', 'NOT_FOUND', 'no file %s%s', name, suggest.text(name, paths))
  end
  if name:find '[/.]' then return name end
  local names = project.experiments 'experiments'
  if names[name] or mode then return names[name] or name end
  c.raise_at('command line', 'NOT_FOUND', "no experiments/%s.lua%s", name,
    suggest.text(name, config.sorted_keys(names)))
end

--- The experiment of a script and how it was loaded.
function M.load(name)
  local path = M.find(name)
  local value, loaded = script.load(path)
  if not experiment.is_experiment(value) then
    c.raise_at(path .. ':1', 'INVALID', 'the script returns %s, expected avcl.experiment { … }',
      value == nil and 'nothing' or 'a ' .. type(value))
  end
  value.schema.files = project.defaults(loaded.root, value.schema)
  value.schema.environment = overrides.environment(value.schema, os.getenv)
  return value, loaded
end

--- The plan of a script with the verb's arguments. `data` wraps how data sets are opened.
---@param data (fun(open: function, study: avcl.Experiment): function)?
function M.plan(args, data)
  args.script = M.find(args.script)
  local study, loaded = M.load(args.script)
  local open = runner.data_source(function(name) return project.data_path(loaded.root, name) end)
  local resolved = plan.resolve(study, {
    overrides = args.overrides, sweep = args.sweep, seeds = M.seeds(args.seeds), only = args.only,
    data = data and data(open, study) or open,
  })
  if #resolved.rows == 0 then
    local labels = {}
    for i, row in ipairs(study.rows) do labels[i] = row.label end
    local near = suggest.nearest(args.only, labels)
    c.raise_at('command line', 'NOT_FOUND', "--only '%s' fits no row; %s", args.only,
      near and ("did you mean '%s'?"):format(near) or 'there is: ' .. table.concat(labels, '; '))
  end
  return study, resolved, loaded
end

return M
