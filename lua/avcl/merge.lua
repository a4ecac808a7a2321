-- merge.lua - takes the runs of another store in: missing files are copied, none is changed.
--
-- The same run in both is a free check of determinism: results with other numbers are kept
-- beside each other and reported.
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local garbage = require 'avcl.garbage'
local record = require 'avcl.record'

local M = {}

local function copy(text, to)
  c.call('avcl_store_mkdirs', to:match '^(.*)/')
  c.call('avcl_file_publish', to, text, #text, 0)
end

-- The first number from 1 that is free: attempt-3.yaml, result.conflict.2.yaml.
local function free_name(folder, fmt)
  local n = 1
  while disk.read(('%s/%s'):format(folder, fmt:format(n))) do n = n + 1 end
  return fmt:format(n)
end

-- Of a file that both have with other bytes: the name under which the other's is kept.
local special = {}

function special.result(store, id, other, name, result)
  local ours = store:read(id, name)
  local theirs = doc.read(other, 0)
  if ours and theirs and record.same_result(ours, theirs) then return nil end
  local kept = free_name(store:run_path(id), 'result.conflict.%d.yaml')
  table.insert(result.conflicts, ('%s: the two stores have other numbers for this run; the other '
    .. "store's are in %s"):format(id, kept))
  return kept
end

function special.attempt(store, id)
  return free_name(store:run_path(id), 'attempt-%d.yaml')
end

-- The longer one has all that the shorter has, and more: an attempt or a curve that went on.
local function continues(ours, theirs)
  return #theirs > #ours and theirs:sub(1, #ours) == ours
end

local function merge_file(store, id, from, name, result)
  local theirs, path = disk.read(from), store:run_path(id, name)
  local ours = disk.read(path)
  if ours == theirs then return false end
  if not ours then
    copy(theirs, path)
    return true
  end
  if continues(ours, theirs) then
    c.call('avcl_file_publish', path, theirs, #theirs, 1)
    return true
  end
  if continues(theirs, ours) then return false end
  local kind = name:match '^(%a+)'
  local keep = name:match '%.yaml$' and special[kind]
  local kept = keep and keep(store, id, from, name, result)
  if not kept then return false end
  copy(theirs, store:run_path(id, kept))
  return true
end

local function merge_run(store, other, id, result, options)
  local is_new, changed = not disk.read(store:run_path(id, 'run.yaml')), false
  local folder = other:run_path(id)
  local names = garbage.entries(folder)
  -- result.yaml last: who sees it finds all the rest.
  table.sort(names, function(a, b)
    local ra, rb = a == 'result.yaml', b == 'result.yaml'
    if ra ~= rb then return rb end
    return a < b
  end)
  for _, name in ipairs(names) do
    if not name:match '^%.' and merge_file(store, id, folder .. '/' .. name, name, result) then
      changed = true
    end
  end
  if options.work then
    local ckpt = other:work_path(id, 'ckpt')
    for _, name in ipairs(garbage.entries(ckpt)) do
      local to = store:work_path(id, 'ckpt/' .. name)
      if not disk.read(to) then copy(disk.read(ckpt .. '/' .. name), to) end
    end
  end
  local how = is_new and 'new' or changed and 'grown' or 'same'
  result[how] = result[how] + 1
  if changed then store:log('merge', id) end
end

-- Scripts and graphs of runs, by their hashes: equal names are equal files.
local function merge_blobs(store, other)
  for _, folder in ipairs(garbage.entries(other.root .. '/blobs')) do
    for _, name in ipairs(garbage.entries(('%s/blobs/%s'):format(other.root, folder))) do
      local text = not store:blob(name) and other:blob(name)
      if text then store:keep(text) end
    end
  end
end

--- { new, grown, same = numbers of runs, conflicts = sentences }. options: { work }.
function M.stores(store, other, options)
  local result = { new = 0, grown = 0, same = 0, conflicts = {} }
  merge_blobs(store, other)
  garbage.each_run(other.root, 'runs', function(_, id)
    if other:state(id) ~= 'running' then merge_run(store, other, id, result, options) end
  end)
  return result
end

return M
