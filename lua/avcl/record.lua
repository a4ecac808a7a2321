-- record.lua - the documents of a run (experiments.md 4.5): what it is, what happened, results.
local c = require 'avcl.ffi'
local check = require 'avcl.check'
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local hosts = require 'avcl.host'
local machine = require 'avcl.machine'
local snapshot = require 'avcl.snapshot'

local M = {}

function M.time()
  return os.date '!%Y-%m-%dT%H:%M:%SZ'
end

local function flat_config(keys)
  local list = {}
  for i, path in ipairs(config.sorted_keys(keys.config)) do
    list[i] = { path, keys.config[path] }
  end
  return doc.map(list)
end

local function plugins(run)
  local list = doc.list()
  for i, p in ipairs(run.plugins) do
    list[i] = doc.map {
      { 'id', p.id }, { 'version', p.version }, { 'sha256', p.sha256 },
      { 'check', not p.builtin and check.status(p.path, p.sha256) or nil },
    }
  end
  return list
end

local function scripts(files)
  local list = doc.list()
  for i, f in ipairs(files or {}) do
    list[i] = doc.map { { 'path', f.path }, { 'sha256', f.sha256 } }
  end
  return list
end

local function libraries()
  local list = { { 'luajit', jit.version } }
  for _, lib in ipairs(machine.libraries()) do
    list[#list + 1] = { lib.name, lib.file:match '[^/]+$' }
  end
  return doc.map(list)
end

local function data(run)
  return doc.list { doc.map {
    { 'name', run.values.data }, { 'synthetic', run.data.synthetic }, { 'items', run.data.items },
    { 'classes', run.data.n_classes }, { 'sha256', run.data.hash },
  } }
end

--- run.yaml. context: { script, files, argv, git, engine }.
function M.run(run, context)
  local code = snapshot.code(context.engine, run.plugins)
  return doc.map {
    { 'schema', 'avcl.run/1' }, { 'run', run.id }, { 'experiment', context.script },
    { 'stage', run.stage }, { 'kind', run.kind }, { 'label', run.label },
    { 'parent', run.parent and doc.map { { 'run', run.parent.id } } or doc.null },
    { 'seed', run.seed },
    { 'keys', doc.map {
      { 'config', c.sha256(doc.json(run.keys.config, true)) }, { 'graph', run.keys.graph },
      { 'data', run.keys.data }, { 'parent', run.keys.parent or doc.null },
      { 'seed', run.seed }, { 'code', snapshot.hash(code) },
    } },
    { 'config', flat_config(run.keys) },
    { 'provenance', doc.map {
      { 'argv', doc.list { unpack(context.argv or {}) } },
      { 'git', context.git and doc.map {
        { 'sha', context.git.sha }, { 'dirty', context.git.dirty },
      } or doc.null },
      { 'code', doc.map(code) },
      { 'scripts', scripts(context.files) }, { 'plugins', plugins(run) }, { 'libs', libraries() },
      { 'data', data(run) },
    } },
  }
end

--- First document of an attempt.
function M.start(session_text, parent_sha)
  local m = machine.describe()
  return doc.map {
    { 'kind', 'start' }, { 'time', M.time() }, { 'pid', c.pid() },
    { 'host', doc.map {
      { 'name', m.name }, { 'cpu', m.cpu }, { 'threads', hosts.get():threads() },
      { 'isa', m.isa },
    } },
    { 'device', session_text }, { 'parent_ckpt_sha256', parent_sha },
  }
end

--- An attempt continues from a checkpoint of an earlier one.
function M.resume()
  return doc.map { { 'kind', 'resume' }, { 'time', M.time() } }
end

--- Last document of an attempt: state done, failed, preempted or cancelled. why: { message,
--- signal, log } of one that was not done.
function M.stop(state, phase, why)
  return doc.map {
    { 'kind', 'stop' }, { 'time', M.time() }, { 'state', state }, { 'phase', phase },
    { 'message', why.message }, { 'signal', why.signal },
    { 'log', why.log and doc.list(why.log) },
  }
end

-- Where the loader's threads spent an epoch: milliseconds a clip by stage, and what was decoded
-- for each frame that was used.
local function loader(l)
  local list, clips = {}, math.max(l.clips, 1)
  for _, name in ipairs(config.sorted_keys(l.seconds)) do
    list[#list + 1] = { name, doc.float(1000 * l.seconds[name] / clips) }
  end
  return doc.map {
    { 'clips', l.clips }, { 'padded', l.n_padded }, { 'mute', l.n_mute },
    { 'memory_hits', l.cache_hits },
    { 'amplification', doc.float(l.frames_decoded / math.max(l.frames_used, 1)) },
    { 'full_s', doc.float(l.full_s) }, { 'ms_per_clip', doc.map(list) },
  }
end

--- One line of epochs.jsonl.
function M.epoch(event)
  local list = { { 'epoch', event.epoch }, { 'lr', doc.float(event.lr) } }
  for _, name in ipairs(config.sorted_keys(event.metrics)) do
    if name:find('/', 1, true) then list[#list + 1] = { name, doc.float(event.metrics[name]) } end
  end
  list[#list + 1] = { 'clips_per_s', doc.float(event.clips_per_s) }
  list[#list + 1] = { 'wait_fraction', doc.float(event.wait_fraction) }
  if event.loader then list[#list + 1] = { 'loader', loader(event.loader) } end
  if event.is_best then list[#list + 1] = { 'best', true } end
  return doc.map(list)
end

-- { ['val/top1'] = 61 } -> { val = { top1 = 61 } }
local function by_split(metrics)
  local splits = {}
  for name, value in pairs(metrics) do
    local split, metric = name:match '^([^/]+)/(.+)$'
    if split then
      splits[split] = splits[split] or {}
      local integer = metric == 'n' or metric == 'n_failed' or metric == 'n_fit'
      splits[split][metric] = integer and value or doc.float(value)
    end
  end
  return splits
end

--- result.yaml. r: { select, metrics, items, cost, epochs, confusion }.
function M.result(run, r)
  return doc.map {
    { 'schema', 'avcl.result/1' }, { 'run', run.id }, { 'select', r.select and doc.map(r.select) },
    { 'metrics', by_split(r.metrics) }, { 'items', r.items and doc.map(r.items) },
    { 'confusion', r.confusion },
    { 'cost', doc.map {
      { 'wall_s', doc.float(r.wall_s) }, { 'cpu_s', doc.float(r.cpu_s) },
      { 'peak_rss_mib', machine.peak_rss_mib() },
      { 'clips_per_s', r.clips_per_s and doc.float(r.clips_per_s) or nil },
      { 'disk_mib', r.disk_mib and doc.float(r.disk_mib) or nil },
    } },
    { 'epochs', r.epochs and doc.map { { 'file', 'epochs.jsonl' }, { 'rows', r.epochs } } },
  }
end

-- What a run computes; what it cost may differ every time.
local function essence(r)
  return doc.json({ r.metrics or doc.null, r.select or doc.null, r.items or doc.null,
    r.confusion or doc.null }, true)
end

--- Whether two results, as read, hold the same numbers.
function M.same_result(a, b)
  return essence(a) == essence(b)
end

return M
