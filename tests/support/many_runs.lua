-- many_runs.lua - a store with any number of finished runs, invented, for tests of readers.
--
--   avcl lua tests/support/many_runs.lua STORE N [FAILED]
--
-- Records have the size and shape of those of a real study. Nothing is synced to disk.
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local stores = require 'avcl.store'

local root, n, n_failed = arg[1], tonumber(arg[2]), tonumber(arg[3] or 0)

local function document(value)
  local body = doc.yaml(value)
  return ('---\n%s# crc32c: %08x\n...\n'):format(body,
    tonumber(c.C.avcl_crc32c(0, body, #body)) % 2 ^ 32)
end

local function write(path, text)
  local f = assert(io.open(path, 'wb'))
  f:write(text)
  f:close()
end

local function config(i)
  local list = {}
  for k = 1, 60 do list[k] = { ('key_%02d'):format(k), k * 0.25 } end
  list[#list + 1] = { 'backbone', 'r3d' }
  list[#list + 1] = { 'cgra_at', doc.list { 'pool-final' } }
  list[#list + 1] = { 'tau', (i % 10 + 1) * 0.05 }
  list[#list + 1] = { 'stage.optim.lr', 1e-3 * (i % 7 + 1) }
  return doc.map(list)
end

local function run_document(id, i)
  local sha = c.sha256('x' .. i % 100)
  return doc.map {
    { 'schema', 'avcl.run/1' }, { 'run', id }, { 'experiment', 'experiments/many.lua' },
    { 'stage', i % 3 == 0 and 'pretrain' or 'finetune' },
    { 'kind', i % 3 == 0 and 'pretext' or 'supervised' },
    { 'label', 'row ' .. i % 1000 }, { 'parent', doc.null }, { 'seed', i % 5 + 1 },
    { 'keys', doc.map {
      { 'config', sha }, { 'graph', sha }, { 'data', sha }, { 'parent', doc.null },
      { 'seed', i % 5 + 1 },
    } },
    { 'config', config(i) },
    { 'provenance', doc.map {
      { 'argv', doc.list { 'run', 'experiments/many.lua' } },
      { 'git', doc.map { { 'sha', sha:sub(1, 40) }, { 'dirty', i % 11 == 0 } } },
      { 'scripts', doc.list { doc.map { { 'path', 'experiments/many.lua' }, { 'sha256', sha } } } },
      { 'data', doc.list { doc.map { { 'name', 'invented' }, { 'synthetic', true },
        { 'items', 1000 }, { 'sha256', sha } } } },
    } },
  }
end

local function result_document(id, i)
  local top1 = (i * 7919 % 10000) / 100
  return doc.map {
    { 'schema', 'avcl.result/1' }, { 'run', id },
    { 'select', doc.map { { 'rule', 'last' }, { 'epoch', 3 } } },
    { 'metrics', { val = { top1 = doc.float(top1 / 2), loss = doc.float(1 / (i + 1)) },
      test = { top1 = doc.float(top1), top5 = doc.float(99.5), n = 1000 } } },
    { 'cost', doc.map { { 'wall_s', doc.float(i % 60 + 0.5) }, { 'cpu_s', doc.float(1.5) },
      { 'peak_rss_mib', 100 }, { 'clips_per_s', doc.float(61.2) } } },
  }
end

local function time(i, minute)
  return ('2026-11-%02dT12:%02d:00Z'):format(i % 28 + 1, minute)
end

local function attempt_text(i, failed)
  local host = doc.map { { 'name', 'node' .. i % 4 }, { 'threads', 2 }, { 'isa', 'avx2' } }
  return document(doc.map {
    { 'kind', 'start' }, { 'time', time(i, 0) }, { 'pid', i % 30000 + 2 }, { 'host', host },
  }) .. document(doc.map {
    { 'kind', 'stop' }, { 'time', time(i, 1) }, { 'state', failed and 'failed' or 'done' },
    { 'phase', failed and 'train' or 'record' },
    { 'message', failed and 'loss is not a number' or nil },
  })
end

local store, made = stores.open(root, true), {}
for i = 1, n do
  local id = c.sha256('run ' .. i):sub(1, 32)
  local folder, failed = store:run_path(id), i <= n_failed
  if not made[folder:match '^(.*)/'] then
    c.call('avcl_store_mkdirs', folder:match '^(.*)/')
    made[folder:match '^(.*)/'] = true
  end
  c.call('avcl_store_mkdirs', folder)
  write(folder .. '/run.yaml', document(run_document(id, i)))
  write(folder .. '/attempt-1.yaml', attempt_text(i, failed))
  if not failed then write(folder .. '/result.yaml', document(result_document(id, i))) end
end
