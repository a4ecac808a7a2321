-- worker.lua - the worker's side: does the runs it is told, one after the other.
--
-- It was forked from the process that planned, so a number is enough to name a run, and what
-- it does is what was planned, whatever happens to the script since.
local attempt = require 'avcl.attempt'
local c = require 'avcl.ffi'
local process = require 'avcl.process'
local snapshot = require 'avcl.snapshot'

local M = {}

local SIGUSR1 = 10 -- `avcl cancel` sends it to the worker itself
local STEP_S = 0.1 -- steps are told at most this often

-- Waits for leave to use the memory that was planned; false = stop instead.
local function wait_for_leave(channel, state)
  while true do
    local message = channel:receive(true)
    if channel.closed then return false end
    if message and message.kind == 'stop' then
      state.reason = message.reason
      return false
    end
    if message and message.kind == 'go' then return true end
  end
end

local function teller(channel, index, state)
  local last = 0
  return function(kind, message)
    if kind == 'step' then
      local now = c.clock()
      if now - last < STEP_S then return end
      last = now
    end
    local out = { kind = kind, run = index }
    for k, v in pairs(message) do
      if k ~= 'kind' then out[k] = v end
    end
    channel:send(out)
    if kind == 'planned' then return wait_for_leave(channel, state) end
  end
end

-- Why the signal came: the runner says so before it sends it.
local function reason_of(channel, state)
  return function()
    local message = channel:receive(false)
    while message do
      if message.kind == 'stop' then state.reason = message.reason end
      message = channel:receive(false)
    end
    return state.reason or c.stop_requested() == SIGUSR1 and 'cancelled' or nil
  end
end

local function do_run(job, channel, index)
  local state = {}
  local run = job.plan.runs[index]
  local how, text = snapshot.check(job.snapshot)
  if not how then
    local a = attempt.new(job, run, teller(channel, index, state))
    a.stop_reason = reason_of(channel, state)
    local ok, a_how, a_text = pcall(a.execute, a)
    process.redirect(nil)
    if ok then how, text = a_how, a_text else how, text = 'refused', tostring(a_how) end
  end
  channel:send { kind = 'end', run = index, how = how, text = text }
end

--- Serves until the runner goes or says quit; never returns.
---@param job { experiment, store, context, plan, snapshot }
function M.serve(job, channel)
  local ok, problem = xpcall(function()
    while not channel.closed do
      local message = channel:receive(true)
      if message and message.kind == 'run' then do_run(job, channel, message.run) end
      if message and message.kind == 'quit' then break end
      if not message and c.stop_requested() ~= 0 then break end
    end
  end, debug.traceback)
  process.redirect(nil)
  if not ok then io.stderr:write('avcl: ', tostring(problem), '\n') end
  process.leave(ok and 0 or 70)
end

return M
