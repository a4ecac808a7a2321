-- project.lua - where a project lies, and which file a data set's name means.
--
-- The root is the nearest parent of the script that holds `experiments/`. Names of data sets are
-- looked up in <root>/avcl.lua, then in the user's $XDG_CONFIG_HOME/avcl/config.lua:
--   return { data = { k32 = '/data/k32/manifest.csv' } }
local c = require 'avcl.ffi'
local lfs = require 'lfs'
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

local function user_file()
  local base = os.getenv 'XDG_CONFIG_HOME'
  if not base or base == '' then base = (os.getenv 'HOME' or '') .. '/.config' end
  return base .. '/avcl/config.lua'
end

--- Names of data sets and their files, the project's before the user's.
function M.data_names(root)
  local names = {}
  for _, file in ipairs { user_file(), root .. '/avcl.lua' } do
    for name, path in pairs(read(file).data or {}) do
      names[name] = path:sub(1, 1) == '/' and path or folder_of(file) .. '/' .. path
    end
  end
  return names
end

--- The manifest or folder that `name` means: a known name, a path under the root, or one from
--- where the user is.
function M.data_path(root, name)
  local names = M.data_names(root)
  if names[name] then return names[name] end
  local path = name:sub(1, 1) == '/' and name or root .. '/' .. name
  if lfs.attributes(path) then return path end
  local manifest = ('%s/data/%s/manifest.csv'):format(root, name)
  if lfs.attributes(manifest) then return manifest end
  if lfs.attributes(name) then return c.realpath(name) end
  local known = {}
  for key in pairs(names) do known[#known + 1] = key end
  c.raise_at(nil, 'NOT_FOUND', "no data set '%s'%s: not named in avcl.lua, no file %s, no %s", name,
    suggest.text(name, known), path, manifest)
end

return M
