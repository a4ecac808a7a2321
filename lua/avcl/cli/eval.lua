-- cli/eval.lua - `avcl eval RUN`: a trained network on any data set, without a new run.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local doc = require 'avcl.doc'
local evaluate = require 'avcl.evaluate'
local fields = require 'avcl.fields'
local given = require 'avcl.cli.given'
local recorded = require 'avcl.cli.recorded'
local suggest = require 'avcl.suggest'
local term = require 'avcl.cli.term'
local text = require 'avcl.cli.data.text'
local trained = require 'avcl.trained'

local M = {
  summary = 'Evaluate a run on a data set: accuracy, what its features hold, features as files.',
  example = 'avcl eval 3f9c2a71 --data k100 --split test',
  examples = {
    { 'avcl eval 3f9c2a71', 'on the test split of its own data' },
    { 'avcl eval 3f9c2a71 --data data/mine.csv --split val', 'another data set of its classes' },
    { 'avcl eval 3f9c2a71 --measure knn,retrieval --fit few5', 'what its features hold' },
    { 'avcl eval 3f9c2a71 --features out', 'feature_*.npy, labels.npy and videos.csv' },
  },
}

-- Words apart by commas, each one of those known.
local function names_of(known, what)
  return function(words)
    local list = {}
    for word in words:gmatch '[^,]+' do
      local found = false
      for _, name in ipairs(known) do found = found or name == word end
      if not found then
        return nil, ("no %s '%s'%s"):format(what, word, suggest.text(word, known))
      end
      list[#list + 1] = word
    end
    return list
  end
end

function M.setup(command)
  command:argument('run', 'A trained or tested run, by its first digits.'):argname 'RUN'
  at_store.option(command)
  command:option('--data', "Another data set than the run's: a name or a manifest."):argname 'DATA'
  command:option('--split', 'Whose videos.'):default 'test':argname 'NAME'
  command:option('--clips', 'Centre clips of a video.'):default '10':convert(text.count)
    :argname 'N'
  command:option('--average', 'What a score is the mean of.'):choices { 'logits', 'softmax' }
    :default 'logits'
  command:option('--measure', 'probe,knn,retrieval,geometry: what features hold. All of them for a '
    .. 'run without a classifier.'):convert(names_of(fields.MEASURES, 'measure')):argname 'LIST'
  command:option('--fit', 'Split that probes and neighbours learn from.'):default 'train'
    :argname 'NAME'
  command:option('--of', 'video,audio,fused,video_conv5,audio_conv5: which features.')
    :convert(names_of(fields.FEATURES, 'feature')):argname 'LIST'
  command:option('--features', 'Write features of the split there, as .npy.'):argname 'DIR'
  command:flag('--json', 'One document, schema avcl.eval/1.')
end

-- A network that tells other classes apart would be scored on numbers that mean nothing.
local function check_classes(r, dataset, args)
  local id, n = r.id:sub(1, 8), dataset:n_classes()
  local name = args.data or r.values.data
  if n ~= r.classes then
    c.raise_at('command line', 'INVALID', "run %s tells %d classes apart, data set '%s' has %d", id,
      r.classes, name, n)
  end
  if not args.data then return end
  local ok, own = pcall(given.data, r)
  if not ok then
    term.say("avcl: warning: data set '%s' of run %s is not here: classes are taken to be in one "
      .. 'order', r.values.data, id)
    return
  end
  local theirs = dataset:classes()
  for i, known in ipairs(own:classes()) do
    if theirs[i] ~= known then
      c.raise_at('command line', 'INVALID', "class %d of run %s is '%s', of data set '%s' '%s': a "
        .. 'class file with one order lets them be compared', i - 1, id, known, name, theirs[i])
    end
  end
end

local function merge(into, from)
  for name, value in pairs(from) do into[name] = value end
end

-- Accuracy, measures and files, as far as they are asked for.
local function work(r, at, args)
  local out = { metrics = {}, bad = '' }
  local measures = args.measure or r.kind == 'pretext' and fields.MEASURES or {}
  if r.kind == 'supervised' then
    local tested = evaluate.test(at, { split = args.split, clips = args.clips,
      average = args.average })
    merge(out.metrics, tested.metrics)
    out.confusion, out.bad = tested.confusion, tested.bad or ''
  end
  if #measures > 0 then
    local looked = evaluate.look(at, {
      split = args.split, fit_split = args.fit, clips = args.clips, evaluate = measures,
      probe_l2 = fields.stage.probe_l2.default,
      probe_iterations = fields.stage.probe_iterations.default,
    })
    merge(out.metrics, looked.metrics)
    out.test, out.bad = looked.test, looked.bad
  end
  if args.features then
    out.test = out.test or evaluate.features(at, args.split, args.clips, at.built.features)
    evaluate.save(out.test, args.features)
  end
  return out
end

local function confusion_doc(rows)
  if not rows then return nil end
  local out = doc.list()
  for i, row in ipairs(rows) do out[i] = doc.list { unpack(row) } end
  return out
end

local function print_doc(r, dataset, args, out)
  local metrics = {}
  for i, name in ipairs(config.sorted_keys(out.metrics)) do
    metrics[i] = { name, doc.float(out.metrics[name]) }
  end
  print(doc.json(doc.map {
    { 'schema', 'avcl.eval/1' }, { 'run', r.id }, { 'stage', r.stage },
    { 'data', args.data or r.values.data }, { 'data_sha256', dataset:hash() },
    { 'synthetic', dataset:is_synthetic() }, { 'split', args.split }, { 'clips', args.clips },
    { 'metrics', doc.map(metrics) }, { 'confusion', confusion_doc(out.confusion) },
    { 'features', args.features },
  }))
end

local function print_text(r, dataset, args, out)
  print(('run %s (%s) on %s, split %s%s'):format(r.id:sub(1, 8), r.stage,
    args.data or r.values.data, args.split, dataset:is_synthetic() and ' (synthetic data)' or ''))
  local rows = {}
  for i, name in ipairs(config.sorted_keys(out.metrics)) do
    rows[i] = { '  ' .. name, config.number_text(tonumber(('%.6g'):format(out.metrics[name]))) }
  end
  print(term.columns(rows, { [2] = true }))
  if args.features then
    print(('features of %d videos in %s'):format(out.test.n, args.features))
  end
end

function M.run(args)
  local store, view = at_store.open(args)
  local r = recorded.open(store, view:get(view:find(args.run), 'run'))
  local dataset = given.data(r, args.data)
  dataset:count(args.split) -- an unknown one is an error
  if r.kind == 'supervised' then check_classes(r, dataset, args) end
  local look = (args.measure or args.features or r.kind == 'pretext') and (args.of or {}) or nil
  local at = trained.open(r, dataset, look)
  local out = work(r, at, args)
  if #out.bad > 0 then
    term.say('avcl: warning: videos that could not be read:\n%s', (out.bad:gsub('\n$', '')))
  end
  local print_it = args.json and print_doc or print_text
  print_it(r, dataset, args, out)
end

return M
