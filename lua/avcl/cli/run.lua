-- cli/run.lua - `avcl run`: does what a study still lacks.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local hosts = require 'avcl.host'
local machine = require 'avcl.machine'
local plans = require 'avcl.cli.plan'
local presets = require 'avcl.presets'
local process = require 'avcl.process'
local runner = require 'avcl.runner'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local MEMORY_SHARE = 0.9 -- of what is free when the command starts

local M = {
  summary = 'Run what a study still lacks: skips what is done, resumes what was stopped.',
  example = 'avcl run experiments/quickstart.lua pretrain.epochs=3 --seeds 1,2',
}

local function number(text) return tonumber(text) end

function M.setup(command)
  study.setup(command)
  command:flag('-n --dry-run', 'Only say what would run, and why: `avcl plan`.')
  plans.rerun_option(command)
  command:option('-j --jobs', 'Runs at a time; 0 = as many as cores. They share the cores.')
    :convert(number):default(os.getenv 'AVCL_JOBS' or '1'):argname 'N'
  command:option('--threads', 'Threads that compute, in each run; recorded.'):convert(number)
    :argname 'N'
  command:option('--memory', 'Runs wait when their planned memory would pass this.')
    :convert(number):argname 'GB'
  command:option('--retries', 'Try a failed run again so often.'):convert(number):default '0'
    :argname 'N'
  command:mutex(command:flag('-k --keep-going', 'Go on after a failure (as it is anyway).'),
    command:flag('--fail-fast', 'Stop at the first failure.'))
  command:flag('--first-seed-first', 'One seed of every row before the next seed.')
  command:option('--until', 'Stop then, as by SIGTERM: 08:00.'):argname 'HH:MM'
  command:option('--nice', 'Run with this niceness.'):convert(number):argname 'N'
  command:option('--progress', 'auto, plain, json or none.')
    :choices { 'auto', 'plain', 'json', 'none' }:default 'auto'
end

