-- module_page.lua - prints core/doc/modules.md from the schemas of what comes with avcl:
--   avcl --safe lua core/tools/module_page.lua > core/doc/modules.md
local hosts = require 'avcl.host'

local host = hosts.get()
local order = { backbone = 1, fusion = 2, alignment = 3, loss = 4, method = 5, op = 6, device = 7 }

local function cell(text)
  return (tostring(text or ''):gsub('|', '\\|'))
end

local function range(row)
  if row.choices then return table.concat(row.choices, ', ') end
  if row.min and row.max then return ('%g … %g'):format(row.min, row.max) end
  if row.min then return ('≥ %g'):format(row.min) end
  return row.max and ('≤ %g'):format(row.max) or ''
end

local function shown(value)
  return type(value) == 'table' and '{ ' .. table.concat(value, ', ') .. ' }' or value
end

local function ports(title, list)
  if not list or #list == 0 then return end
  print(('\n%s:\n'):format(title))
  for _, p in ipairs(list) do
    print(('* `%s` [%s]%s: %s'):format(p.name, p.layout, p.optional and ', optional' or '', p.doc))
  end
end

local function params(list)
  if #list == 0 then return end
  print '\n| parameter | type | default | range | what |\n|---|---|---|---|---|'
  for _, row in ipairs(list) do
    print(('| `%s` | %s | %s | %s | %s |'):format(row.name, row.type, cell(shown(row.default)),
      cell(range(row)), cell(row.doc)))
  end
end

local modules = {}
for _, p in ipairs(host:inventory()) do
  for _, m in ipairs(p.builtin and p.modules or {}) do
    modules[#modules + 1] = host:find(m.kind, m.full_name)
  end
end
table.sort(modules, function(a, b)
  local x, y = hosts.short_kind(a.kind), hosts.short_kind(b.kind)
  if x ~= y then return (order[x] or 9) < (order[y] or 9) end
  return a.name < b.name
end)

print '# The modules that come with avcl\n'
print 'Made from their schemas by `core/tools/module_page.lua`; a test compares. Sizes:'
print '`avcl plugin info NAME`.'
for _, m in ipairs(modules) do
  print(('\n## %s `%s`\n\n%s'):format(hosts.short_kind(m.kind), m.name, m.summary))
  if m.cite then print('\nSource: ' .. m.cite .. '.') end
  params(m.params)
  ports('Inputs', m.inputs)
  ports('Outputs', m.outputs)
end
