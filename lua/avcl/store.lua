-- store.lua - a results folder: claims, states and paths of runs (experiments.md 4).
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local lfs = require 'lfs'

local M = {}

---@class avcl.Store
local Store = {}
Store.__index = Store

local states = { [0] = 'planned', 'running', 'lost', 'stopped', 'failed', 'done' }

--- Opens a store; makes it when `create`.
---@return avcl.Store
function M.open(root, create)
  if create then
    c.call('avcl_store_init', root)
  elseif not lfs.attributes(root .. '/runs') then
    c.raise_at(nil, 'NOT_FOUND', "no store at '%s'; --store names one, `avcl run` makes one", root)
  end
  return setmetatable({ root = root }, Store)
end

local function path(fn, root, id, file)
  local out = c.new 'char[4096]'
  c.call(fn, root, id, file, out)
  return c.string(out)
end

--- A file of the run's small, lasting folder.
function Store:run_path(id, file)
  return path('avcl_store_run_path', self.root, id, file)
end

--- A file of the run's large, deletable folder.
function Store:work_path(id, file)
  return path('avcl_store_work_path', self.root, id, file)
end

--- The selected weights of a run, which lie in its deletable folder: not there after `gc`, or in a
--- store that was copied without work/.
function Store:weights(id)
  local at = self:work_path(id, 'ckpt/best.safetensors')
  return lfs.attributes(at) and at or c.raise_at(nil, 'NOT_FOUND',
    'the checkpoint of run %s is not here (%s): `avcl run … --rerun all` or another store has it',
    id:sub(1, 8), at)
end

--- 'planned', 'running', 'lost', 'stopped', 'failed' or 'done', and the last attempt.
function Store:state(id)
  local state, attempt = c.new 'avcl_run_state[1]', c.new 'int32_t[1]'
  c.call('avcl_store_state', self.root, id, state, attempt)
  return states[state[0]], attempt[0]
end

--- Claims an attempt: true when it is ours.
function Store:claim(id, attempt)
  local ok, problem = c.try('avcl_store_claim', self.root, id, attempt)
  if ok then return true end
  if c.is_error(problem, 'EXISTS') then return false end
  error(problem, 0)
end

function Store:heartbeat(id, attempt)
  c.call('avcl_store_heartbeat', self.root, id, attempt)
end

--- Publishes a document once; the first one stays. True when it is ours.
function Store:publish(id, file, value)
  local at = self:run_path(id, file)
  c.call('avcl_store_mkdirs', at:match '^(.*)/')
  local ok, problem = c.try('avcl_store_publish', at, doc.new(value), 0)
  if ok then return true end
  if c.is_error(problem, 'EXISTS') then return false end
  error(problem, 0)
end

--- Adds a document to a file that only this attempt writes.
function Store:append(id, file, value)
  c.call('avcl_store_append', self:run_path(id, file), doc.new(value))
end

function Store:append_line(id, file, text)
  c.call('avcl_store_append_line', self:run_path(id, file), text)
end

--- Tells readers that something of a run has changed, so that none has to look for it. The
--- records hold the truth: a line that cannot be written is not missed.
function Store:log(event, id)
  c.try('avcl_store_log', self.root, doc.new(doc.map { { 'event', event }, { 'run', id } }))
end

--- A record's document as tables, nil when absent.
function Store:read(id, file, index)
  return (doc.read(self:run_path(id, file), index or 0))
end

--- Publishes plain bytes.
function Store:publish_bytes(id, file, data, n)
  c.call('avcl_file_publish', self:run_path(id, file), data, n, 1)
end

function Store:make_work(id, folder)
  local at = self:work_path(id, folder)
  c.call('avcl_store_mkdirs', at)
  return at
end

--- Moves a run and its work to trash/. Its claims stay: the next attempt is the next number.
function Store:discard(id)
  local to = ('%s/trash/%s.%s.%d'):format(self.root, id, os.date '!%Y%m%dT%H%M%SZ', c.pid())
  c.call('avcl_store_mkdirs', to)
  for part, from in pairs { runs = self:run_path(id), work = self:work_path(id) } do
    local ok, why = os.rename(from, to .. '/' .. part)
    if not ok and lfs.attributes(from) then c.raise_at(nil, 'IO', 'cannot move %s', why) end
  end
  self:log('rm', id)
  return to
end

local RESERVE_BYTES = 1e6

--- Room for the last document of an attempt, should the disk be full by then.
function Store:reserve(id)
  c.call('avcl_store_reserve', self:work_path(id, 'reserve'), RESERVE_BYTES)
end

function Store:release(id)
  os.remove(self:work_path(id, 'reserve'))
end

-- ---- blobs -------------------------------------------------------------------------------------

function Store:blob_path(sha256)
  return ('%s/blobs/%s/%s'):format(self.root, sha256:sub(1, 2), sha256)
end

--- Keeps a text under its hash, once; the hash.
function Store:keep(text)
  local sha256 = c.sha256(text)
  local at = self:blob_path(sha256)
  if lfs.attributes(at) then return sha256 end
  c.call('avcl_store_mkdirs', at:match '^(.*)/')
  local ok, problem = c.try('avcl_file_publish', at, text, #text, 0)
  if not ok and not c.is_error(problem, 'EXISTS') then error(problem, 0) end
  return sha256
end

--- What was kept under a hash; nil when it is not there or no longer itself.
function Store:blob(sha256)
  local text = disk.read(self:blob_path(sha256))
  return text and c.sha256(text) == sha256 and text or nil
end

function M.sha256_file(at)
  local hex = c.new 'char[65]'
  c.call('avcl_sha256_file', at, hex)
  return c.string(hex)
end

return M
