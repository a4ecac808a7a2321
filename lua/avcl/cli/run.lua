-- cli/run.lua - `avcl run`: does what a study still lacks.
local machine = require 'avcl.machine'
local runner = require 'avcl.runner'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Run what a study still lacks: skips what is done, resumes what was stopped.',
  example = 'avcl run experiments/quickstart.lua pretrain.epochs=3 --seeds 1,2',
}

function M.setup(command)
  study.setup(command)
  command:flag('-n --dry-run', 'Only say what would run, and why.')
  command:option('--progress', 'auto, plain or none.'):choices { 'auto', 'plain', 'none' }
    :default 'auto'
end

local why = {
  planned = 'to run', stopped = 'to resume', failed = 'to run again (failed)', done = 'done',
  running = 'running elsewhere', lost = 'to take over (its process is gone)',
}

local function print_plan(plan, store)
  local rows = { { 'run', 'state', 'stage', 'seed', 'row', 'parent' } }
  for _, run in ipairs(plan.runs) do
    local state = store and store:state(run.id) or 'planned'
    rows[#rows + 1] = { run.id:sub(1, 8), why[state], run.stage, run.seed, run.label,
      run.parent and run.parent.id:sub(1, 8) or '-' }
  end
  print(term.columns(rows))
end

-- The choices that the paper leaves open, said once (methods.md M).
local function say_choices(plan)
  local v = plan.rows[1].values
  term.say('preset %s: rgb.normalise %s, pretext.features %s, lambda_cor %.4g, lambda_self %.4g, '
    .. 'tau %.4g, lr %s', v.preset, v['rgb.normalise'], v['pretext.features'], v.lambda_cor,
    v.lambda_self, v.tau, tostring(v['pretrain.optim.lr'] or '-'))
end

local function summary(counts)
  local parts = {}
  for _, how in ipairs { 'done', 'skipped', 'failed', 'blocked', 'stopped', 'elsewhere' } do
    if counts[how] then parts[#parts + 1] = counts[how] .. ' ' .. how end
  end
  return table.concat(parts, ', ')
end

function M.run(args)
  local exit = require 'avcl.cli'.exit
  local experiment, plan, loaded = study.plan(args)
  if args.dry_run then
    local ok, store = pcall(stores.open, args.store)
    return print_plan(plan, ok and store or nil)
  end
  say_choices(plan)
  local r = runner.new(experiment, stores.open(args.store, true), {
    script = args.script, files = loaded.files, git = machine.git(loaded.root),
    argv = { 'run', args.script, unpack(args.overrides) },
  }, { progress = args.progress })
  local counts = r:run_all(plan)
  term.say('%s', summary(counts))
  if counts.stopped then return exit.again end
  if counts.failed then return exit.failed end
  -- Without a failure of ours, what others are at is all that is missing.
  return (counts.elsewhere or counts.blocked) and exit.again or exit.ok
end

return M
