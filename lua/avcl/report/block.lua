-- report/block.lua - a table as a part of a document that people write, between two comments:
--
--   <!-- avcl table study -->
--   | row | …
--   <!-- end of study -->
local c = require 'avcl.ffi'

local M = {}

local function marks(name)
  return ('<!-- avcl table %s -->\n'):format(name), ('<!-- end of %s -->'):format(name)
end

-- First and last byte of what lies between the marks; nil when one is missing.
local function find(text, name)
  local opening, closing = marks(name)
  local _, first = text:find(opening, 1, true)
  local last = first and text:find(closing, first + 1, true)
  if not last then return nil end
  return first + 1, last - 1
end

--- What lies between the marks of a table, and how many lines come before it; nil when there
--- are no marks.
function M.get(text, name)
  local first, last = find(text, name)
  if not first then return nil, 0 end
  return text:sub(first, last), select(2, text:sub(1, first - 1):gsub('\n', ''))
end

--- The document with another block.
function M.put(text, name, block, path)
  local first, last = find(text, name)
  if not first then
    c.raise_at(path, 'INVALID', "no place for the table: write the lines '%s' and '%s' into it",
      marks(name):sub(1, -2), (select(2, marks(name))))
  end
  return text:sub(1, first - 1) .. block .. text:sub(last + 1)
end

return M
