-- runs.lua - the runs of a store as rows and columns, read through this user's cache.
--
--   local view = runs.open 'results'
--   for _, row in ipairs(view:select 'state == "done" and config.tau <= 0.1') do
--     print(view:get(row, 'run'), view:get(row, 'metrics.test.top1'))
--   end
--
-- Rows are numbers from 0 and hold until the next refresh. Columns: core/doc/store.md.
local c = require 'avcl.ffi'
local query = require 'avcl.query'
local suggest = require 'avcl.suggest'
local C = c.C

local M = {}

---@class avcl.Runs
local Runs = {}
Runs.__index = Runs

local MISSING, FALSE = c.const 'AVCL_CELL_MISSING', c.const 'AVCL_CELL_FALSE'
local TRUE, TEXT = c.const 'AVCL_CELL_TRUE', c.const 'AVCL_CELL_TEXT'

--- `cache` = '' reads everything anew and saves nothing.
---@return avcl.Runs
function M.open(root, cache)
  local ptr = c.own(c.call('avcl_runs_open', root, cache), 'avcl_runs_free')
  return setmetatable({ ptr = ptr, root = root }, Runs):update()
end

-- Pointers and texts are taken once; a refresh may move them.
function Runs:update()
  self.n = C.avcl_runs_count(self.ptr)
  self.getters, self.names, self.texts = {}, {}, {}
  for i = 0, C.avcl_runs_n_columns(self.ptr) - 1 do
    local name = c.string(C.avcl_runs_column_name(self.ptr, i))
    self.names[i + 1], self.names[name] = name, i
  end
  return self
end

--- Looks at the store again.
function Runs:refresh()
  c.call('avcl_runs_refresh', self.ptr)
  return self:update()
end

function Runs:close()
  c.close(self.ptr)
  self.ptr = nil
end

--- What reading cost: { n_cached, n_read, n_lines, is_saved }.
function Runs:stats()
  local s = C.avcl_runs_get_stats(self.ptr)
  return { n_cached = s.n_cached, n_read = s.n_read, n_lines = s.n_lines,
    is_saved = s.is_saved ~= 0 }
end

--- Names of all columns, sorted.
function Runs:columns()
  local list = { unpack(self.names) }
  table.sort(list)
  return list
end

function Runs:has_column(name)
  return self.names[name] ~= nil
end

local function absent() return nil end

--- function(row) -> number, text, boolean or nil. A name that no run has gives nil always.
function Runs:column(name)
  local get = self.getters[name]
  if get then return get end
  local index = self.names[name]
  if not index then return absent end
  local ptr, cells, texts = self.ptr, C.avcl_runs_cells(self.ptr, index), self.texts
  function get(row)
    local cell = cells[row]
    local tag = cell.text.tag
    if tag >= 0 or tag < MISSING then return cell.real end
    if tag == TEXT then
      local number = cell.text.index
      local text = texts[number]
      if not text then
        text = c.string(C.avcl_runs_text(ptr, number))
        texts[number] = text
      end
      return text
    end
    if tag == TRUE then return true end
    if tag == FALSE then return false end
    return nil
  end
  self.getters[name] = get
  return get
end

function Runs:get(row, name)
  return self:column(name)(row)
end

--- All values of a row by name.
function Runs:values(row)
  local out = {}
  for _, name in ipairs(self.names) do out[name] = self:get(row, name) end
  return out
end

--- Row of an id or of the beginning of one; raises NOT_FOUND or INVALID.
function Runs:find(prefix)
  local row = c.new 'int64_t[1]'
  c.call('avcl_runs_find', self.ptr, prefix, row)
  return tonumber(row[0])
end

--- Row of a whole id, nil when there is none.
function Runs:row(id)
  local row = c.new 'int64_t[1]'
  if not c.try('avcl_runs_find', self.ptr, id, row) then return nil end
  return tonumber(row[0])
end

-- `tau` stands for config.tau, `test.top1` for metrics.test.top1.
local shorthands = { '', 'config.', 'metrics.', 'cost.', 'config.stage.' }

--- Full name of a column or of its shorthand; raises with the nearest name.
function Runs:resolve(name)
  for _, prefix in ipairs(shorthands) do
    if self.names[prefix .. name] then return prefix .. name end
  end
  if self.n == 0 then return name end
  c.raise_at(nil, 'INVALID', "no run has a '%s'%s", name, suggest.text(name, self:columns()))
end

--- Rows for which a Lua expression over columns holds; all without one.
---@param expression string? `state == "done" and config.tau <= 0.1`
---@return integer[]
function Runs:select(expression)
  local rows = {}
  if not expression or expression == '' then
    for row = 0, self.n - 1 do rows[row + 1] = row end
    return rows
  end
  local holds = query.compile(expression, function(name)
    return self:column(self:resolve(name))
  end)
  for row = 0, self.n - 1 do
    if holds(row) then rows[#rows + 1] = row end
  end
  return rows
end

return M
