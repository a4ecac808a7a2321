-- snapshot.lua - the code behind a plan: which files, and whether they are still the same.
--
-- Scripts are in memory, so an edit changes nothing for runs that are queued. A plugin's file
-- is mapped, not copied: a run that starts after it changed would be something else.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local hosts = require 'avcl.host'
local lfs = require 'lfs'
local stores = require 'avcl.store'

local M = {}

local function stamp(path)
  local a = lfs.attributes(path)
  return a and ('%d-%d-%d-%d'):format(a.ino, a.size, a.modification, a.change) or 'gone'
end

--- The plugin files that are loaded now: { { id, path, sha256, stamp }, … }.
function M.take()
  local list = {}
  for _, p in ipairs(hosts.get():plugins()) do
    if p.state == 'loaded' and p.sha256 then
      list[#list + 1] = { id = p.id, path = p.path, sha256 = p.sha256, stamp = stamp(p.path) }
    end
  end
  return list
end

--- nil while all is as it was; else 'changed' and a sentence.
function M.check(list)
  for _, p in ipairs(list) do
    local now = stamp(p.path)
    if now ~= p.stamp then
      if now == 'gone' or stores.sha256_file(p.path) ~= p.sha256 then
        return 'changed', ('plugin %s (%s) %s since this run was planned; start the command again '
          .. 'to plan anew'):format(p.id, p.path, now == 'gone' and 'was removed' or 'has changed')
      end
      p.stamp = now
    end
  end
  return nil
end

-- Our Lua files that decide how a graph is trained; what a graph is, its own hash says.
local deciding = { 'attempt', 'knobs', 'media', 'session', 'stage', 'train' }

local function lua_hash()
  local parts = {}
  for i, name in ipairs(deciding) do
    local path = package.searchpath('avcl.' .. name, package.path)
    parts[i] = path and stores.sha256_file(path) or ''
  end
  return c.sha256(table.concat(parts))
end

local function engine_hash()
  local f = io.open '/proc/self/maps'
  local path = f and f:read '*a':match '(/[^\n]*libavcl%.so[^\n]*)'
  if f then f:close() end
  return path and stores.sha256_file(path) or 'static'
end

--- Our own code: { { 'engine', hash }, { 'lua', hash } }.
function M.engine()
  return { { 'engine', engine_hash() }, { 'lua', lua_hash() } }
end

--- What code a run executes: ours and its plugins', as { { name, hash }, … }.
---@param engine table? M.engine()
---@param plugins { id: string, sha256: string }[]
function M.code(engine, plugins)
  local list = { unpack(engine or {}) }
  for _, p in ipairs(plugins) do list[#list + 1] = { p.id, p.sha256 } end
  return list
end

--- One hash over it, for keys.code.
function M.hash(code)
  return c.sha256(doc.json(doc.map(code), true))
end

return M
