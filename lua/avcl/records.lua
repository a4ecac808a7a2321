-- records.lua - what the store's files say about runs, read once each.
--
-- The one place through which tables, curves and exports read: a run that is done never changes.
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local runs = require 'avcl.runs'

local M = {}

---@class avcl.Records
local Records = {}
Records.__index = Records

---@param store avcl.Store
---@return avcl.Records
function M.new(store)
  return setmetatable({ store = store, cache = {} }, Records)
end

local function cached(self, id, what, read)
  local of = self.cache[id] or {}
  self.cache[id] = of
  if of[what] == nil then of[what] = read() or false end
  return of[what] or nil
end

--- Lets go of what was read of a run.
function Records:forget(id)
  self.cache[id] = nil
end

--- run.yaml: what a run is.
function Records:run(id)
  return cached(self, id, 'run', function() return self.store:read(id, 'run.yaml') end)
end

--- result.yaml; nil until the run is done.
function Records:result(id)
  return cached(self, id, 'result', function() return self.store:read(id, 'result.yaml') end)
end

function Records:state(id)
  if self:result(id) then return 'done' end
  return cached(self, id, 'state', function() return (self.store:state(id)) end)
end

--- One bit a test item, was it right: the bytes, and how many items.
---@return string? bits, integer n
function Records:items(id)
  local result = self:result(id)
  local run = self:run(id)
  if not (result and run and result.items) then return nil, 0 end
  local of = result.metrics and result.metrics[run.config['stage.split'] or 'test']
  local bits = cached(self, id, 'items', function()
    return disk.read(self.store:run_path(id, result.items.file or 'items.bin'))
  end)
  local n = of and of.n or 0
  if bits and #bits < math.ceil(n / 8) then return nil, 0 end
  return bits, n
end

--- Lines of epochs.jsonl in order of epochs; of an epoch done twice, the later line.
function Records:epochs(id)
  return cached(self, id, 'epochs', function()
    local by_epoch, order = {}, {}
    for line in (disk.read(self.store:run_path(id, 'epochs.jsonl')) or ''):gmatch '[^\n]+' do
      local ok, t = pcall(doc.parse, line)
      if ok and type(t) == 'table' and t.epoch then
        if not by_epoch[t.epoch] then order[#order + 1] = t.epoch end
        by_epoch[t.epoch] = t
      end
    end
    table.sort(order)
    for i, epoch in ipairs(order) do order[i] = by_epoch[epoch] end
    return order
  end)
end

--- What runs say of a data set that is not here, by its hash: { sha256, classes, … }.
function Records:data_sets(name)
  local view, found = runs.open(self.store.root), {}
  local id, data, hash = view:column 'run', view:column 'data', view:column 'keys.data'
  for row = 0, view.n - 1 do
    if data(row) == name and hash(row) and not found[hash(row)] then
      local run = self:run(id(row))
      for _, d in ipairs(run and run.provenance and run.provenance.data or {}) do
        if d.name == name and d.classes then found[hash(row)] = d end
      end
    end
  end
  view:close()
  return found
end

return M
