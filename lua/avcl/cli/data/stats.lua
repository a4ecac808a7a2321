-- cli/data/stats.lua - `avcl data stats` and `check`: what a data set holds, what is wrong in it.
local c = require 'avcl.ffi'
local datasets = require 'avcl.dataset'
local doc = require 'avcl.doc'
local project = require 'avcl.project'
local stats = require 'avcl.stats'
local term = require 'avcl.cli.term'
local text = require 'avcl.cli.data.text'

local M = { actions = {} }

local SHOWN = 20 -- faulty files on the screen; JSON has all
local KINDS = 4  -- of a rate, a size, a codec

function M.setup(data)
  local docs = {
    stats = 'Lengths, rates, sizes, codecs, sound and faults by split and class.',
    check = 'Decode every file of a set; exit 1 when one cannot be used.',
  }
  for _, name in ipairs { 'stats', 'check' } do
    local command = data:command(name, docs[name])
    command:argument('data', 'A name, a manifest or a folder.'):argname 'DATA'
    command:option('--split', 'This split only.'):argname 'NAME'
    command:option('-j --workers', 'Threads (cores).'):argname 'N':convert(text.count)
    command:flag('--json', 'One JSON document.')
    if name == 'check' then command:flag('--quick', 'Read headers and packets, decode nothing.') end
  end
end

-- ---- text -------------------------------------------------------------------------------------

local function seconds(x)
  return ('%.3g'):format(x)
end

local function common(t)
  local list, out, rest = stats.by_count(t), {}, 0
  for i, item in ipairs(list) do
    if i <= KINDS then
      out[i] = ('%s: %s'):format(item[1], term.count(item[2]))
    else
      rest = rest + item[2]
    end
  end
  if rest > 0 then out[#out + 1] = ('%d others: %s'):format(#list - KINDS, term.count(rest)) end
  return table.concat(out, ', ')
end

local function right(first, n)
  local t = {}
  for i = first, n do t[i] = true end
  return t
end

local figures = {
  { 'clips', function(g) return term.count(g.clips) end },
  { 'hours', function(g) return ('%.3g'):format(g.seconds.sum / 3600) end },
  { 'min s', function(g) return seconds(g.seconds.min) end },
  { 'median', function(g) return seconds(g.seconds.median) end },
  { 'max', function(g) return seconds(g.seconds.max) end },
  { 'size', function(g) return term.bytes(g.bytes) end },
  { 'no audio', function(g) return term.count(g.no_audio) end },
  { 'silent', function(g) return term.count(g.silent) end, decoded = true },
  { '< 16 frames', function(g) return term.count(g.short) end },
  { 'repaired', function(g) return term.count(g.repaired) end },
  { 'missing', function(g) return term.count(g.missing) end },
  { 'unreadable', function(g) return term.count(g.unreadable) end },
  { 'corrupt', function(g) return term.count(g.corrupt) end },
}

local function figure_table(what, groups, decoded)
  local head, rows = { what }, {}
  for _, f in ipairs(figures) do
    if decoded or not f.decoded then head[#head + 1] = f[1] end
  end
  rows[1] = head
  for _, g in ipairs(groups) do
    local row = { g.name }
    for _, f in ipairs(figures) do
      if decoded or not f.decoded then row[#row + 1] = f[2](g) end
    end
    rows[#rows + 1] = row
  end
  return term.columns(rows, right(2, #head))
end

local function show(s)
  print(figure_table('split', s.splits, s.decoded))
  print()
  print(figure_table('class', s.classes, s.decoded))
  print()
  print(term.columns {
    { 'rate', common(s.all.rates) .. (s.all.vfr > 0 and (', variable: ' .. s.all.vfr) or '') },
    { 'pictures', common(s.all.sizes) }, { 'video', common(s.all.codecs) },
    { 'sound', common(s.all.sound) },
  })
end

local function show_bad(s)
  for i, sample in ipairs(s.bad) do
    if i > SHOWN then
      print(('… and %d more; --json lists all'):format(#s.bad - SHOWN))
      break
    end
    print(('%s: %s: %s'):format(sample.rel, sample.finding.state, sample.finding.reason))
  end
end

-- ---- JSON -------------------------------------------------------------------------------------

local counted = {
  'clips', 'bytes', 'ok', 'repaired', 'missing', 'unreadable', 'corrupt', 'faults', 'no_audio',
  'silent', 'short', 'vfr',
}

local function counts(t)
  local list = {}
  for i, item in ipairs(stats.by_count(t)) do list[i] = item end
  return doc.map(list)
end

local function group_doc(g, decoded)
  local list = { { 'name', g.name } }
  for _, key in ipairs(counted) do
    if decoded or key ~= 'silent' then list[#list + 1] = { key, g[key] } end
  end
  local length = {}
  for i, key in ipairs { 'sum', 'min', 'median', 'max' } do
    length[i] = { key, doc.float(g.seconds[key]) }
  end
  list[#list + 1] = { 'seconds', doc.map(length) }
  for _, key in ipairs { 'rates', 'sizes', 'codecs', 'sound' } do
    list[#list + 1] = { key, counts(g[key]) }
  end
  if g.splits then
    local cells = {}
    for name, cell in pairs(g.splits) do cells[#cells + 1] = { name, group_doc(cell, decoded) } end
    table.sort(cells, function(a, b) return a[1] < b[1] end)
    list[#list + 1] = { 'splits', doc.map(cells) }
  end
  return doc.map(list)
end

local function document(name, s)
  local splits, classes, bad = {}, {}, {}
  for i, g in ipairs(s.splits) do splits[i] = group_doc(g, s.decoded) end
  for i, g in ipairs(s.classes) do classes[i] = group_doc(g, s.decoded) end
  for i, sample in ipairs(s.bad) do
    bad[i] = doc.map {
      { 'path', sample.rel }, { 'split', sample.split }, { 'state', sample.finding.state },
      { 'reason', sample.finding.reason },
    }
  end
  return doc.map {
    { 'schema', 'avcl.stats/1' }, { 'data', name }, { 'decoded', s.decoded and true or false },
    { 'all', group_doc(s.all, s.decoded) }, { 'splits', doc.list(splits) },
    { 'classes', doc.list(classes) }, { 'bad', doc.list(bad) },
  }
end

-- ---- verbs ------------------------------------------------------------------------------------

local function look(args, decode)
  local d = datasets.open(project.data_file(project.root './here', args.data))
  c.hold_signals(true)
  local ok, s = pcall(stats.of, d, {
    decode = decode, split = args.split, workers = args.workers, progress = text.progress 'files',
  })
  c.hold_signals(false)
  text.progress_end()
  d:close()
  if not ok then error(s, 0) end
  if not s then require 'avcl.cli'.finish(require 'avcl.cli'.exit.again) end
  return s
end

function M.actions.stats(args)
  local s = look(args, false)
  if args.json then print(doc.json(document(args.data, s))) else show(s) end
end

function M.actions.check(args)
  local s = look(args, not args.quick)
  if args.json then
    print(doc.json(document(args.data, s)))
  else
    show(s)
    if #s.bad > 0 then print() end
    show_bad(s)
    print(('%s of %s clips cannot be used'):format(term.count(s.all.faults),
      term.count(s.all.clips)))
  end
  return s.all.faults > 0 and require 'avcl.cli'.exit.failed or nil
end

return M
