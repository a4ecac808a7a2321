-- compact.lua - removes logs of processes that are gone.
--
-- A log only says where to look. Readers find added and removed runs by folders, and look at
-- runs that are not done each time; a line about a done run that no reader has seen yet is
-- made up for by touching the folder of its run.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local garbage = require 'avcl.garbage'
local lfs = require 'lfs'
local machine = require 'avcl.machine'

local M = {}

local OLD_S = 30 * 24 * 3600 -- of another machine: nobody can ask

-- <host>-<pid>-<start>.yaml; the start is that of /proc/PID/stat, field 22.
local function is_over(root, name)
  local host, pid, start = name:match '^(.*)%-(%d+)%-(%d+)%.yaml$'
  local age = os.time() - lfs.attributes(root .. '/log/' .. name, 'modification')
  if not host or host ~= machine.describe().name then return age > OLD_S end
  local f = io.open(('/proc/%s/stat'):format(pid))
  if not f then return true end
  local fields = f:read '*a':match '%) (.*)$'
  f:close()
  local n = 3
  for field in (fields or ''):gmatch '%S+' do
    if n == 22 then return field ~= start end
    n = n + 1
  end
  return false
end

-- The folder of a shard gets a new ctime: readers look inside and at what is named.
local function touch_runs(store, path)
  for line in io.lines(path) do
    local ok, item = pcall(doc.parse, line)
    local id = ok and type(item) == 'table' and type(item[1]) == 'table' and item[1].run
    local folder = id and store:run_path(id)
    if folder and lfs.attributes(folder) then lfs.touch(folder) end
  end
end

--- How many logs were removed and kept.
function M.store(store)
  local removed, kept = 0, 0
  for _, name in ipairs(garbage.entries(store.root .. '/log')) do
    local path = store.root .. '/log/' .. name
    if is_over(store.root, name) then
      touch_runs(store, path)
      local ok, why = os.remove(path)
      if not ok then c.raise_at(nil, 'IO', 'cannot remove %s', why) end
      removed = removed + 1
    else
      kept = kept + 1
    end
  end
  return removed, kept
end

return M
