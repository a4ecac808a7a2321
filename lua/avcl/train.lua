-- train.lua - one stage run on one session, trained to the end.
local c = require 'avcl.ffi'
local graph_session = require 'avcl.session'
local inputs = require 'avcl.inputs'
local optim = require 'avcl.optim'
local stage = require 'avcl.stage'
local term = require 'avcl.cli.term'
local transforms = require 'avcl.transforms'
local C = c.C

local M = {}

local ALWAYS_S = 1e-9 -- checkpoint_s = 0: at every step; to the trainer 0 is its own default

local samplers = {
  plain = C.AVCL_SAMPLER_PLAIN, balanced = C.AVCL_SAMPLER_BALANCED, views = C.AVCL_SAMPLER_VIEWS,
}

local function none(name)
  return name ~= 'none' and name or nil
end

-- The second value keeps texts alive that the struct points to.
local function trainer_options(run, built, checkpoint_dir)
  local f, v = stage.fields(run.values, run.stage), run.values
  local o = c.new 'avcl_trainer_options'
  o.epochs, o.batch, o.seed = f.epochs, built.batch, run.seed
  local keep = { f.split, none(f.val_split), f.select, checkpoint_dir }
  optim.fill(o.optim, f, keep)
  optim.fill_schedule(o.schedule, f)
  o.accumulate, o.early_stop, o.keep_every = f['optim.accumulate'], f.early_stop, f.keep_every
  o.train_split, o.val_split, o.select, o.checkpoint_dir = f.split, none(f.val_split), f.select,
    checkpoint_dir
  o.has_labels = built.supervised and 1 or 0
  o.workers, o.max_bad = v.workers, v.max_bad
  o.checkpoint_s = math.max(v.checkpoint_s, ALWAYS_S)
  o.strict, o.sampler = v.strict and 1 or 0, samplers[f.sampler]
  if f.sampler ~= 'plain' then o.group = f.group end
  local chain = transforms.chain(v, run.stage)
  keep[#keep + 1] = chain
  o.view.transforms = chain
  inputs.fill_view(o.view, v, built.used, {
    random = true, shuffle = built.kind == 'pretext' and v.control == 'shuffled',
  })
  return o, keep
end

-- Before the session is asked for its bytes: moments are among them.
local function prepare_optimiser(s, run)
  local o, keep = c.new 'avcl_optim', {}
  optim.fill(o, stage.fields(run.values, run.stage), keep)
  c.call('avcl_session_prepare_optimiser', s.ptr, o)
end

--- Compiles the graph of a run; returns the session and what was built. kernel_plan: text.
function M.session(experiment, run, kernel_plan)
  local built = stage.build(experiment, run.stage, run.values, {
    n_classes = run.data.n_classes, n_samples = run.data.items,
  })
  local s = graph_session.new(built.graph, {
    device = run.values.device, precision = run.values.precision, conv = run.values.conv,
    kernel_plan = kernel_plan, seed = run.seed,
    gradients = stage.trains(run.kind),
  })
  if stage.trains(run.kind) then prepare_optimiser(s, run) end
  if run.values.precision == 'bf16' and s:precision() ~= 'bf16' then
    term.say('  no bf16 instructions here (%s): computing in %s', s:device(), s:precision())
  end
  return s, built
end

--- Top-level scopes of a graph's weights and states that come from the parent: all of them, but
--- no head after a stage that had none.
function M.scopes(built, run)
  local given = stage.fields(run.values, run.stage).load
  if given then return given end
  local list = {}
  for _, top in ipairs(stage.scopes(built.graph)) do
    if not (top == 'head' and run.parent.kind == 'pretext') then list[#list + 1] = top end
  end
  return list
end

local kinds = {
  [tonumber(C.AVCL_EVENT_STEP)] = 'step', [tonumber(C.AVCL_EVENT_EPOCH)] = 'epoch',
  [tonumber(C.AVCL_EVENT_STOPPED)] = 'stopped',
}

local stages = { 'open', 'demux', 'decode', 'scale', 'audio', 'mel', 'cut' }
local counted = { 'frames_decoded', 'frames_used', 'cache_hits' }

-- What the loader did in an epoch: seconds by stage, summed over its threads, and counts.
local function read_loader(l)
  local out = { seconds = {}, clips = tonumber(l.clips), n_padded = tonumber(l.n_padded),
    n_mute = tonumber(l.n_mute), full_s = l.full_s }
  for _, name in ipairs(stages) do out.seconds[name] = l.read[name .. '_s'] end
  for _, name in ipairs(counted) do out[name] = tonumber(l.read[name]) end
  return out
end

-- Calls bad(path, reason) for samples that could not be read since the last call.
local function bad_reader(t, bad)
  local n, rel, reason = 0, c.new 'const char *[1]', c.new 'const char *[1]'
  return function()
    while C.avcl_trainer_get_bad(t, n, rel, reason) == 0 do
      n = n + 1
      bad(c.string(rel[0]), c.string(reason[0]))
    end
  end
end

local function read_event(e)
  local out = {
    kind = kinds[tonumber(e.kind)], epoch = e.epoch, step = e.step, n_steps = e.n_steps,
    loss = e.loss, lr = e.lr, clips_per_s = e.clips_per_s, wait_fraction = e.wait_fraction,
    is_best = e.is_best ~= 0,
  }
  if out.kind == 'epoch' then
    out.metrics, out.loader = {}, read_loader(e.loader)
    for i = 0, e.n_metrics - 1 do
      out.metrics[c.string(e.metrics[i].name)] = e.metrics[i].value
    end
  end
  return out
end

--- Trains to the end; each(event) is called for every step and epoch. Raises INTERRUPTED after
--- a stop. Returns the selected epoch and its value.
---@param bad fun(path: string, reason: string) hears of each unreadable sample
function M.train(session, dataset, run, built, checkpoint_dir, each, bad)
  local o, keep = trainer_options(run, built, checkpoint_dir)
  local t = c.own(c.call('avcl_trainer_new', session.ptr, dataset.ptr, o), 'avcl_trainer_free',
    session.ptr)
  local resumed, problem = c.try('avcl_trainer_resume', t)
  if problem and not c.is_error(problem, 'NOT_FOUND') then error(problem, 0) end
  if resumed then each { kind = 'resume' } end
  local event, report_bad = c.new 'avcl_event', bad_reader(t, bad)
  local step = c.repeated('avcl_trainer_step', t, event)
  c.stop_with(t)
  local ok, failed = pcall(function()
    while step() ~= C.AVCL_END do
      report_bad()
      each(read_event(event))
    end
  end)
  report_bad()
  c.stop_with(nil)
  if not ok then
    c.close(t)
    error(failed, 0)
  end
  local epoch, value = c.new 'uint32_t[1]', c.new 'double[1]'
  c.call('avcl_trainer_load_best', t, epoch, value)
  c.close(t)
  return epoch[0], value[0], keep and nil
end

return M
