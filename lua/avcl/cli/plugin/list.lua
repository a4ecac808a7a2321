-- cli/plugin/list.lua - `avcl plugin list`: what there is, and what keeps the rest out.
local doc = require 'avcl.doc'
local hosts = require 'avcl.host'
local term = require 'avcl.cli.term'

local M = { summary = 'The modules there are; --all: every plugin file, its state and why.' }

function M.setup(command)
  command:flag('--all', 'Every candidate file, also those shadowed by another.')
  command:flag('--json', 'One JSON document.')
end

local function list_json(list)
  local plugins = doc.list()
  for i, p in ipairs(list) do
    local modules = doc.list()
    for k, m in ipairs(p.modules) do
      modules[k] = doc.map {
        { 'kind', m.kind }, { 'name', m.name }, { 'summary', m.summary },
        { 'numerics', m.numerics },
      }
    end
    plugins[i] = doc.map {
      { 'path', p.path }, { 'state', p.state }, { 'id', p.id }, { 'version', p.version },
      { 'builtin', p.builtin }, { 'shadowed', p.shadowed }, { 'sha256', p.sha256 },
      { 'reason', p.reason }, { 'modules', modules },
    }
  end
  print(doc.json(doc.map { { 'schema', 'avcl.plugins/1' }, { 'plugins', plugins } }))
end

-- Without --all: the modules, and whatever has something to say; a shadowed copy has not.
local function rows_of(list, all)
  local rows = {}
  for _, p in ipairs(list) do
    if all or (p.reason and not p.shadowed) then
      rows[#rows + 1] = { p.state, p.id ~= '' and p.id or '-', p.path, p.reason or '' }
    end
    local usable = p.state == 'ok' or p.state == 'loaded'
    for _, m in ipairs(usable and not all and p.modules or {}) do
      rows[#rows + 1] = { hosts.short_kind(m.kind), m.name, p.version or '', m.summary or '' }
    end
  end
  return rows
end

function M.run(args)
  local list = hosts.get():inventory()
  if args.json then return list_json(list) end
  local rows = rows_of(list, args.all)
  if #rows == 0 then
    term.say 'no plugins found; set AVCL_PLUGIN_PATH'
    return
  end
  print(term.columns(rows))
end

return M
