-- stats.lua - figures of a data set by split and class: lengths, rates, sizes, codecs, faults.
--
--   local s = stats.of(dataset.open 'data/k32', { decode = true })
--   s.all.clips, s.splits.train.seconds.median, s.classes[1].faults
local survey = require 'avcl.survey'

local M = {}

M.SHORT = 16 -- frames of the paper's clip

M.bad_states = { missing = true, unreadable = true, corrupt = true }

-- ---- one group of clips ---------------------------------------------------------------------

local function new_group(name)
  return {
    name = name, clips = 0, bytes = 0, no_audio = 0, silent = 0, short = 0, vfr = 0,
    ok = 0, repaired = 0, missing = 0, unreadable = 0, corrupt = 0,
    lengths = {}, rates = {}, sizes = {}, codecs = {}, sound = {},
  }
end

local function count(t, key)
  t[key] = (t[key] or 0) + 1
end

local function sound_of(info)
  if not info.has_audio then return 'none' end
  return ('%s %d Hz %d ch'):format(info.audio_codec, info.sample_rate, info.channels)
end

local function add(g, finding)
  local info = finding.info
  g.clips = g.clips + 1
  g[finding.state] = g[finding.state] + 1
  if M.bad_states[finding.state] then return end
  g.bytes = g.bytes + finding.bytes
  g.lengths[#g.lengths + 1] = info.video_s
  count(g.rates, ('%.3g fps'):format(info.fps))
  count(g.sizes, ('%dx%d'):format(info.width, info.height))
  count(g.codecs, ('%s in %s'):format(info.video_codec, info.format:match '^[^,]*'))
  count(g.sound, sound_of(info))
  if not info.has_audio then g.no_audio = g.no_audio + 1 end
  if finding.silent then g.silent = g.silent + 1 end
  if info.n_frames < M.SHORT then g.short = g.short + 1 end
  if info.is_vfr then g.vfr = g.vfr + 1 end
end

-- Sum, extremes and median in place of the list.
local function close(g)
  table.sort(g.lengths)
  local n, sum = #g.lengths, 0
  for _, s in ipairs(g.lengths) do sum = sum + s end
  local low, high = g.lengths[math.floor((n + 1) / 2)], g.lengths[math.ceil((n + 1) / 2)]
  g.seconds = {
    sum = sum, min = g.lengths[1] or 0, median = n > 0 and (low + high) / 2 or 0,
    max = g.lengths[n] or 0,
  }
  g.lengths = nil
  g.faults = g.missing + g.unreadable + g.corrupt
  return g
end

--- { 'aac 24000 Hz', 12 }, …: the most frequent first, equals bytewise.
function M.by_count(t)
  local list = {}
  for name, n in pairs(t) do list[#list + 1] = { name, n } end
  table.sort(list, function(a, b)
    if a[2] ~= b[2] then return a[2] > b[2] end
    return a[1] < b[1]
  end)
  return list
end

-- ---- a data set -------------------------------------------------------------------------------

local function look(dataset, options)
  local paths, index, samples = {}, {}, {}
  for sample in dataset:samples() do
    if not options.split or options.split == sample.split then
      samples[#samples + 1] = sample
      if not index[sample.path] then
        paths[#paths + 1] = sample.path
        index[sample.path] = #paths
      end
    end
  end
  local found = survey.files(paths, options)
  for _, sample in ipairs(found and samples or {}) do
    sample.finding = found[index[sample.path]]
  end
  return found and samples
end

local function group(list, by, name)
  if not by[name] then
    by[name] = new_group(name)
    list[#list + 1] = by[name]
  end
  return by[name]
end

---@class avcl.Stats
---@field all table       figures of all clips: clips, seconds, rates, sizes, codecs, sound, faults
---@field splits table[]  the same by split, in the manifest's order
---@field classes table[] the same by class; each has `splits` by name
---@field bad table[]     samples with a finding that is not ok
---@field decoded boolean

--- Figures of a data set, or nil when a stop was asked for.
---@param options { decode: boolean?, split: string?, workers: integer?, progress: function? }
---@return avcl.Stats?
function M.of(dataset, options)
  if options.split then dataset:count(options.split) end -- an unknown one is an error
  local samples = look(dataset, options)
  if not samples then return nil end
  local names = dataset:classes()
  local s = { all = new_group 'all', splits = {}, classes = {}, bad = {}, decoded = options.decode }
  local by_split, by_class = {}, {}
  for i, name in ipairs(names) do
    by_class[i - 1] = new_group(name)
    s.classes[i] = by_class[i - 1]
  end
  by_class[-1] = new_group '(no label)'
  for _, sample in ipairs(samples) do
    local class = by_class[sample.label]
    class.splits = class.splits or {}
    class.splits[sample.split] = class.splits[sample.split] or new_group(sample.split)
    for _, g in ipairs { s.all, group(s.splits, by_split, sample.split), class,
      class.splits[sample.split] } do
      add(g, sample.finding)
    end
    if sample.finding.state ~= 'ok' then s.bad[#s.bad + 1] = sample end
  end
  if by_class[-1].clips > 0 then s.classes[#s.classes + 1] = by_class[-1] end
  close(s.all)
  for _, g in ipairs(s.splits) do close(g) end
  for _, g in ipairs(s.classes) do
    close(g)
    for _, cell in pairs(g.splits or {}) do close(cell) end
  end
  return s
end

return M
