-- machine.lua - what a record says of the machine, its libraries and the source tree.
local c = require 'avcl.ffi'
local hosts = require 'avcl.host'
local lfs = require 'lfs'

local M = {}

local TICKS_PER_S = 100 -- USER_HZ, part of the kernel's ABI

local function read(path)
  local f = io.open(path)
  if not f then return '' end
  local text = f:read '*a' or ''
  f:close()
  return text
end

local levels = {
  { 'avx512_bf16', 'avx512_bf16' }, { 'avx512_vnni', 'avx512_vnni' }, { 'avx512f', 'avx512' },
  { 'avx2', 'avx2' }, { 'avx', 'avx' }, { 'sse4_2', 'sse4.2' },
}

local function isa_of(cpuinfo)
  local flags = ' ' .. (cpuinfo:match 'flags%s*:%s*([^\n]*)' or '') .. ' '
  for _, level in ipairs(levels) do
    if flags:find(' ' .. level[1] .. ' ', 1, true) then return level[2] end
  end
  return jit.arch
end

local function describe()
  local cpuinfo = read '/proc/cpuinfo'
  local _, cores = cpuinfo:gsub('processor%s*:', '')
  local kib = read '/proc/meminfo':match 'MemTotal:%s*(%d+)'
  return {
    name = read '/proc/sys/kernel/hostname':match '[^\n]*', isa = isa_of(cpuinfo),
    cpu = cpuinfo:match 'model name%s*:%s*([^\n]*)' or jit.arch, cores = cores,
    memory = (tonumber(kib) or 0) * 1024,
  }
end

-- What does not change while a process lives is looked at once.
local function once(fn)
  local value
  return function()
    value = value or fn()
    return value
  end
end

--- Name, cpu, isa, cores, memory in bytes.
M.describe = once(describe)

local interesting = {
  onednn = 'libdnnl', openblas = 'libopenblas', ffmpeg = 'libavcodec', fftw = 'libfftw3f',
  yaml = 'libyaml', jansson = 'libjansson', crypto = 'libcrypto', gomp = 'libgomp',
}

local function libraries()
  local list, seen = {}, {}
  local maps = read '/proc/self/maps'
  for path in maps:gmatch '(/[^\n]+%.so[^\n]*)' do
    for name, stem in pairs(interesting) do
      if not seen[name] and path:match '([^/]+)$':find(stem, 1, true) == 1 then
        seen[name] = true
        list[#list + 1] = { name = name, file = path }
      end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- The libraries in this process, by file: their version is in the name.
M.libraries = once(libraries)

--- Starts to measure the peak anew: a worker does many runs.
function M.reset_peak_rss()
  local f = io.open('/proc/self/clear_refs', 'w')
  if not f then return end
  f:write '5'
  f:close()
end

--- Bytes that can be had without swapping: the machine's, or what is left of the cgroup's.
function M.available()
  local free = (tonumber(read '/proc/meminfo':match 'MemAvailable:%s*(%d+)') or 0) * 1024
  local most = tonumber(read '/sys/fs/cgroup/memory.max')
  local used = tonumber(read '/sys/fs/cgroup/memory.current')
  if most and used then free = math.min(free, math.max(most - used, 0)) end
  return free
end

--- Size of the files of a folder in MiB.
function M.folder_mib(path)
  local bytes = 0
  for name in lfs.dir(path) do
    local a = lfs.attributes(path .. '/' .. name)
    if a and a.mode == 'file' then bytes = bytes + a.size end
  end
  return bytes / 2 ^ 20
end

--- Peak resident memory of this process in MiB.
function M.peak_rss_mib()
  local kib = read '/proc/self/status':match 'VmHWM:%s*(%d+)'
  return math.floor((tonumber(kib) or 0) / 1024)
end

--- Seconds since this process was started, in hundredths: the kernel counts in ticks.
function M.process_age_s()
  local after_name = read '/proc/self/stat':match '^.*%)(.*)$' or ''
  local fields, n = {}, 2
  for field in after_name:gmatch '%S+' do
    n = n + 1
    fields[n] = field
  end
  return c.clock 'boot' - (tonumber(fields[22]) or 0) / TICKS_PER_S
end

local function command(text)
  local pipe = io.popen(text .. ' 2>/dev/null')
  if not pipe then return nil end
  local out = pipe:read '*a'
  local ok = pipe:close()
  return ok and out or nil
end

--- Commit of the tree that holds `folder` and whether it has changes; nil outside git.
function M.git(folder)
  local at = "git -C '" .. folder:gsub("'", "'\\''") .. "' "
  local sha = command(at .. 'rev-parse HEAD')
  if not sha or not sha:match '^%x+' then return nil end
  local status = command(at .. 'status --porcelain --untracked-files=no') or ''
  return { sha = sha:match '^%x+', dirty = status ~= '' }
end

--- A file of a commit, by its path from `folder`; nil when there is none.
function M.git_file(folder, sha, path)
  local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
  return command(('git -C %s show %s'):format(quoted(folder), quoted(sha .. ':./' .. path)))
end

--- Version of avcl itself.
function M.version()
  return c.string(c.C.avcl_host_get_api(hosts.get().ptr).version)
end

return M
