-- cli/predict.lua - `avcl predict RUN FILE...`: which class a trained network sees in video files.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local csv = require 'avcl.csv'
local doc = require 'avcl.doc'
local evaluate = require 'avcl.evaluate'
local given = require 'avcl.cli.given'
local recorded = require 'avcl.cli.recorded'
local term = require 'avcl.cli.term'
local text = require 'avcl.cli.data.text'
local trained = require 'avcl.trained'
local C = c.C

local M = {
  summary = 'Classify video files by a trained run: class, probability, the next best.',
  example = 'avcl predict 3f9c2a71 clip.mp4',
  examples = {
    { 'avcl predict 3f9c2a71 a.mp4 b.mp4', 'the mean of 10 centre clips each, as in a test' },
    { 'avcl predict 3f9c2a71 *.mp4 --json --top 1', 'for another program' },
  },
}

function M.setup(command)
  command:argument('run', 'A run with a classifier, by its first digits.'):argname 'RUN'
  command:argument('videos', 'Files.'):args '+':argname 'FILE'
  at_store.option(command)
  command:option('--clips', 'Centre clips of a video.'):default '10':convert(text.count)
    :argname 'N'
  command:option('--top', 'How many classes are named.'):default '5':convert(text.count)
    :argname 'N'
  command:flag('--json', 'One document, schema avcl.predict/1.')
end

-- Classes by falling probability, as softmax of logits [k]: { { class, probability }, … }.
local function ranked(logits, k, names)
  local most, sum, list = -math.huge, 0, {}
  for i = 0, k - 1 do most = math.max(most, logits[i]) end
  for i = 0, k - 1 do sum = sum + math.exp(logits[i] - most) end
  for i = 0, k - 1 do
    local p = math.exp(logits[i] - most) / sum
    list[i + 1] = { class = names[i + 1], probability = p, index = i }
  end
  table.sort(list, function(a, b)
    if a.probability ~= b.probability then return a.probability > b.probability end
    return a.index < b.index
  end)
  return list
end

-- { path, ranked } of every file that could be read.
local function predictions(found, names)
  local list, v = {}, found.of.logits
  for i = 0, found.n - 1 do
    list[i + 1] = {
      path = c.string(C.avcl_features_path(found.ptr, i)),
      ranked = ranked(v.x + i * v.d, tonumber(v.d), names),
    }
  end
  return list
end

local function print_doc(r, list, failed, top)
  local files = doc.list()
  for i, p in ipairs(list) do
    local best = doc.list()
    for k = 1, math.min(top, #p.ranked) do
      best[k] = doc.map { { 'class', p.ranked[k].class },
        { 'probability', doc.float(p.ranked[k].probability) } }
    end
    files[i] = doc.map { { 'path', p.path }, { 'class', p.ranked[1].class },
      { 'probability', doc.float(p.ranked[1].probability) }, { 'top', best } }
  end
  local bad = doc.list()
  for i, f in ipairs(failed) do bad[i] = doc.map { { 'path', f[1] }, { 'reason', f[2] } } end
  print(doc.json(doc.map {
    { 'schema', 'avcl.predict/1' }, { 'run', r.id }, { 'files', files }, { 'failed', bad },
  }))
end

local function print_text(list, top)
  local rows = { { 'file', 'class', 'p', top > 1 and 'then' or nil } }
  for i, p in ipairs(list) do
    local rest = {}
    for k = 2, math.min(top, #p.ranked) do
      rest[k - 1] = ('%s %.3f'):format(p.ranked[k].class, p.ranked[k].probability)
    end
    rows[i + 1] = { p.path, p.ranked[1].class, ('%.3f'):format(p.ranked[1].probability),
      table.concat(rest, ', ') }
  end
  print(term.columns(rows, { [3] = true }))
end

function M.run(args)
  local store, view = at_store.open(args)
  local r = recorded.open(store, view:get(view:find(args.run), 'run'))
  if r.kind ~= 'supervised' then
    c.raise_at('command line', 'INVALID', 'run %s has no classifier (stage %s)', r.id:sub(1, 8),
      r.stage)
  end
  if args.clips == 0 then c.raise_at('command line', 'INVALID', '--clips 0 looks at nothing') end
  local at = trained.open(r, given.files(args.videos))
  local found = evaluate.features(at, 'given', args.clips, { 'logits' })
  local list, failed = predictions(found, given.classes(r)), csv.records_of(found.bad or '')
  if args.json then
    print_doc(r, list, failed, args.top)
  elseif #list > 0 then
    print_text(list, args.top)
  end
  for _, f in ipairs(failed) do term.say('avcl: %s: %s', f[1], f[2]) end
  if #failed > 0 then return require 'avcl.cli'.exit.failed end
end

return M
