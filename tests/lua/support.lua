-- support.lua - throw-away projects for the specs.
local lfs = require 'lfs'

local M = {}

M.base = [[
local avcl = require 'avcl'
return {
  defaults = { width = 4, data = 'synth', batch = 4, device = 'reference' },
  inputs = {
    rgb = avcl.clip { frames = 2, size = 8, resize = { 10, 9 } },
    mel = avcl.mel { bands = 16, columns = 16, crop = 8 },
  },
  stages = {
    pretrain = { split = 'unlab', epochs = 2, optim = avcl.sgd { lr = 1e-2 }, select = 'last',
                 val_split = 'none' },
    finetune = { from = 'pretrain', head = avcl.head { hidden = 8, dropout = 0.5 }, epochs = 2,
                 optim = avcl.sgd { lr = 1e-2, schedule = 'cosine' }, select = 'max val/top1' },
    test = { from = 'finetune', clips = 2, metrics = { 'top1' } },
  },
}
]]

M.model = [[
local avcl = require 'avcl'
local base = require 'experiments._base.avcl'

local function stream(g, x, name, width)
  return g:scope(name, function()
    local w = g:weight('weight', { width, x.shape[2], 1, 3, 3 }, { 'uniform', 0.3 })
    return { pool = g:global_avg_pool(g:relu(g:conv3d(x, w, { pad = { 0, 1, 1 } }))) }
  end)
end

local function model(g, p)
  local v = stream(g, g:input 'rgb', 'video', p.width)
  local a = stream(g, g:input 'mel', 'audio', p.width)
  g:minimize(p.lambda_self, g:mean(g:square(v.pool - a.pool)))
  return { features = { v.pool, a.pool }, taps = { video = v, audio = a } }
end
]]

M.study = M.model .. [[

return avcl.experiment {
  name = 'study', base = base, model = model,
  rows = avcl.rows { { label = 'base' }, { label = 'mel', modalities = 'mel' } },
  columns = { avcl.metric { 'synth', metric = 'test/top1', select = 'max val/top1' } },
  seeds = { 1, 2 },
}
]]

function M.write(path, text)
  local f = assert(io.open(path, 'w'))
  f:write(text)
  f:close()
end

--- A new project folder with experiments/ and the base in it.
function M.project()
  local root = os.tmpname()
  os.remove(root)
  assert(lfs.mkdir(root))
  lfs.mkdir(root .. '/experiments')
  lfs.mkdir(root .. '/experiments/_base')
  M.write(root .. '/experiments/_base/avcl.lua', M.base)
  return root
end

--- Writes a script into a project and returns its path.
function M.script(root, text, name)
  local path = ('%s/experiments/%s.lua'):format(root, name or 'study')
  M.write(path, text)
  return path
end

function M.remove(root)
  assert(root:match '^/tmp/')
  os.execute("rm -rf '" .. root .. "'")
end

--- What Debian's Python, which has the packages that tests install, prints for a program.
function M.python(code)
  local path = os.tmpname()
  M.write(path, code)
  local text, rc = M.shell('/usr/bin/python3 ' .. path)
  os.remove(path)
  assert(rc == 0, text)
  return text
end

--- Records of finished runs, as a runner would leave them, without training: answer(run) gives
--- { top1 = …, n = …, items = bytes, … } or nil for a run that is not there.
function M.finish(plan, store, answer, context)
  local doc, record = require 'avcl.doc', require 'avcl.record'
  for _, run in ipairs(plan.runs) do
    local a = answer(run)
    if a then
      store:publish(run.id, 'run.yaml', record.run(run, context or { script = 'study.lua' }))
      if a.items then store:publish_bytes(run.id, 'items.bin', a.items, #a.items) end
      for epoch, text in ipairs(a.epochs or {}) do
        store:append_line(run.id, 'epochs.jsonl', ('{"epoch":%d,%s}'):format(epoch, text))
      end
      store:publish(run.id, 'result.yaml', doc.map {
        { 'schema', 'avcl.result/1' }, { 'run', run.id },
        { 'select', { rule = a.rule or 'max val/top1', epoch = 2 } },
        { 'metrics', { [run.kind == 'test' and 'test' or 'val'] = {
          top1 = doc.float(a.top1), n = a.n } } },
        { 'items', a.items and { file = 'items.bin' } or nil },
        { 'cost', { wall_s = doc.float(a.wall_s or 60) } },
      })
    end
  end
end

--- stdout and stderr of a shell command together, and its exit code.
function M.shell(command)
  local pipe = io.popen('( ' .. command .. ' ) 2>&1; echo "rc=$?"')
  local text = pipe:read '*a'
  pipe:close()
  local output, code = text:match '^(.*)rc=(%d+)\n$'
  return output, tonumber(code)
end

return M
