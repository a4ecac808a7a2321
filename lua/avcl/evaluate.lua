-- evaluate.lua - a trained model on a split: test accuracy, and what its features hold.
--
-- Retrieval never looks at fused features: a gate that both streams share tells which pairs belong
-- together.
local c = require 'avcl.ffi'
local fields = require 'avcl.fields'
local hosts = require 'avcl.host'
local inputs = require 'avcl.inputs'
local C = c.C

local M = {}

local AVERAGES = { logits = C.AVCL_AVERAGE_LOGITS, softmax = C.AVCL_AVERAGE_SOFTMAX }
local DEPTHS = { 1, 5, 10, 20, 50 }

--- Neighbours and temperature: solo-learn's, and MoCo's demo and lightly's.
local KNN = { { name = 'knn', k = 20, t = 0.07 }, { name = 'knn200', k = 200, t = 0.1 } }

---@class avcl.Looked  what is looked at: a compiled model with its weights, and a data set
---@field session avcl.Session
---@field built table   what stage.build returned
---@field values table  flat
---@field dataset avcl.Dataset

-- The second value must outlive the first.
local function options_of(at, split, clips, average)
  local o = c.new 'avcl_eval_options'
  o.split, o.batch, o.workers = split, at.built.batch, at.values.workers
  o.average = AVERAGES[average or 'logits']
  inputs.fill_view(o.view, at.values, at.built.used, { random = false, n_clips = clips })
  local bad = c.new 'char *[1]'
  o.bad = bad
  return o, { split, bad }, bad
end

-- ---- accuracy ------------------------------------------------------------------------------

--- Tests: metrics by name, the bits of correct samples and the confusion matrix.
---@param at avcl.Looked
---@param f { split: string, clips: integer, average: string? }
function M.test(at, f)
  local n, classes = at.dataset:count(f.split), at.dataset:n_classes()
  local o, keep, bad = options_of(at, f.split, f.clips, f.average)
  local out = c.new 'avcl_eval_result'
  local n_bytes = math.ceil(n / 8)
  local items = c.new('uint8_t[?]', math.max(n_bytes, 1))
  local confusion = c.new('int64_t[?]', math.max(classes * classes, 1))
  c.call('avcl_evaluate', at.session.ptr, at.dataset.ptr, o, out, items, confusion)
  local metrics = {}
  for _, name in ipairs { 'loss', 'top1', 'top5', 'per_class', 'n', 'n_failed' } do
    metrics[f.split .. '/' .. name] = tonumber(out[name])
  end
  local rows = {}
  for i = 0, classes - 1 do
    rows[i + 1] = {}
    for k = 0, classes - 1 do rows[i + 1][k + 1] = tonumber(confusion[i * classes + k]) end
  end
  return {
    metrics = metrics, items = items, n_bytes = n_bytes, confusion = rows,
    bad = c.take_text(bad[0]), keep and nil,
  }
end

-- ---- features ------------------------------------------------------------------------------

---@class avcl.Features { n, n_failed, bad: CSV lines?, of: name -> avcl_vectors, ptr }

local function kept_as(name)
  return name == 'logits' and name or 'feature/' .. name
end

