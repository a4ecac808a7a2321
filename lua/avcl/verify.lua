-- verify.lua - finds and explains every damage of a store; the records are the only witness.
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local garbage = require 'avcl.garbage'
local lfs = require 'lfs'
local plan = require 'avcl.plan'
local stores = require 'avcl.store'

local M = {}

local known = { 'run.yaml', 'result.yaml', 'epochs.jsonl', 'items.bin' }
for _, name in ipairs(known) do known[name] = true end

local Check = {}
Check.__index = Check

function Check:say(file, fmt, ...)
  local text = select('#', ...) > 0 and fmt:format(...) or fmt
  self.problems[#self.problems + 1] = ('%s/%s: %s'):format(self.shown, file, text)
end

-- All sound documents of a file; what is not is told.
local function documents(self, file, hint)
  local path = self.store:run_path(self.id, file)
  local list, index = {}, 0
  local ok, d, torn = pcall(doc.read, path, 0)
  local cut = ok and torn
  while ok and d do
    list[#list + 1] = d
    index = index + 1
    ok, d, torn = pcall(doc.read, path, index)
    cut = cut or ok and torn
  end
  if not ok then self:say(file, 'a document is sealed but cannot be read: %s', tostring(d)) end
  if cut then
    self:say(file, 'cut off or changed: %d sound document%s, the rest is ignored; %s', #list,
      #list == 1 and '' or 's', hint)
  end
  return list
end

-- The name of a run is the hash of what its record says: an edit shows, with a right checksum too.
local function check_identity(self, run)
  if run.run ~= self.id then
    self:say('run.yaml', 'says it is run %s: the folder was copied or renamed', tostring(run.run))
    return
  end
  local keys = run.keys
  if type(keys) ~= 'table' or type(run.config) ~= 'table' then
    self:say('run.yaml', 'has no keys or no config')
    return
  end
  local identity = plan.identity {
    config = run.config, graph = keys.graph, data = keys.data, seed = keys.seed,
    parent = keys.parent ~= doc.null and keys.parent or nil,
  }
  if identity ~= self.id then
    self:say('run.yaml', 'what it says makes run %s: configuration, graph, data, parent or seed '
      .. 'was edited', identity:sub(1, 8))
  end
end

local function check_run(self)
  if not lfs.attributes(self.store:run_path(self.id, 'run.yaml')) then
    self:say('run.yaml', 'missing: what this run was nobody can tell; restore it from a copy')
    return nil
  end
  local run = documents(self, 'run.yaml', 'restore it from a copy, or run the study again')[1]
  if run then check_identity(self, run) end
  return run
end

local function check_hash(self, file, path, sha256)
  if not sha256 then return end
  if not lfs.attributes(path) then
    self:say(file, 'missing; result.yaml names it')
  elseif stores.sha256_file(path) ~= sha256 then
    self:say(file, 'its bytes are not those that result.yaml names')
  end
end

local function check_result(self, options)
  local path = self.store:run_path(self.id, 'result.yaml')
  if not lfs.attributes(path) then return end
  local r = documents(self, 'result.yaml', 'the run counts as not done')[1]
  if not r then return end
  if r.run ~= self.id then self:say('result.yaml', 'is of run %s', tostring(r.run)) end
  if type(r.items) == 'table' then
    check_hash(self, 'items.bin', self.store:run_path(self.id, 'items.bin'), r.items.sha256)
  end
  local ckpt = type(r.select) == 'table' and r.select.ckpt and self.store:work_path(self.id,
    tostring(r.select.ckpt))
  if options.checkpoints and ckpt and lfs.attributes(ckpt) then
    check_hash(self, r.select.ckpt, ckpt, r.select.sha256)
  end
end

local function check_attempt(self, file)
  local list = documents(self, file, 'the run counts as stopped where the last sound one says')
  for i, d in ipairs(list) do
    if d.kind ~= 'start' and d.kind ~= 'resume' and d.kind ~= 'stop' then
      self:say(file, "document %d is of kind '%s'", i, tostring(d.kind))
    end
  end
end

local function check_epochs(self)
  local text, n = disk.read(self.store:run_path(self.id, 'epochs.jsonl')), 0
  if not text then return end
  for line, ending in text:gmatch '([^\n]*)(\n?)' do
    n = n + 1
    local ok, value = pcall(doc.parse, line)
    if line ~= '' and ending == '' then
      self:say('epochs.jsonl', 'line %d is cut off; the epoch is read as missing', n)
    elseif line ~= '' and not (ok and type(value) == 'table' and value.epoch) then
      self:say('epochs.jsonl', 'line %d is no epoch', n)
    end
  end
end

local function check_files(self)
  for _, name in ipairs(garbage.entries(self.folder)) do
    if name:match '^attempt%-%d+%.yaml$' then
      check_attempt(self, name)
    elseif name:match '^result%.conflict' then
      self:say(name, 'the same run gave other numbers: a fault of determinism, or of the machine')
    elseif name:match '^%.tmp%-' then
      self:say(name, 'left by a killed process; `avcl gc` removes it')
    elseif not known[name] then
      self:say(name, 'no file of a run')
    end
  end
end

local function check_parent(self, run, ids)
  local parent = run and type(run.parent) == 'table' and run.parent.run
  if parent and not ids[parent] then
    self:say('run.yaml', 'its parent %s is not in this store', tostring(parent):sub(1, 8))
  end
end

local function check_one(store, id, folder, ids, problems, options)
  local self = setmetatable({
    store = store, id = id, folder = folder, problems = problems,
    shown = folder:sub(#store.root + 2),
  }, Check)
  if not folder:find('/' .. id:sub(1, 2) .. '/' .. id, 1, true) then
    return self:say('', 'lies in the folder of other runs')
  end
  if not pcall(store.run_path, store, id) then return self:say('', 'is no name of a run') end
  check_files(self)
  check_parent(self, check_run(self), ids)
  check_result(self, options)
  check_epochs(self)
end

local function check_store(store, problems)
  local ok, d = pcall(doc.read, store.root .. '/store.yaml', 0)
  if not ok or not d then
    problems[1] = 'store.yaml: missing or damaged; `avcl run` makes a new one, records are not '
      .. 'affected'
  end
end

local function check_claims(store, problems)
  for _, name in ipairs(garbage.entries(store.root .. '/claims')) do
    if not name:match '^%.' then
      local ok, d = pcall(doc.read, store.root .. '/claims/' .. name, 0)
      if not ok or not d then
        problems[#problems + 1] = ('claims/%s: damaged; who holds the run nobody can tell. If no '
          .. 'process runs it, delete this file'):format(name)
      end
    end
  end
end

local function check_blobs(store, problems)
  garbage.each_run(store.root, 'blobs', function(path, name)
    if not name:match '^%.' and not store:blob(name) then
      problems[#problems + 1] = ('%s: is not what its name says; delete it, or restore it from a '
        .. 'copy'):format(path:sub(#store.root + 2))
    end
  end)
end

--- Number of runs, and a sentence for each problem. options: { checkpoints }.
function M.store(store, options)
  local problems, ids, list = {}, {}, {}
  check_store(store, problems)
  garbage.each_run(store.root, 'runs', function(folder, id)
    ids[id] = true
    list[#list + 1] = { id = id, folder = folder }
  end)
  for _, run in ipairs(list) do
    if lfs.attributes(run.folder, 'mode') == 'directory' then
      check_one(store, run.id, run.folder, ids, problems, options or {})
    else
      problems[#problems + 1] = run.folder:sub(#store.root + 2) .. ': no folder of a run'
    end
  end
  check_claims(store, problems)
  check_blobs(store, problems)
  return #list, problems
end

return M
