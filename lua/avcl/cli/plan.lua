-- cli/plan.lua - `avcl plan`: what `run` would do, why, how long and how much.
local at_store = require 'avcl.cli.at_store'
local doc = require 'avcl.doc'
local forecasts = require 'avcl.forecast'
local reasons = require 'avcl.reasons'
local runs = require 'avcl.runs'
local snapshot = require 'avcl.snapshot'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Say what `run` would do: every run or skip with its reason, time and disk.',
  example = 'avcl plan experiments/quickstart.lua',
}

--- --rerun of `run` and `plan`.
function M.rerun_option(command)
  command:option('--rerun', 'Do again from the start: failed (default), code or all.')
    :args '?':argname 'WHAT'
end

--- 'failed', 'code', 'all' or nil.
function M.rerun_of(args)
  if not args.rerun then return nil end
  local what = args.rerun[1] or 'failed'
  if what ~= 'failed' and what ~= 'code' and what ~= 'all' then
    require 'avcl.ffi'.raise_at('command line', 'INVALID',
      "--rerun=%s is none of failed, code, all", what)
  end
  return what
end

function M.setup(command)
  study.setup(command)
  M.rerun_option(command)
  command:option('-j --jobs', 'Runs at a time, for the forecast.'):convert(tonumber):default '1'
    :argname 'N'
  command:flag('--json', 'One document, schema avcl.plan/1.')
end

--- Actions, and the forecast of each run that is to do: { list, forecast }.
function M.make(plan, args)
  local ok, store = pcall(stores.open, args.store)
  store = ok and store or nil
  local view = store and runs.open(args.store)
  local list = reasons.new(view, store, args.script, snapshot.engine()):all(plan, M.rerun_of(args))
  local forecast = forecasts.new(view)
  for _, item in ipairs(list) do
    if item.action ~= 'skip' and item.action ~= 'wait' then
      item.expected = forecast:of(item.run, args.script)
      item.is_to_do = true
    end
  end
  return list, forecast
end

-- Sums of what is to do; nil where a part is unknown.
local function sums(list)
  local s = { counts = {}, wall = 0, disk = 0, n = 0, to_do = 0 }
  for _, item in ipairs(list) do
    s.counts[item.action] = (s.counts[item.action] or 0) + 1
    if item.is_to_do then
      s.to_do = s.to_do + 1
      local e = item.expected
      s.wall = e and s.wall and s.wall + e.wall_s or nil
      s.disk = e and s.disk and s.disk + e.disk_mib or nil
      s.n = s.n + (e and e.n or 0)
    end
  end
  return s
end

-- The first row with something to do, and what stands before its end.
local function first_row(list)
  local label, wall
  for _, item in ipairs(list) do
    if item.is_to_do then
      label = label or item.run.label
      if item.run.label ~= label then break end
      if not item.expected then return label, nil end
      wall = (wall or 0) + item.expected.wall_s
    end
  end
  return label, wall
end

local function summary(list, jobs)
  local s, parts = sums(list), {}
  for _, action in ipairs { 'skip', 'wait', 'run', 'resume', 'rerun' } do
    if s.counts[action] then parts[#parts + 1] = s.counts[action] .. ' ' .. action end
  end
  local text = ('%d runs: %s'):format(#list, table.concat(parts, ', '))
  if s.to_do == 0 then return text .. '; nothing to do' end
  if not s.wall then return text .. '; nobody knows how long: no similar run is done' end
  text = text .. ('; about %s at -j %d (from %d similar runs), %s of checkpoints'):format(
    term.duration(s.wall / jobs), jobs, s.n, term.bytes(s.disk * 2 ^ 20))
  local label, wall = first_row(list)
  if wall then
    text = text .. ("; row '%s' complete in %s"):format(label, term.duration(wall / jobs))
  end
  return text
end

local function print_json(list)
  local out = doc.list()
  for i, item in ipairs(list) do
    local e = item.expected
    out[i] = doc.map {
      { 'run', item.run.id }, { 'action', item.action }, { 'reason', item.reason },
      { 'stage', item.run.stage }, { 'seed', item.run.seed }, { 'label', item.run.label },
      { 'parent', item.run.parent and item.run.parent.id or doc.null },
      { 'wall_s', e and doc.float(e.wall_s) or doc.null },
      { 'disk_mib', e and doc.float(e.disk_mib) or doc.null },
    }
  end
  print(doc.json(doc.map { { 'schema', 'avcl.plan/1' }, { 'runs', out } }))
end

--- Prints the plan for people.
function M.print(list, jobs)
  local rows, ids = { { 'run', 'do', 'stage', 'seed', 'row', 'parent', 'time', 'why' } }, {}
  for i, item in ipairs(list) do ids[i] = item.run.id end
  local short = at_store.short(ids)
  for i, item in ipairs(list) do
    local run, e = item.run, item.expected
    rows[i + 1] = { short[i], item.action, run.stage, run.seed, run.label,
      run.parent and run.parent.id:sub(1, 8) or '-', e and term.duration(e.wall_s) or '-',
      item.reason }
  end
  print(term.columns(rows))
  print(summary(list, math.max(jobs, 1)))
end

function M.run(args)
  local _, plan = study.plan(args)
  local list = M.make(plan, args)
  if args.json then return print_json(list) end
  M.print(list, args.jobs)
end

return M
