-- cli/cam.lua - `avcl cam RUN`: where a trained network looks, drawn over its clips (Fig. 2).
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local clips = require 'avcl.cam.clip'
local doc = require 'avcl.doc'
local given = require 'avcl.cli.given'
local map = require 'avcl.cam.map'
local media = require 'avcl.media'
local probe = require 'avcl.cam.probe'
local recorded = require 'avcl.cli.recorded'
local render = require 'avcl.cam.render'
local scores = require 'avcl.cam.score'
local suggest = require 'avcl.suggest'
local term = require 'avcl.cli.term'
local text = require 'avcl.cli.data.text'

local M = {
  summary = 'Draw class activation maps of a run over video and sound: PNG and mp4.',
  example = 'avcl cam 3f9c2a71 --video clip.mp4',
  examples = {
    { 'avcl cam 3f9c2a71', 'test clips of its own data, one a class' },
    { 'avcl cam 3f9c2a71 --video clip.mp4 --class bell', 'a file; what speaks for this class' },
    { 'avcl cam 3f9c2a71 --score', 'on a synthetic set with masks: does it look at what moves?' },
  },
}

function M.setup(command)
  command:argument('run', 'A trained or tested run, by its first digits.'):argname 'RUN'
  at_store.option(command)
  command:option('--video', 'This file rather than clips of the data set.'):argname 'FILE'
    :count '*'
  command:option('--data', "Another data set than the run's: a name or a manifest."):argname 'DATA'
  command:option('--split', 'Whose clips.'):default 'test':argname 'NAME'
  command:option('--clips', 'How many, one a class first.'):default '4':convert(text.count)
    :argname 'N'
  command:option('--class', 'The class that is explained; the predicted one when not given.')
    :argname 'NAME'
  command:flag('--per-frame', 'Each frame by its own extremes, not the clip.')
  command:flag('--score', 'Draw nothing; score all clips of the split against motion masks.')
  command:option('-o --out', 'Folder of the files (cam-RUN).'):argname 'DIR'
  command:flag('--json', 'One document, schema avcl.cam/1.')
end

-- ---- which clips ----------------------------------------------------------------------------

