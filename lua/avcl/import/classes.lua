-- import/classes.lua - lists of classes: the built-in ones by name, or a user's file.
--
-- One class a line; "ours = theirs" collects under `ours` what the annotations call `theirs`, and
-- "ours =" says that they have none. Lines that begin with # are remarks.
local c = require 'avcl.ffi'
local lfs = require 'lfs'
local suggest = require 'avcl.suggest'

local M = {}

-- What the paper says of a list (its section 4.1); counts of clips.
M.paper = {
  ks32 = { train = 16100, val = 1100, test = 2000 },
  ks100_proposed = { train = 50200, val = 3900, test = 7200 },
}

local folder = package.searchpath('avcl.import.classes', package.path):gsub('%.lua$', '')

function M.names()
  local names = {}
  for file in lfs.dir(folder) do names[#names + 1] = file:match '^(.+)%.txt$' end
  table.sort(names)
  return names
end

local function path_of(name)
  for _, known in ipairs(M.names()) do
    if known == name then return ('%s/%s.txt'):format(folder, name) end
  end
  if lfs.attributes(name, 'mode') == 'file' then return name end
  c.raise_at(nil, 'NOT_FOUND', "no list of classes '%s'%s: neither a file nor one of %s", name,
    suggest.text(name, M.names()), table.concat(M.names(), ', '))
end

---@class avcl.ClassList
---@field file string
---@field names string[]             in order
---@field of table<string, string>   what annotations say -> name
---@field index table<string, integer>

--- Reads a list by its name or from a file.
---@return avcl.ClassList
function M.read(name)
  local file = path_of(name)
  local list = { name = name, file = file, names = {}, of = {}, index = {} }
  local n = 0
  for line in io.lines(file) do
    n = n + 1
    line = line:gsub('^\239\187\191', ''):match '^%s*(.-)%s*$'
    if line ~= '' and line:sub(1, 1) ~= '#' then
      local ours, theirs = line:match '^(.-)%s+=%s*(.*)$'
      ours, theirs = ours or line, theirs or line
      if list.index[ours] then
        c.raise_at(nil, 'INVALID', "%s: line %d: class '%s' twice", file, n, ours)
      end
      list.names[#list.names + 1] = ours
      list.index[ours] = #list.names
      if theirs ~= '' then list.of[theirs] = ours end
    end
  end
  if #list.names == 0 then c.raise_at(nil, 'INVALID', '%s: no class names', file) end
  return list
end

return M
