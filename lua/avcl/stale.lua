-- stale.lua - finished runs whose numbers a plugin of today might not give again.
--
-- What a graph is, its hash says: a builder with other mathematics makes other runs. Of kernels,
-- data sets and transforms there is the author's word alone, `numerics`, and the hash of the file:
-- another file under the same numerics makes what it computed stale, and what came from that.
local hosts = require 'avcl.host'
local stores = require 'avcl.store'

local M = {}

---@class avcl.Stale
local Stale = {}
Stale.__index = Stale

local executed = { op = true, kernel = true, dataset = true, transform = true }

local function is_executed(plugin)
  for _, m in ipairs(plugin.modules) do
    if executed[hosts.short_kind(m.kind)] then return true end
  end
  return false
end

-- Hashes by id of the files that would run now. What comes with avcl is avcl's own version.
local function files_now()
  local list = {}
  for _, p in ipairs(hosts.get():inventory()) do
    if not p.builtin and not p.shadowed and is_executed(p) then
      list[p.id] = stores.sha256_file(p.path)
    end
  end
  return list
end

---@param records avcl.Records
---@return avcl.Stale
function M.new(records)
  return setmetatable({ records = records, now = files_now(), known = {} }, Stale)
end

local function own(self, record, out)
  local provenance = type(record.provenance) == 'table' and record.provenance or {}
  for _, p in ipairs(provenance.plugins or {}) do
    if self.now[p.id] and self.now[p.id] ~= p.sha256 then out[#out + 1] = p.id end
  end
end

--- The plugins that have another file now than when the run, or one it comes from, was computed;
--- nil when there is none.
---@param id string
---@return string[]?
function Stale:of(id)
  if not next(self.now) then return nil end
  if self.known[id] == nil then
    local list, at = {}, id
    while type(at) == 'string' do
      local record = self.records:run(at)
      if not record then break end
      own(self, record, list)
      at = type(record.parent) == 'table' and record.parent.run or nil
    end
    self.known[id] = #list > 0 and list
  end
  return self.known[id] or nil
end

return M