-- Where the first row departs from the paper's letter: 'tau 0.1, amfm.gate sigmoid'.
local function departures(values)
  local list = {}
  for _, path in ipairs(config.sorted_keys(presets.literal)) do
    local value = values[path]
    if value ~= nil and value ~= presets.literal[path] then
      list[#list + 1] = ('%s %s'):format(path, config.value_text(value))
    end
  end
  return table.concat(list, ', ')
end

-- The choices that the paper leaves open, said once (methods.md M).
local function say_choices(plan)
  local v = plan.rows[1].values
  term.say('preset %s: rgb.normalise %s, pretext.features %s, lambda_cor %.4g, lambda_self %.4g, '
    .. 'tau %.4g, lr %s', v.preset, v['rgb.normalise'], v['pretext.features'], v.lambda_cor,
    v.lambda_self, v.tau, tostring(v['pretrain.optim.lr'] or '-'))
  local text = departures(v)
  if text ~= '' then term.say("  not the paper's letter: %s", text) end
end

local function summary(counts)
  local parts = {}
  local all = { 'done', 'skipped', 'failed', 'blocked', 'stopped', 'changed', 'refused',
    'elsewhere' }
  for _, how in ipairs(all) do
    if (counts[how] or 0) > 0 then parts[#parts + 1] = counts[how] .. ' ' .. how end
  end
  return table.concat(parts, ', ')
end

-- The next time that the clock shows this.
local function time_of(text)
  if not text then return nil end
  local hour, minute = text:match '^(%d%d?):(%d%d)$'
  hour, minute = tonumber(hour), tonumber(minute)
  if not hour or hour > 23 or minute > 59 then
    c.raise_at('command line', 'INVALID', "--until '%s' is not a time as 08:00", text)
  end
  local t = os.date '*t'
  local passed = hour * 60 + minute <= t.hour * 60 + t.min
  t.day, t.hour, t.min, t.sec = t.day + (passed and 1 or 0), hour, minute, 0
  return os.time(t)
end

-- What of the command line decides which runs there are: `avcl resume` repeats it.
local function argv_of(args)
  local argv = { 'run' }
  if args.sweep then argv[2] = '--sweep' end
  argv[#argv + 1] = args.script
  for _, override in ipairs(args.overrides) do argv[#argv + 1] = override end
  return argv
end

-- How many runs at a time.
local function jobs_of(n)
  if n == 0 then return process.cores() end
  if n < 0 or n ~= math.floor(n) then
    c.raise_at('command line', 'INVALID', '--jobs %s is not a whole number >= 0', tostring(n))
  end
  return n
end

local function options_of(args)
  return {
    jobs = jobs_of(args.jobs), retries = args.retries, fail_fast = args.fail_fast,
    first_seed_first = args.first_seed_first, until_time = time_of(args['until']),
    memory_limit = args.memory and args.memory * 1e9 or MEMORY_SHARE * machine.available(),
    progress = args.progress,
  }
end

-- These runs and what they come from.
local function keep_only(plan, ids)
  local keep, missing, left = {}, {}, {}
  for id in pairs(ids) do missing[id] = true end
  for _, run in ipairs(plan.runs) do
    missing[run.id] = nil
    local at = ids[run.id] and run
    while at do
      keep[at.id], at = true, at.parent
    end
  end
  for _, run in ipairs(plan.runs) do
    if keep[run.id] then left[#left + 1] = run end
  end
  plan.runs = left
  for id in pairs(missing) do
    c.raise_at(nil, 'NOT_FOUND', 'run %s is no longer part of its script, which has changed since: '
      .. '`avcl show` says what it was', id:sub(1, 8))
  end
end

-- What is done again goes to trash/ first: its record is kept, its name is free.
local function discard_rerun(store, list)
  for _, item in ipairs(list) do
    if item.action == 'rerun' then
      term.say('rerun %s  %s', item.run.id:sub(1, 8), item.reason)
      store:discard(item.run.id)
    elseif item.reason:find '^stale' then
      term.say('stale %s  %s', item.run.id:sub(1, 8), item.reason:match ': (.*)$')
    end
  end
end

-- The scripts as they are now: what a run came from is never lost, committed or not.
local function keep_scripts(store, files, list)
  for _, item in ipairs(list) do
    if item.action ~= 'skip' and item.action ~= 'wait' then
      for _, file in ipairs(files) do store:keep(file.text) end
      return
    end
  end
end

function M.run(args)
  local exit = require 'avcl.cli'.exit
  local options = options_of(args)
  hosts.use_threads(args.threads)
  local experiment, plan, loaded = study.plan(args)
  if args.ids then keep_only(plan, args.ids) end -- `avcl resume`
  local list, forecast = plans.make(plan, args)
  if args.dry_run then return plans.print(list, options.jobs) end
  if args.nice and not process.nice(args.nice) then
    term.warn('cannot set niceness %d', args.nice)
  end
  say_choices(plan)
  local store = stores.open(args.store, true)
  keep_scripts(store, loaded.files, list)
  discard_rerun(store, list)
  options.forecast = function(run)
    local e = forecast:of(run, args.script)
    return e and e.wall_s
  end
  local r = runner.new(experiment, store, {
    script = args.script, files = loaded.files, git = machine.git(loaded.root),
    argv = argv_of(args), threads = hosts.get():threads(),
    steal = args.steal and args.ids,
  }, options)
  local counts = r:run_all(plan)
  term.say('%s', summary(counts))
  if r.refusal then term.say('avcl: %s%s', term.paint('error: ', 'red'), r.refusal) end
  if counts.refused then return exit.store end
  if counts.failed and not r.stopping or r.failed_fast then return exit.failed end
  if counts.stopped or counts.changed then return exit.again end
  if counts.failed then return exit.failed end
  -- Without a failure of ours, what others are at is all that is missing.
  return (counts.elsewhere or counts.blocked) and exit.again or exit.ok
end

return M
