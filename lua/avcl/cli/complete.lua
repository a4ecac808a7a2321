-- cli/complete.lua - what may come next on a command line; `avcl __complete WORD... CURRENT`.
--
-- Shells call it at every Tab, so it reads no records and starts no device: names of scripts,
-- their keys and labels, options, and ids by the folders they lie in.
local config = require 'avcl.config'
local lfs = require 'lfs'
local project = require 'avcl.project'

local M = {}

local takes_runs = { show = true, diff = true, logs = true, resume = true, cancel = true, rm = true,
  plot = true, eval = true, predict = true, cam = true }

local function starting(list, prefix)
  local out = {}
  for _, word in ipairs(list) do
    if word:sub(1, #prefix) == prefix then out[#out + 1] = word end
  end
  return out
end

local function command_of(parser, name)
  for _, command in ipairs(parser._commands) do
    if command._name == name then return command end
  end
end

-- ---- options -----------------------------------------------------------------------------------

local function option_of(command, word)
  for _, option in ipairs(command._options) do
    for _, alias in ipairs(option._aliases) do
      if alias == word then return option end
    end
  end
end

local function option_names(command)
  local out = {}
  for _, option in ipairs(command._options) do
    for _, alias in ipairs(option._aliases) do
      if alias:sub(1, 2) == '--' then out[#out + 1] = alias end
    end
  end
  table.sort(out)
  return out
end

-- ---- words --------------------------------------------------------------------------------------

local function load(name)
  local path = name:find '[/.]' and name or project.experiments('experiments')[name]
  if not path then return nil end
  local ok, study = pcall(require('avcl.script').load, path)
  return ok and type(study) == 'table' and study.schema and study or nil
end

local function keys_of(study, current)
  local path = current:match '^([%w_.-]+)='
  local field = path and study.schema.fields[path]
  local out = {}
  if field then
    local values = field.choices or field.type == 'boolean' and { 'true', 'false' } or {}
    for i, value in ipairs(values) do out[i] = path .. '=' .. value end
    return out
  end
  for i, key in ipairs(config.sorted_keys(study.schema.fields)) do out[i] = key .. '=' end
  return out
end

-- Ids that begin with `current`: of one folder, or the names of all folders.
local function run_ids(current, store)
  local out, root = {}, store .. '/runs'
  local folder = current:match '^%x%x'
  local at = folder and root .. '/' .. folder or root
  if lfs.attributes(at, 'mode') ~= 'directory' then return out end
  for entry in lfs.dir(at) do
    if entry:match '^%x+$' then out[#out + 1] = folder and entry:sub(1, 12) or entry end
  end
  return out
end

local function labels(field, list)
  local out = {}
  for _, item in ipairs(list) do
    if field ~= 'title' or item.metric then out[#out + 1] = item[field] end
  end
  return out
end

-- Candidates for an argument of a verb; `before` = the arguments already there.
local function arguments(verb, before, current)
  if verb == 'help' or verb == 'completion' then
    return verb == 'completion' and { 'bash', 'zsh', 'fish' } or require('avcl.cli').verbs
  end
  if verb == 'new' then return #before == 0 and { 'experiment' } or {} end
  if verb == 'config' then
    if #before == 0 then return { 'show', 'check' } end
    table.remove(before, 1)
  end
  if verb == 'predict' and #before > 0 then return {} end -- the shell knows files
  local out = {}
  if takes_runs[verb] and #current > 0 or verb ~= 'plot' and takes_runs[verb] then
    out = run_ids(current, os.getenv 'AVCL_STORE' or 'results')
  end
  if takes_runs[verb] and verb ~= 'plot' then return out end
  if #before == 0 then
    for name in pairs(project.experiments 'experiments') do out[#out + 1] = name end
    return out
  end
  local study = load(before[1])
  if not study then return out end
  if verb == 'why' and #before == 1 then return labels('label', study.rows) end
  if verb == 'why' and #before == 2 then return labels('title', study.columns) end
  return keys_of(study, current)
end

local on_scripts = { run = true, table = true, why = true, plot = true, graph = true,
  config = true, plan = true, reproduce = true, help = true, completion = true, new = true }

-- Words before the current one, without options and their values.
local function positional(command, words)
  local out, i = {}, 1
  while i < #words do
    local option = option_of(command, words[i])
    if option and option._maxargs ~= 0 then
      i = i + 1
    elseif words[i]:sub(1, 1) ~= '-' then
      out[#out + 1] = words[i]
    end
    i = i + 1
  end
  return out
end

--- Candidates for the last of the words; none = the shell's own, files.
function M.candidates(parser, words)
  local current = words[#words] or ''
  if #words <= 1 then return starting(require('avcl.cli').verbs, current) end
  local verb = words[1]
  local command = command_of(parser, verb)
  if not command then return {} end
  local rest = { unpack(words, 2) }
  local option = #rest > 1 and option_of(command, rest[#rest - 1])
  if option and option._maxargs ~= 0 then return starting(option._choices or {}, current) end
  if current:sub(1, 1) == '-' then return starting(option_names(command), current) end
  if not (on_scripts[verb] or takes_runs[verb]) then return {} end
  local out = starting(arguments(verb, positional(command, rest), current), current)
  table.sort(out)
  return out
end

--- Prints candidates, one a line. Whatever goes wrong, a Tab prints nothing else.
function M.run(parser, words)
  local ok, list = pcall(M.candidates, parser, words)
  for _, word in ipairs(ok and list or {}) do io.write(word, '\n') end
end

return M