-- One of each class in turn, until there are n.
local function spread(list, n)
  local by_class, out, round = {}, {}, 1
  for _, sample in ipairs(list) do
    by_class[sample.label] = by_class[sample.label] or {}
    table.insert(by_class[sample.label], sample)
  end
  local labels = {}
  for label in pairs(by_class) do labels[#labels + 1] = label end
  table.sort(labels)
  while #out < math.min(n, #list) do
    for _, label in ipairs(labels) do
      if #out < n and by_class[label][round] then out[#out + 1] = by_class[label][round] end
    end
    round = round + 1
  end
  return out
end

local function choose(r, args)
  if #args.video > 0 then
    local d = given.files(args.video)
    return d, clips.list(d)
  end
  local d = given.data(r, args.data)
  d:count(args.split) -- an unknown one is an error
  local list = clips.list(d, args.split)
  return d, args.score and list or spread(list, args.clips)
end

local function class_index(name, names)
  if not name then return nil end
  for i, known in ipairs(names) do
    if known == name then return i - 1 end
  end
  c.raise_at('command line', 'NOT_FOUND', "--class: no class '%s'%s", name,
    suggest.text(name, names))
end

-- ---- one clip -------------------------------------------------------------------------------

-- Class from 0 and its softmax probability.
local function prediction(logits, class)
  local best, sum = 1, 0
  for i, x in ipairs(logits) do
    if x > logits[best] then best = i end
  end
  for _, x in ipairs(logits) do sum = sum + math.exp(x - logits[best]) end
  local of = class and class + 1 or best
  return best - 1, math.exp(logits[of] - logits[best]) / sum
end

local function score_of(self, sample, clip, view)
  local v = self.r.values
  return scores.of(view.map, scores.mask(sample, {
    start_frame = clip.start_frame, frames = view.picture.n, size = view.picture.side,
    resize = v['rgb.resize'], fps = v['rgb.fps'],
  }))
end

-- Maps in the size of the pictures, and the video's score where there is a mask.
local function found_of(self, sample, clip, seen)
  local out = { sample = sample, clip = clip, views = {} }
  if seen.logits then out.class, out.score = prediction(seen.logits, self.class) end
  for i, s in ipairs(seen.streams) do
    local picture = clip.pictures[s.input]
    local m = map.resize(map.activation(s.maps, s.shape, s.alpha), picture.n, picture.side,
      picture.side)
    local view = { name = s.name, picture = picture, map = map.normalise(m, self.per_frame) }
    out.views[i] = view
    out.has_mask = out.has_mask or s.name == 'video' and scores.mask_path(sample)
    if s.name == 'video' and out.has_mask then
      out.on_mask = score_of(self, sample, clip, view)
    end
  end
  return out
end

-- Calls each(found) for all samples.
local function look(self, samples, each)
  for first = 1, #samples, probe.BATCH do
    local read, tensors = {}, {}
    for i = 1, math.min(probe.BATCH, #samples - first + 1) do
      local sample = samples[first + i - 1]
      read[i] = clips.read(self.dataset, sample.index, self.r.values, self.probed.used)
      tensors[i] = read[i].tensors
    end
    for i, seen in ipairs(self.probed:look(tensors)) do
      each(found_of(self, samples[first + i - 1], read[i], seen))
    end
    if c.stop_requested() ~= 0 then require 'avcl.cli'.finish(require 'avcl.cli'.exit.again) end
  end
end

-- "test-000003" of test/000003.mp4; a file from elsewhere by its name alone.
local function base_of(self, rel)
  local folder, name = rel:match '([^/]*)/([^/]+)$'
  name = (name or rel):gsub('%.%w+$', '')
  if folder and folder ~= '' and rel:sub(1, 1) ~= '/' then name = folder .. '-' .. name end
  local n, taken = 1, self.taken
  local unique = name
  while taken[unique] do
    n = n + 1
    unique = ('%s-%d'):format(name, n)
  end
  taken[unique] = true
  return self.out .. '/' .. unique
end

local function draw(self, found)
  local base = base_of(self, found.sample.rel)
  render.sheet(base .. '.png', found.views)
  found.files = { base .. '.png' }
  for _, view in ipairs(found.views) do
    if view.name == 'video' then
      local fps = self.r.values['rgb.fps']
      if fps == 0 then fps = media.probe(found.sample.path).fps end
      render.video(base .. '.mp4', view, found.sample.path, found.clip.start_s, fps)
      found.files[2] = base .. '.mp4'
    end
  end
end

-- ---- what is said ---------------------------------------------------------------------------

local function name_of(self, label)
  return label and label >= 0 and self.names[label + 1] or nil
end

local function clip_row(self, found)
  local s = found.on_mask
  return {
    found.sample.rel, name_of(self, found.sample.label) or '-',
    found.class and name_of(self, found.class) or '(no classifier)',
    found.score and ('%.3f'):format(found.score) or '-',
    s and (s.hit and 'inside' or 'outside') or '-', s and ('%.1f'):format(100 * s.energy) or '-',
    table.concat(found.files or {}, ' '),
  }
end

local function means_text(m)
  return ('video maps on what moves and sounds, %d clips with masks (synthetic data)\n'
    .. '  pointing game  %.1f %%   a random point %.1f %%, the middle of the picture %.1f %%\n'
    .. '  energy inside  %.1f %%   an even map %.1f %%'):format(m.n, 100 * m.hit, 100 * m.area,
    100 * m.centre, 100 * m.energy, 100 * m.area)
end

local function clip_doc(self, found)
  local s = found.on_mask
  return doc.map {
    { 'clip', found.sample.rel }, { 'label', name_of(self, found.sample.label) },
    { 'class', name_of(self, found.class) }, { 'score', found.score and doc.float(found.score) },
    { 'hit', s and s.hit or nil }, { 'energy', s and doc.float(s.energy) },
    { 'area', s and doc.float(s.area) }, { 'files', found.files and doc.list(found.files) },
  }
end

local function report(self, all, tally, args)
  local m = tally.means()
  if args.json then
    local list = doc.list()
    for i, found in ipairs(all) do list[i] = clip_doc(self, found) end
    print(doc.json(doc.map {
      { 'schema', 'avcl.cam/1' }, { 'run', self.r.id }, { 'of', args.class or 'predicted' },
      { 'pointing', m.n > 0 and doc.float(m.hit) or nil },
      { 'energy', m.n > 0 and doc.float(m.energy) or nil },
      { 'area', m.n > 0 and doc.float(m.area) or nil },
      { 'centre', m.n > 0 and doc.float(m.centre) or nil }, { 'n', m.n }, { 'clips', list },
    }))
    return
  end
  if not args.score then
    local rows = { { 'clip', 'label', args.class and 'predicted' or 'class',
      args.class and args.class or 'score', 'points', 'energy %', 'files' } }
    for i, found in ipairs(all) do rows[i + 1] = clip_row(self, found) end
    print(term.columns(rows, { [4] = true, [6] = true }))
  end
  if m.n > 0 then print(means_text(m)) end
end

-- The verb's state: the recorded run, its data, names, probes.
local function prepare(args)
  local store, view = at_store.open(args)
  local r = recorded.open(store, view:get(view:find(args.run), 'run'))
  if args.class and r.kind ~= 'supervised' then
    c.raise_at('command line', 'INVALID', '--class: run %s has no classifier (stage %s)',
      r.id:sub(1, 8), r.stage)
  end
  local self = {
    r = r, per_frame = args.per_frame, out = args.out or 'cam-' .. r.id:sub(1, 8), taken = {},
  }
  self.dataset, self.samples = choose(r, args)
  self.names = #args.video == 0 and self.dataset:classes() or given.classes(r, args.data)
  self.class = class_index(args.class, self.names)
  self.probed = probe.new(r, self.class)
  return self
end

function M.run(args)
  local self = prepare(args)
  if not args.score then c.call('avcl_store_mkdirs', self.out) end
  local all, tally = {}, scores.tally()
  look(self, self.samples, function(found)
    if found.has_mask then tally.add(found.on_mask) end
    if not args.score then draw(self, found) end
    found.clip, found.views = nil, nil -- pictures: by now they are files
    all[#all + 1] = found
  end)
  if args.score and tally.means().n == 0 then
    c.raise_at(nil, 'NOT_FOUND', "no clip of split '%s' has a motion mask; avcl data synth --masks "
      .. 'makes them', args.split)
  end
  report(self, all, tally, args)
end

return M
