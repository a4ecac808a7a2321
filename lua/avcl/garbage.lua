-- garbage.lua - what a store keeps though nothing needs it. Records are never garbage.
local c = require 'avcl.ffi'
local lfs = require 'lfs'

local M = {}

local TRASH_S = 30 * 24 * 3600
local LEFT_OVER_S = 24 * 3600 -- a writer that is alive renames its temporary file long before

local function entries(path)
  local list = {}
  if lfs.attributes(path, 'mode') ~= 'directory' then return list end
  for name in lfs.dir(path) do
    if name ~= '.' and name ~= '..' then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end
M.entries = entries

local function size_of(path)
  local a = lfs.symlinkattributes(path)
  if not a then return 0 end
  if a.mode ~= 'directory' then return a.size end
  local bytes = 0
  for _, name in ipairs(entries(path)) do bytes = bytes + size_of(path .. '/' .. name) end
  return bytes
end

local function add(list, action, path, why)
  list[#list + 1] = { action = action, path = path, why = why, bytes = size_of(path) }
end

--- every(path, name) for each folder of a run below runs/ or work/.
function M.each_run(root, area, every)
  for _, shard in ipairs(entries(root .. '/' .. area)) do
    local folder = ('%s/%s/%s'):format(root, area, shard)
    for _, name in ipairs(entries(folder)) do every(folder .. '/' .. name, name) end
  end
end

local function is_left_over(path, name)
  local temporary = name:match '^%.tmp%-' or name:match '^%.probe%-'
  return temporary and os.time() - lfs.attributes(path, 'modification') > LEFT_OVER_S
end

local function left_overs(store, list)
  local function look(folder)
    for _, name in ipairs(entries(folder)) do
      local path = folder .. '/' .. name
      if is_left_over(path, name) then add(list, 'delete', path, 'left by a killed process') end
    end
  end
  look(store.root .. '/claims')
  M.each_run(store.root, 'runs', look)
  M.each_run(store.root, 'work', function(path)
    look(path)
    look(path .. '/ckpt')
  end)
end

-- Runs that a table's lock file or another run rests on.
local function needed(store, view)
  local keep = {}
  for row = 0, view.n - 1 do
    local parent = view:get(row, 'parent')
    if parent then keep[parent] = true end
  end
  for _, name in ipairs(entries(store.root .. '/tables')) do
    local f = name:match '%.lock%.yaml$' and io.open(store.root .. '/tables/' .. name)
    if f then
      for id in f:read '*a':gmatch '%x+' do
        if #id == 32 then keep[id] = true end
      end
      f:close()
    end
  end
  return keep
end

local function work_folders(store, view, options, list)
  local keep = options.checkpoints and needed(store, view) or {}
  M.each_run(store.root, 'work', function(path, id)
    local row = view:row(id)
    if not row then
      if not lfs.attributes(store:run_path(id)) then
        add(list, 'trash', path, 'no record of this run')
      end
      return
    end
    if view:get(row, 'state') ~= 'done' then return end
    if options.checkpoints and not keep[id] and lfs.attributes(path .. '/ckpt') then
      add(list, 'trash', path .. '/ckpt', 'no run comes from it, no table names it')
    elseif lfs.attributes(path .. '/ckpt/last.safetensors') then
      add(list, 'trash', path .. '/ckpt/last.safetensors', 'the run is done; its best is kept')
    end
  end)
end

local function old_trash(store, list)
  for _, name in ipairs(entries(store.root .. '/trash')) do
    local path = store.root .. '/trash/' .. name
    if os.time() - lfs.attributes(path, 'change') > TRASH_S then
      add(list, 'delete', path, 'in trash/ for more than 30 days')
    end
  end
end

--- { { action = 'trash' or 'delete', path, why, bytes }, … }. options: { checkpoints }.
function M.find(store, view, options)
  local list = {}
  left_overs(store, list)
  work_folders(store, view, options, list)
  old_trash(store, list)
  return list
end

--- Removes a file or a folder with all that is in it; links are not followed.
local function delete(path)
  if lfs.symlinkattributes(path, 'mode') == 'directory' then
    for _, name in ipairs(entries(path)) do delete(path .. '/' .. name) end
  end
  local ok, why = os.remove(path)
  if not ok then c.raise_at(nil, 'IO', 'cannot delete %s', why) end
end

M.delete = delete

--- Removes what killed processes left half-written in a folder that nobody else writes to.
function M.sweep_temporary(folder)
  for _, name in ipairs(entries(folder)) do
    if name:match '^%.tmp%-' then os.remove(folder .. '/' .. name) end
  end
end

--- Does what `find` proposed.
function M.collect(store, item)
  if item.action == 'delete' then return delete(item.path) end
  local name = item.path:sub(#store.root + 2):gsub('/', '.')
  local to = ('%s/trash/%s.%s'):format(store.root, name, os.date '!%Y%m%dT%H%M%SZ')
  local ok, why = os.rename(item.path, to)
  if not ok then c.raise_at(nil, 'IO', 'cannot move %s', why) end
end

return M
