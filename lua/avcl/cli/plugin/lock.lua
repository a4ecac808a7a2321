-- cli/plugin/lock.lua - `avcl plugin lock`: what may be loaded, by hash, for `avcl --locked`.
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local hosts = require 'avcl.host'

local M = { summary = 'Print the hash of every plugin; `avcl --locked FILE` takes no other.' }

function M.setup() end

local function hash_of(path)
  local hex = c.new 'char[65]'
  c.call('avcl_sha256_file', path, hex)
  return c.string(hex)
end

local function build_of(path)
  local hex = c.new 'char[65]'
  c.C.avcl_plugin_build_id(path, hex)
  return c.string(hex)
end

function M.run()
  local plugins = doc.list()
  for _, p in ipairs(hosts.get():inventory()) do
    if p.state == 'ok' or p.state == 'loaded' then
      plugins[#plugins + 1] = doc.map {
        { 'id', p.id }, { 'version', p.version }, { 'sha256', hash_of(p.path) },
        { 'build', build_of(p.path) },
      }
    end
  end
  io.write(doc.yaml(doc.map { { 'schema', 'avcl.lock/1' }, { 'plugins', plugins } }))
end

--- The host's lock text of a lock file.
function M.read(path)
  local text, problem = disk.read(path)
  if not text then c.raise_at(nil, 'NOT_FOUND', 'lock %s', problem) end
  local lock = doc.parse(text)
  if type(lock) ~= 'table' or lock.schema ~= 'avcl.lock/1' then
    c.raise_at(nil, 'INVALID', "%s is not a lock ('avcl plugin lock' prints one)", path)
  end
  local lines = {}
  for i, p in ipairs(lock.plugins or {}) do lines[i] = p.id .. ' ' .. p.sha256 .. '\n' end
  return table.concat(lines)
end

return M
