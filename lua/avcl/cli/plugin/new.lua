-- cli/plugin/new.lua - `avcl plugin new KIND NAME`: a folder with a plugin that passes its check.
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'
local hosts = require 'avcl.host'
local lfs = require 'lfs'
local suggest = require 'avcl.suggest'

local M = { summary = 'Make a plugin to start from: source, Makefile, test and README.' }

local kinds = { 'backbone', 'fusion', 'alignment', 'loss', 'method', 'op', 'dataset', 'transform' }

-- How each stands in a script, for its README.
local builder = "It stands in scripts by its name, `'tiny'`, or by its full name, "
  .. "`'org.example.tiny/tiny'`."
local uses = {
  op = "In a script: `g:op('tiny', { x })`, or by its full name, `'org.example.tiny/tiny'`.",
  dataset = '`avcl run SCRIPT data=tiny:` trains on it, `data=tiny:PATH` on what lies there; with '
    .. 'parameters,\nname it in `avcl.lua`: '
    .. "`data = { mine = { dataset = 'tiny', params = { … } } }`.",
  transform = 'In a script: `transforms = { tiny = { p = 0.5 } }`; on the command line '
    .. '`transforms.tiny.p=0.5`.',
}

function M.setup(command)
  command:argument('kind', table.concat(kinds, ', ') .. '.'):argname 'KIND'
  command:argument('name', 'Its name; a folder of that name is made.'):argname 'NAME'
  command:option('--id', 'Reverse DNS, unique; org.example.NAME.'):argname 'ID'
end

-- <prefix>/share/avcl/lua/avcl/cli/plugin/new.lua -> <prefix>
local function prefix()
  local file = debug.getinfo(1, 'S').source:sub(2)
  return c.realpath((file:match '^(.*)/[^/]*$') .. '/../../../../../..')
    or c.raise_at(nil, 'NOT_FOUND', 'cannot tell where avcl is installed')
end

local function read(path)
  local text, problem = disk.read(path)
  return text or c.raise_at(nil, 'NOT_FOUND', 'template %s', problem)
end

local function write(path, text)
  local f, problem = io.open(path, 'wb')
  if not (f and f:write(text) and f:close()) then
    c.raise_at(nil, 'IO', 'cannot write %s', problem or path)
  end
end

local function fill(text, args, root)
  local id = args.id or 'org.example.' .. args.name
  local values = {
    INCLUDE = root .. '/include', KIND = args.kind, MAJOR = tostring(hosts.api().abi_major),
    USE = uses[args.kind] or builder,
  }
  text = text:gsub('@(%u+)@', values)
  text = text:gsub('org%.example%.tiny', '\1'):gsub('%f[%w]tiny%f[^%w]', args.name)
  text = text:gsub('%f[%w]tiny_', args.name .. '_')
  return (text:gsub('\1', (id:gsub('%%', '%%%%'))))
end

local function check_kind(kind)
  for _, known in ipairs(kinds) do
    if kind == known then return end
  end
  local near = suggest.text(kind, kinds)
  c.raise_at(nil, 'INVALID', "no kind '%s'%s", kind, near ~= '' and near
    or '; there are ' .. table.concat(kinds, ', '))
end

function M.run(args)
  check_kind(args.kind)
  if not args.name:match '^%l[%l%d_]*$' then
    c.raise_at(nil, 'INVALID', "'%s' is not a name (a-z, then a-z, 0-9 and _)", args.name)
  end
  if args.id and not args.id:match '^[%w_-]+%.[%w._-]+$' then
    c.raise_at(nil, 'INVALID', "id '%s' is not reverse DNS, as org.lab.%s", args.id, args.name)
  end
  local root = prefix()
  local from = root .. '/share/avcl/template/'
  if lfs.attributes(args.name) then
    c.raise_at(nil, 'EXISTS', "'%s' is there already", args.name)
  end
  local files = {
    { args.kind .. '.c', args.name .. '.c' }, { 'Makefile', 'Makefile' }, { 'test.sh', 'test.sh' },
    { 'README.md', 'README.md' },
  }
  local texts = {}
  for i, file in ipairs(files) do texts[i] = fill(read(from .. file[1]), args, root) end
  if not lfs.mkdir(args.name) then c.raise_at(nil, 'IO', "cannot make folder '%s'", args.name) end
  for i, file in ipairs(files) do write(args.name .. '/' .. file[2], texts[i]) end
  print(('%s/: a %s; now\n  cd %s && make check'):format(args.name, args.kind, args.name))
end

return M
