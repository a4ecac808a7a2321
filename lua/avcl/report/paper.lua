-- report/paper.lua - published numbers beside ours: a reviewed YAML file, never code.
--
--   source: Table 3 of "Self-Supervised Contrastive Learning …"
--   tolerance: {ok: 1.0, okish: 3.0}        # points; these are the defaults
--   cells:
--     no AMFM: {K32: 73.5}                  # row label: {column title: value}
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
local spec = require 'avcl.spec'
local suggest = require 'avcl.suggest'

local M = {}

---@class avcl.Paper
---@field source string
---@field cells table<string, table<string, number>>
local Paper = {}
Paper.__index = Paper

local fields = {
  source = { type = 'string', required = true, doc = 'which table of which paper' },
  tolerance = { type = 'table', default = {} },
  cells = { type = 'table', required = true },
}
local tolerance = {
  ok = { type = 'number', default = 1, min = 0 }, okish = { type = 'number', default = 3, min = 0 },
}

local function line_of(path, text, key)
  local n = 0
  for line in (text .. '\n'):gmatch '(.-)\n' do
    n = n + 1
    if line:find(key, 1, true) then return path .. ':' .. n end
  end
  return path .. ':1'
end

--- Reads and checks a file; `path` as messages shall name it.
---@return avcl.Paper
function M.read(path)
  local text, problem = disk.read(path)
  if not text then c.raise_at(nil, 'NOT_FOUND', '%s', problem) end
  local ok, t = pcall(doc.parse, text)
  if not ok then c.raise_at(path .. ':1', 'INVALID', '%s', tostring(t)) end
  local self = spec.check(fields, t, 'a paper file', path .. ':1')
  self.tolerance = spec.check(tolerance, self.tolerance, 'tolerance', path .. ':1')
  self.path, self.text, self.sha256 = path, text, c.sha256(text)
  return setmetatable(self, Paper)
end

-- A row or column of the file that the table does not have is a slip.
local function check_names(self, t)
  local rows, columns = {}, {}
  for _, row in ipairs(t.rows) do rows[#rows + 1] = row.label end
  for _, column in ipairs(t.columns) do
    if column.metric then columns[#columns + 1] = column.title end
  end
  local function check(name, known, what)
    for _, k in ipairs(known) do
      if k == name then return end
    end
    c.raise_at(line_of(self.path, self.text, name), 'INVALID', "no %s '%s' in table '%s'%s", what,
      name, t.name, suggest.text(name, known))
  end
  for _, label in ipairs(config.sorted_keys(self.cells)) do
    if not t.is_part then check(label, rows, 'row') end
    for title, value in pairs(self.cells[label]) do
      check(title, columns, 'column')
      if type(value) ~= 'number' then
        c.raise_at(line_of(self.path, self.text, label), 'INVALID', "'%s' of '%s' is not a number",
          title, label)
      end
    end
  end
end

--- ok, okish or off.
function Paper:verdict(delta)
  local size = math.abs(delta)
  if size <= self.tolerance.ok then return 'ok' end
  return size <= self.tolerance.okish and 'okish' or 'off'
end

--- Puts { value, delta, verdict } into the cells that the paper has. A partial cell and one of
--- synthetic data are not judged.
function Paper:judge(t)
  check_names(self, t)
  t.paper = self
  for _, row in ipairs(t.rows) do
    for k, column in ipairs(t.columns) do
      local value = column.metric and (self.cells[row.label] or {})[column.title]
      if value then
        column.has_paper = true
        local cell = row.cells[k]
        cell.paper = { value = value }
        if cell.n > 0 and cell.n == cell.n_seeds and not t.notes.synthetic then
          cell.paper.delta = cell.mean - value
          cell.paper.verdict = self:verdict(cell.paper.delta)
          t.notes.off = t.notes.off or cell.paper.verdict == 'off' or nil
        end
      end
    end
  end
end

return M
