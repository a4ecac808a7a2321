-- pool.lua - the runner's side of its workers: who does what, and how each ended.
local c = require 'avcl.ffi'
local process = require 'avcl.process'
local worker = require 'avcl.worker'

local M = {}

---@class avcl.Pool
local Pool = {}
Pool.__index = Pool

--- options: { jobs, memory_limit }; on: { message(slot, message), gone(slot, code, signal) }.
function M.new(job, options, on)
  return setmetatable({
    job = job, n = options.jobs, limit = options.memory_limit, on = on, slots = {},
  }, Pool)
end

-- The worker never returns from here.
local function be_worker(self, index, fd)
  process.pin(index - 1, self.n)
  worker.serve(self.job, process.channel(fd))
end

local function start(self, index)
  local fd, pid = process.fork()
  if not pid then be_worker(self, index, fd) end
  local slot = { index = index, pid = pid, channel = process.channel(fd) }
  self.slots[index] = slot
  return slot
end

--- A worker without work: one that waits, or a new one; nil when all are busy.
function Pool:idle()
  local free
  for i = 1, self.n do
    local slot = self.slots[i]
    if slot and not slot.run and not slot.ending then return slot end
    if not slot then free = free or i end
  end
  return free and start(self, free)
end

--- Gives a worker a run of the plan.
function M.give(slot, index)
  slot.run, slot.phase, slot.planned, slot.beat = index, 'start', nil, c.clock()
  slot.attempt = nil
  slot.channel:send { kind = 'run', run = index }
end

--- Workers that have a run.
function Pool:busy()
  local list = {}
  for i = 1, self.n do
    if self.slots[i] and self.slots[i].run then list[#list + 1] = self.slots[i] end
  end
  return list
end

-- Leave to use the planned memory, in the order of asking; the first always gets it.
local function admit(self)
  local used, any = 0, false
  for _, slot in ipairs(self:busy()) do
    if slot.admitted then
      used, any = used + slot.planned, true
    end
  end
  for _, slot in ipairs(self:busy()) do
    if slot.planned and not slot.admitted and (not any or used + slot.planned <= self.limit) then
      slot.admitted, any = true, true
      used = used + slot.planned
      slot.channel:send { kind = 'go' }
    end
  end
end

--- A run ended: its worker and its memory are free.
function Pool:free(slot)
  slot.run, slot.planned, slot.admitted = nil, nil, nil
  admit(self)
end

local function take(self, slot, message)
  if message.kind == 'begin' then slot.attempt = message.attempt end
  if message.kind == 'phase' then slot.phase = message.phase end
  if message.kind == 'planned' then
    slot.planned = message.bytes
    admit(self)
  end
  self.on.message(slot, message)
end

local function drain(self, slot)
  local message = slot.channel:receive(false)
  while message do
    take(self, slot, message)
    message = slot.channel:receive(false)
  end
  if not slot.channel.closed then return end
  local gone, code, signal = process.reap(slot.pid)
  if not gone then return end
  slot.channel:close()
  self.slots[slot.index] = nil
  self.on.gone(slot, code, signal)
  admit(self)
end

--- Hears workers for up to `seconds`.
function Pool:listen(seconds)
  local channels, by_channel, closed = {}, {}, {}
  for i = 1, self.n do
    local slot = self.slots[i]
    if slot and slot.channel.closed then
      closed[#closed + 1] = slot
    elseif slot then
      channels[#channels + 1] = slot.channel
      by_channel[slot.channel] = slot
    end
  end
  -- A process is not there to be reaped the moment its socket closes.
  if #closed > 0 then seconds = math.min(seconds, 0.005) end
  for _, channel in ipairs(process.poll(channels, seconds)) do drain(self, by_channel[channel]) end
  for _, slot in ipairs(closed) do drain(self, slot) end
end

--- Asks all workers to stop: a checkpoint, then their record says `reason`.
function Pool:stop(reason)
  for i = 1, self.n do
    local slot = self.slots[i]
    if slot and not slot.ending then
      slot.ending = true
      slot.channel:send { kind = 'stop', reason = reason }
      process.kill(slot.pid, process.SIGTERM)
    end
  end
end

--- Sends idle workers away; true when none is left.
function Pool:quit()
  local left = false
  for i = 1, self.n do
    local slot = self.slots[i]
    if slot then
      left = true
      if not slot.quitting then slot.channel:send { kind = 'quit' } end
      slot.quitting = true
    end
  end
  return not left
end

return M
