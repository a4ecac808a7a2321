-- Every leaf of YAML files as avcl sees it, a JSON line each: [file, document, path, type, value].
local doc = require 'avcl.doc'

local function leaf(value)
  if value == doc.null then return 'null', '' end
  if type(value) == 'boolean' then return 'bool', tostring(value) end
  if type(value) == 'string' then return 'text', value end
  return 'number', value ~= value and 'nan' or ('%a'):format(value)
end

local function walk(where, path, value)
  if type(value) ~= 'table' or value == doc.null then
    local kind, text = leaf(value)
    print(doc.json(doc.list { where[1], where[2], doc.list { unpack(path) }, kind, text }))
    return
  end
  for key, item in pairs(value) do
    path[#path + 1] = type(key) == 'number' and tostring(key - 1) or key
    walk(where, path, item)
    path[#path] = nil
  end
end

for _, file in ipairs(arg) do
  local f = assert(io.open(file))
  local text, n = f:read '*a', 0
  f:close()
  if text:sub(1, 4) == '---\n' then
    local value = doc.read(file, n)
    while value do
      walk({ file, tostring(n) }, {}, value)
      n = n + 1
      value = doc.read(file, n)
    end
  else
    walk({ file, '0' }, {}, doc.parse(text))
  end
end