--- Features of a split, means over the clips of each video.
---@param at avcl.Looked
---@param names string[] of features.keep, or 'logits' of a classifier
---@return avcl.Features
function M.features(at, split, clips, names)
  local o, keep, bad = options_of(at, split, clips)
  local list = {}
  for i, name in ipairs(names) do list[i] = kept_as(name) end
  local ptr = c.own(c.call('avcl_features_read', at.session.ptr, at.dataset.ptr, o,
    c.new('const char *[?]', #list, list), #list), 'avcl_features_free', at.dataset.ptr)
  local out = {
    ptr = ptr, n = tonumber(C.avcl_features_n(ptr)), of = {}, split = split,
    n_failed = tonumber(C.avcl_features_n_failed(ptr)), bad = c.take_text(bad[0]),
    keep and nil,
  }
  local d = c.new 'int64_t[1]'
  for i, name in ipairs(names) do
    local v = c.new 'avcl_vectors'
    v.x = c.call('avcl_features_get', ptr, list[i], d)
    v.n, v.d, v.label = out.n, d[0], C.avcl_features_labels(ptr)
    out.of[name] = v
  end
  return out
end

--- Writes feature_NAME.npy, labels.npy and videos.csv into a folder.
function M.save(features, dir)
  c.call('avcl_store_mkdirs', dir)
  c.call('avcl_features_save', features.ptr, dir)
end

-- ---- measures ------------------------------------------------------------------------------

-- Everything a measure needs: fit and test features, classes, fields of the stage.
local measures = {}

local function put(self, measure, feature, metric, value)
  self.metrics[('%s/%s_%s'):format(measure, feature, metric)] = value
  if feature == self.main then self.metrics[measure .. '/' .. metric] = value end
end

function measures.knn(self)
  local out = c.new 'avcl_accuracy'
  for _, name in ipairs(self.names) do
    for _, how in ipairs(KNN) do
      c.call('avcl_knn', self.fit.of[name], self.test.of[name], self.n_classes, how.k, how.t,
        self.threads, out)
      put(self, how.name, name, 'top1', out.top1)
      put(self, how.name, name, 'top5', out.top5)
    end
  end
end

function measures.probe(self)
  local o, out = c.new 'avcl_probe_options', c.new 'avcl_probe_result'
  o.l2, o.max_iterations, o.n_threads = self.f.probe_l2, self.f.probe_iterations,
    self.threads
  for _, name in ipairs(self.names) do
    c.call('avcl_probe', self.fit.of[name], self.test.of[name], self.n_classes, o, out)
    put(self, 'probe', name, 'top1', out.test.top1)
    put(self, 'probe', name, 'top5', out.test.top5)
    put(self, 'probe', name, 'train_top1', out.train_top1)
  end
end

local function retrieve(self, name, query, gallery, relevance)
  local out = c.new 'avcl_retrieval'
  c.call('avcl_retrieve', query, gallery, relevance, self.threads, out)
  for i, depth in ipairs(DEPTHS) do
    self.metrics[('retrieval/%s@%d'):format(name, depth)] = out.recall[i - 1]
  end
  self.metrics[('retrieval/%s_median'):format(name)] = out.median_rank
end

-- Across modalities: the other stream of the same video. Within one: a training clip of the class.
function measures.retrieval(self)
  local test = self.test.of
  if test.video and test.audio and test.video.d == test.audio.d then
    retrieve(self, 'v2a', test.video, test.audio, C.AVCL_SAME_ITEM)
    retrieve(self, 'a2v', test.audio, test.video, C.AVCL_SAME_ITEM)
  end
  for _, name in ipairs(self.names) do
    if name ~= 'fused' then
      retrieve(self, name, test[name], self.fit.of[name], C.AVCL_SAME_CLASS)
    end
  end
end

function measures.geometry(self)
  local out, alignment = c.new 'avcl_geometry', c.new 'double[1]'
  local test = self.test.of
  for _, name in ipairs(self.names) do
    c.call('avcl_measure_geometry', test[name], self.threads, out)
    for _, what in ipairs { 'uniformity', 'rank', 'spread' } do
      self.metrics[('geometry/%s_%s'):format(name, what)] = out[what]
    end
  end
  if test.video and test.audio and test.video.d == test.audio.d then
    c.call('avcl_measure_alignment', test.video, test.audio, alignment)
    self.metrics['geometry/alignment'] = alignment[0]
  end
end

--- Measures of two splits' features: { ['probe/top1'] = … }.
---@param f table evaluate, probe_l2, probe_iterations
---@return table<string, number>
function M.measure(fit, test, names, n_classes, f)
  local self = {
    fit = fit, test = test, names = names, n_classes = n_classes, f = f, metrics = {
      ['evaluate/n'] = test.n, ['evaluate/n_failed'] = test.n_failed + fit.n_failed,
      ['evaluate/n_fit'] = fit.n,
    }, threads = hosts.get():threads(), main = names[1],
  }
  for _, name in ipairs(names) do
    if name == 'fused' then self.main = name end
  end
  for _, measure in ipairs(f.evaluate) do
    local ok, problem = pcall(measures[measure], self)
    if not ok then
      c.raise_at(nil, 'INVALID', "%s, learnt from split '%s', on split '%s': %s", measure,
        fit.split, test.split, tostring(problem))
    end
  end
  return self.metrics
end

--- What features hold: metrics, the CSV lines of clips that could not be read, the features.
---@param at avcl.Looked
---@param f table split, fit_split, clips, evaluate, probe_l2, probe_iterations
function M.look(at, f)
  local names = at.built.features
  local fit = M.features(at, f.fit_split, f.clips, names)
  local test = M.features(at, f.split, f.clips, names)
  return {
    metrics = M.measure(fit, test, names, at.dataset:n_classes(), f),
    bad = (fit.bad or '') .. (test.bad or ''), test = test,
  }
end

--- Metrics of a model in training, from the centre clip of each video.
---@param at avcl.Looked
---@param f table monitor, monitor_split, monitor_fit of the stage
---@return table<string, number>
function M.monitor(at, f)
  return M.look(at, {
    split = f.monitor_split, fit_split = f.monitor_fit, clips = 1, evaluate = f.monitor,
    probe_l2 = fields.stage.probe_l2.default,
    probe_iterations = fields.stage.probe_iterations.default,
  }).metrics
end

return M
