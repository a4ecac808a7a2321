-- cli/show.lua - `avcl show RUN`: all that the records say of a run.
local at_store = require 'avcl.cli.at_store'
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Show the records of a run: what it is, how it went, what came out.',
  example = 'avcl show 3f9c2a71',
}

function M.setup(command)
  command:argument('run', 'The first digits of its id are enough.'):argname 'RUN'
  at_store.option(command)
  command:flag('--json', 'The documents, schema avcl.show/1.')
end

--- All documents of all attempts: { { attempt, document }, … }.
local function attempts(store, id, last)
  local list = {}
  for n = 1, last do
    local file, index = ('attempt-%d.yaml'):format(n), 0
    local d = store:read(id, file, 0)
    while d do
      list[#list + 1] = { attempt = n, doc = d }
      index = index + 1
      d = store:read(id, file, index)
    end
  end
  return list
end

local function flat(value, prefix, out)
  for _, key in ipairs(config.sorted_keys(value)) do
    local v, path = value[key], prefix .. key
    if type(v) == 'table' and v ~= doc.null and #v == 0 and next(v) then
      flat(v, path .. '.', out)
    else
      out[#out + 1] = { '  ' .. path, type(v) == 'table' and v ~= doc.null
        and table.concat(v, ', ') or at_store.text(v) }
    end
  end
  return out
end

local function section(title, rows)
  if #rows == 0 then return end
  print(title)
  print(term.columns(rows))
end

local function event_text(e)
  local d = e.doc
  local text = d.kind == 'stop' and d.state or d.kind
  if d.host then text = text .. ' on ' .. tostring(d.host.name) .. ', pid ' .. tostring(d.pid) end
  if d.phase then text = text .. ' in ' .. d.phase end
  if d.signal then text = text .. ', ' .. d.signal end
  if d.message then text = text .. ': ' .. d.message end
  return text
end

local function print_run(view, row, run, result, events)
  local get = function(name) return view:get(row, name) end
  local head = { { 'run', get 'run' }, { 'state', get 'state' } }
  for _, name in ipairs { 'problem', 'experiment', 'stage', 'label', 'seed', 'parent', 'data',
    'synthetic', 'git', 'dirty' } do
    if get(name) ~= nil then head[#head + 1] = { name, at_store.text(get(name)) } end
  end
  print(term.columns(head))
  local history = {}
  for i, e in ipairs(events) do
    history[i] = { '  ' .. e.attempt, tostring(e.doc.time or '-'), event_text(e) }
  end
  section('attempts', history)
  if run then section('config', flat(run.config or {}, '', {})) end
  if not result then return end
  section('select', flat(result.select or {}, '', {}))
  section('metrics', flat(result.metrics or {}, '', {}))
  section('cost', flat(result.cost or {}, '', {}))
end

function M.run(args)
  local store, view = at_store.open(args)
  local row = view:find(args.run)
  local id = view:get(row, 'run')
  local run, result = store:read(id, 'run.yaml'), store:read(id, 'result.yaml')
  local events = attempts(store, id, view:get(row, 'attempt') or 0)
  if not args.json then return print_run(view, row, run, result, events) end
  local list = doc.list()
  for i, e in ipairs(events) do list[i] = { attempt = e.attempt, document = e.doc } end
  print(doc.json(doc.map {
    { 'schema', 'avcl.show/1' }, { 'state', view:get(row, 'state') },
    { 'run', run or doc.null }, { 'attempts', list }, { 'result', result or doc.null },
  }))
end

return M
