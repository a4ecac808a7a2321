-- project.lua - where a project lies, and which file a data set's name means.
--
-- The root is the nearest parent of the script that holds `experiments/`. Names of data sets are
-- looked up in <root>/avcl.lua, then in the user's $XDG_CONFIG_HOME/avcl/config.lua. The same
-- files say how this machine runs things; what results depend on belongs in the script:
--   return { data = { k32 = '/data/k32/manifest.csv' }, defaults = { workers = 4 } }
-- A set that a plugin reads is { dataset = 'npy', path = '/data/npy', params = { fps = 8 } }, or
-- 'npy:PATH' wherever a name may stand.
local c = require 'avcl.ffi'
local lfs = require 'lfs'
local source = require 'avcl.source'
local spec = require 'avcl.spec'
local suggest = require 'avcl.suggest'

local M = {}

local function folder_of(path)
  return path:match '^(.*)/[^/]*$' or '.'
end

--- Root of the project of a script; the script's own folder outside any.
function M.root(script)
  local at = c.realpath(folder_of(script)) or '.'
  local first = at
  while at ~= '' do
    if lfs.attributes(at .. '/experiments', 'mode') == 'directory' then return at end
    at = at:match '^(.*)/[^/]*$' or ''
  end
  return first
end

local function read(path)
  if not lfs.attributes(path) then return {} end
  local chunk, problem = loadfile(path, 't', {})
  if not chunk then c.raise_at(nil, 'INVALID', '%s', problem) end
  setfenv(chunk, {})
  local ok, t = pcall(chunk)
  if not ok or type(t) ~= 'table' then
    c.raise_at(path .. ':1', 'INVALID', 'must return a table: %s', ok and type(t) or tostring(t))
  end
  return t
end

local fields = { data = { type = 'table' }, defaults = { type = 'table' } }

-- A file's table, checked; empty when there is no file.
local function settings(path)
  local t = read(path)
  return spec.check(fields, t, path:match '[^/]+$', next(t) and path .. ':1' or nil)
end

local function user_file()
  local base = os.getenv 'XDG_CONFIG_HOME'
  if not base or base == '' then base = (os.getenv 'HOME' or '') .. '/.config' end
  return base .. '/avcl/config.lua'
end

local plugged = {
  dataset = { type = 'string', required = true, doc = 'module that reads it' },
  path = { type = 'string', doc = 'what it reads' },
  params = { type = 'table', doc = "the module's parameters" },
}

local function from(folder, path)
  return path:sub(1, 1) == '/' and path or folder .. '/' .. path
end

-- What a configuration file says of a data set: a path, or a plugin's table.
local function data_entry(file, name, entry)
  if type(entry) ~= 'table' then return from(folder_of(file), tostring(entry)) end
  spec.check(plugged, entry, ("data set '%s'"):format(name), file .. ':1')
  return {
    dataset = entry.dataset, params = entry.params,
    path = entry.path and from(folder_of(file), entry.path),
  }
end

--- Names of data sets and their files, the project's before the user's.
function M.data_names(root)
  local names = {}
  for _, file in ipairs { user_file(), root .. '/avcl.lua' } do
    for name, path in pairs(settings(file).data or {}) do
      names[name] = data_entry(file, name, path)
    end
  end
  return names
end

local function machine_keys(schema, path)
  local values, place = settings(path).defaults or {}, path .. ':1'
  for key in pairs(values) do
    if schema.fields[key] and not schema.machine[key] then
      c.raise_at(source.locate(place, key), 'INVALID', "'%s' changes results: set it in the script "
        .. 'or on the command line; defaults here are %s', key,
        table.concat(schema:machine_names(), ', '))
    end
    if not schema.fields[key] then
      spec.unknown(key, schema:machine_names(), 'defaults', place)
    end
    schema:check(key, values[key], 'defaults', place)
  end
  return values
end

--- Machine keys as the user's and the project's file set them, weaker first.
---@return { name: string, values: table }[]
function M.defaults(root, schema)
  local list = {}
  for _, path in ipairs { user_file(), root .. '/avcl.lua' } do
    list[#list + 1] = { name = path:match '[^/]+/[^/]+$', values = machine_keys(schema, path) }
  end
  return list
end

--- Scripts of the project by name: { study = 'experiments/study.lua' }, as seen from here.
function M.experiments(folder)
  local names = {}
  if lfs.attributes(folder, 'mode') ~= 'directory' then return names end
  for entry in lfs.dir(folder) do
    local name = entry:match '^([^._].*)%.lua$'
    if name then names[name] = folder .. '/' .. entry end
  end
  return names
end

-- Sets that lie in data/ with a manifest.
local function data_folders(root)
  local list = {}
  if lfs.attributes(root .. '/data', 'mode') ~= 'directory' then return list end
  for entry in lfs.dir(root .. '/data') do
    if lfs.attributes(('%s/data/%s/manifest.csv'):format(root, entry)) then
      list[#list + 1] = entry
    end
  end
  return list
end

-- 'npy:data/npy': module and path; 'npy:' reads nothing.
local function of_plugin(root, name)
  local module, path = name:match '^([%a][%w_.]*/?[%w_]*):(.*)$'
  if not module then return nil end
  return { dataset = module, path = path ~= '' and from(root, path) or nil }
end

--- The manifest or folder that `name` means: a known name, a path under the root, or one from
--- where the user is. A table, as dataset.open takes it, where a plugin reads it.
---@return string | table
function M.data_path(root, name)
  local names = M.data_names(root)
  if names[name] then return names[name] end
  local path = name:sub(1, 1) == '/' and name or root .. '/' .. name
  if lfs.attributes(path) then return path end
  local manifest = ('%s/data/%s/manifest.csv'):format(root, name)
  if lfs.attributes(manifest) then return manifest end
  if lfs.attributes(name) then return c.realpath(name) end
  local guest = of_plugin(root, name)
  if guest then return guest end
  local known = data_folders(root)
  for key in pairs(names) do known[#known + 1] = key end
  c.raise_at(nil, 'NOT_FOUND', "no data set '%s'%s: not named in avcl.lua, no file %s, no %s", name,
    suggest.text(name, known), path, manifest)
end

--- The same for what only files can do.
---@return string
function M.data_file(root, name)
  local path = M.data_path(root, name)
  if type(path) == 'string' then return path end
  c.raise_at(nil, 'UNSUPPORTED', "data set '%s' is read by the plugin '%s'; this looks into files",
    name, path.dataset)
end

return M
