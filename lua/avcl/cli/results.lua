-- cli/results.lua - what verbs on results share: the plan, its records, and data from records.
local c = require 'avcl.ffi'
local lock = require 'avcl.report.lock'
local paper = require 'avcl.report.paper'
local collect = require 'avcl.report.collect'
local doc = require 'avcl.doc'
local records = require 'avcl.records'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local suggest = require 'avcl.suggest'
local term = require 'avcl.cli.term'

local M = {}

-- What is known of a data set that is not on this machine: from the lock, else from the runs.
local function known_data(name, known, all)
  for _, d in ipairs(known and known.data or {}) do
    if d.name == name then return d end
  end
  local found
  for _, d in pairs(all:data_sets(name)) do
    if found then return nil, 'the records know several of that name' end
    found = d
  end
  return found
end

-- Opens data sets; those that are not here are as the records have them.
local function data_source(verb, store, all, name)
  return function(open, experiment)
    local cache = {}
    return function(set, cache_mib)
      if cache[set] then return cache[set] end
      local ok, d = pcall(open, set, cache_mib)
      if not ok then
        if not c.is_error(d, 'NOT_FOUND') then error(d, 0) end
        local known, problem = known_data(set, lock.read(store, name or experiment.name), all)
        if not known then
          c.raise_at(nil, 'NOT_FOUND', '%s%s', d.message, problem and '; ' .. problem or '')
        end
        term.say("avcl %s: data set '%s' is not here: taken as the records have it", verb, set)
        d = { hash = known.sha256, n_classes = known.classes, items = known.items,
          synthetic = known.synthetic }
      end
      cache[set] = d
      return d
    end
  end
end

--- How a verb was called, without the program's own options.
function M.command(verb, args)
  local parts = { 'avcl', verb, args.script }
  for _, text in ipairs(args.overrides or {}) do
    parts[#parts + 1] = text:find '[^%w_.=,+~@/:-]' and "'" .. text .. "'" or text
  end
  if args.sweep then parts[#parts + 1] = '-m' end
  for _, name in ipairs { 'seeds', 'only', 'as' } do
    if args[name] then
      local text = args[name]:find '[^%w_.,/-]' and "'" .. args[name] .. "'" or args[name]
      parts[#parts + 1] = ('--%s %s'):format(name, text)
    end
  end
  return table.concat(parts, ' ')
end

---@class avcl.Results
---@field experiment avcl.Experiment
---@field plan avcl.Plan
---@field records avcl.Records
---@field store avcl.Store
---@field root string of the project

--- Plan and records of a verb's script.
---@return avcl.Results
function M.open(args, verb)
  local store = stores.open(args.store)
  local all = records.new(store)
  local experiment, plan, loaded = study.plan(args, data_source(verb, store, all, args.as))
  return { experiment = experiment, plan = plan, records = all, store = store, root = loaded.root }
end

local function paper_of(r)
  local path = r.experiment.paper
  if not path then return nil end
  if path:sub(1, 1) == '/' then return paper.read(path), path end
  local here = c.realpath '.'
  return paper.read(r.root == here and path or r.root .. '/' .. path), path
end

--- The table of what `open` gave.
---@return avcl.Table
function M.table(r, args)
  local published, path = paper_of(r)
  local is_part = args.only ~= nil or args.sweep
  local t = collect.collect(r.experiment, r.plan, r.records, { paper = published,
    is_part = is_part })
  if #args.overrides > 0 and not args.sweep then
    t.notes.overrides = table.concat(args.overrides, ' ')
  end
  t.name = args.as or t.name
  r.paper_path = path
  return t
end

--- The store's uuid, for stamps.
function M.uuid(store)
  local t = doc.read(store.root .. '/store.yaml', 0)
  return t and t.uuid or 'unknown'
end

--- The one item of a list that `text` means: whole, or the only one that has it as a part.
function M.pick(text, names, what)
  local found
  for i, name in ipairs(names) do
    if name == text then return i end
  end
  for i, name in ipairs(names) do
    if name:find(text, 1, true) then
      if found then
        c.raise_at('command line', 'NOT_FOUND', "%s '%s' is '%s' or '%s': write more of it", what,
          text, names[found], name)
      end
      found = i
    end
  end
  if found then return found end
  c.raise_at('command line', 'NOT_FOUND', "no %s '%s'%s", what, text, suggest.text(text, names))
end

local function labels(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.label end
  return out
end

local function column_of(t, text)
  local metrics, index = {}, {}
  for k, column in ipairs(t.columns) do
    if column.metric then
      metrics[#metrics + 1] = column.title
      index[#metrics] = k
    end
  end
  if text then return index[M.pick(text, metrics, 'column')] end
  if #metrics == 1 then return index[1] end
  c.raise_at('command line', 'INVALID', 'which column: %s?', table.concat(metrics, ', '))
end

--- The numbers of the row and the column that { row, column? } name.
function M.place(t, names)
  return M.pick(names.row, labels(t.rows), 'row'), column_of(t, names.column)
end

return M
