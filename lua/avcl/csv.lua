-- csv.lua - reads and writes RFC 4180 text; the reader is the one that manifests go through.
local c = require 'avcl.ffi'
local config = require 'avcl.config'

local M = {}

--- Iterates: for fields, line in csv.records 'train.csv' do … end; fields is a list of texts.
function M.records(path)
  local f = c.own(c.call('avcl_csv_open', path), 'avcl_csv_free')
  local record = c.new 'avcl_csv_record'
  local step = c.repeated('avcl_csv_next', f, record)
  return function()
    if step() ~= 0 then
      c.close(f)
      return nil
    end
    local fields = {}
    for i = 0, record.n - 1 do fields[i + 1] = c.string(record.field[i]) end
    return fields, tonumber(record.line)
  end
end

--- The same of CSV text.
function M.records_of(text)
  local path = os.tmpname()
  local f = assert(io.open(path, 'w'))
  f:write(text)
  f:close()
  local list = {}
  for fields in M.records(path) do list[#list + 1] = fields end
  os.remove(path)
  return list
end

local function field(text, separator)
  local has_mark = text:find '["\r\n]' or text:find(separator, 1, true)
  if has_mark or text:find '^[%s#]' or text:find '%s$' then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

--- One line, with its end; texts that need quotes get them.
---@param separator string? ',' when not given
function M.line(fields, separator)
  local out = {}
  separator = separator or ','
  for i, text in ipairs(fields) do out[i] = field(text, separator) end
  return table.concat(out, separator) .. '\n'
end

--- A value as pandas and R read it: shortest numbers, True and False, nothing for nil.
function M.scalar(value)
  if value == nil then return '' end
  if type(value) == 'boolean' then return value and 'True' or 'False' end
  if type(value) ~= 'number' then return config.value_text(value) end
  if value ~= value then return 'nan' end
  if math.abs(value) == math.huge then return value > 0 and 'inf' or '-inf' end
  return config.number_text(value)
end

return M
