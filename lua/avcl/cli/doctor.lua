-- cli/doctor.lua - `avcl doctor`: what this machine and this build have, and what is missing.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local hosts = require 'avcl.host'
local machine = require 'avcl.machine'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Check this machine: libraries, plugins, store, threads.',
  example = 'avcl doctor --store results',
}

function M.setup(command)
  command:option('--store', 'Where records go.'):default(os.getenv 'AVCL_STORE' or 'results')
    :argname 'DIR'
  command:flag('--json', 'One JSON document.')
end

-- Whether a store can be written: its folder, or the place where it would be made.
local function store_state(path)
  local at = path
  while at ~= '' and not require 'lfs'.attributes(at) do
    at = at:match '^(.*)/[^/]+$' or (at == '.' and '' or '.')
  end
  return c.writable(at == '' and '/' or at)
end

local function collect(args)
  local host = hosts.get()
  local checks = {}
  local function check(name, ok, text)
    checks[#checks + 1] = { name = name, ok = ok, text = text }
  end
  local m = machine.describe()
  check('machine', true, ('%s, %d of %d cores, %s'):format(m.cpu, host:threads(), m.cores, m.isa))
  check('memory', true, term.bytes(m.memory))
  check('luajit', true, jit.version .. (jit.status() and '' or ' (compiler off)'))
  for _, lib in ipairs(machine.libraries()) do check(lib.name, true, lib.file) end
  local n_good = 0
  for _, p in ipairs(host:inventory()) do
    local names = {}
    for i, mod in ipairs(p.modules) do names[i] = mod.name end
    local good = p.state == 'loaded' or p.state == 'ok'
    n_good = n_good + (good and 1 or 0)
    check('plugin', good, good and table.concat(names, ', ')
      or ('%s: %s: %s'):format(p.path, p.state, p.reason or '?'))
  end
  if n_good == 0 then check('plugins', false, 'none found; set AVCL_PLUGIN_PATH') end
  for _, device in ipairs { 'cpu', 'reference' } do
    local ok, problem = pcall(host.find, host, 'device', device)
    check('device', ok, ok and device or tostring(problem))
  end
  local writable = store_state(args.store)
  check('store', writable, args.store .. (writable and ' is writable' or ' cannot be written'))
  return checks
end

function M.run(args)
  local checks, bad = collect(args), 0
  for _, check in ipairs(checks) do bad = bad + (check.ok and 0 or 1) end
  if args.json then
    print(doc.json(doc.map { { 'schema', 'avcl.doctor/1' }, { 'checks', doc.list(checks) } }))
  else
    local rows = {}
    for i, check in ipairs(checks) do
      rows[i] = { check.ok and 'ok' or 'BAD', check.name, check.text }
    end
    print(term.columns(rows))
  end
  return bad > 0 and require 'avcl.cli'.exit.failed or nil
end

return M
