-- schedule.lua - which run is next: parents first, whole rows first, failed ones again.
--
-- Knows outcomes, not processes: the runner asks for the next one and says how each ended.
local M = {}

---@class avcl.Schedule
local Schedule = {}
Schedule.__index = Schedule

-- The plan's order is row, seed, stage: a row is complete before the next begins. By seed first,
-- every row has one seed early.
local function order_of(runs, first_seed_first)
  local order, rank = {}, {}
  for i in ipairs(runs) do order[i] = i end
  if not first_seed_first then return order end
  for i, run in ipairs(runs) do
    rank[run.seed] = rank[run.seed] or i
  end
  table.sort(order, function(a, b)
    local x, y = rank[runs[a].seed], rank[runs[b].seed]
    if x ~= y then return x < y end
    return a < b
  end)
  return order
end

--- options: { retries, first_seed_first }; settled(run) -> how, text for what needs no worker.
function M.new(runs, options, settled)
  local self = setmetatable({
    runs = runs, order = order_of(runs, options.first_seed_first), settled = settled,
    retries = options.retries or 0, tries = {}, how = {}, by_id = {}, n_busy = 0, first = 1,
  }, Schedule)
  for i, run in ipairs(runs) do self.by_id[run.id] = i end
  return self
end

-- 'ready', 'wait', or how it ends without a worker.
local function readiness(self, i)
  local run = self.runs[i]
  local how, text = self.settled(run)
  if how then return how, text end
  local parent = run.parent and self.by_id[run.parent.id]
  local state = parent and self.how[parent]
  if not run.parent or state == 'done' or state == 'skipped' then return 'ready' end
  if not state or state == 'busy' then return 'wait' end
  return 'blocked', ('its parent %s is not done'):format(run.parent.id:sub(1, 8))
end

local function advance(self)
  while self.how[self.order[self.first]] do self.first = self.first + 1 end
end

--- Index of a run to start now, nil when there is none; ended(i, how, text) hears of those that
--- need no worker.
function Schedule:next(ended)
  advance(self)
  for k = self.first, #self.order do
    local i = self.order[k]
    if not self.how[i] then
      local how, text = readiness(self, i)
      if how == 'ready' then
        self.how[i] = 'busy'
        self.n_busy = self.n_busy + 1
        return i
      elseif how ~= 'wait' then
        self.how[i] = how
        ended(i, how, text)
      end
    end
  end
  return nil
end

--- How a started run ended; true when it is to be tried again. 'again' costs no try: it was
--- never begun.
function Schedule:finish(i, how)
  self.n_busy = self.n_busy - 1
  if how ~= 'again' then self.tries[i] = (self.tries[i] or 0) + 1 end
  if how == 'again' or how == 'failed' and self.tries[i] <= self.retries then
    self.how[i] = nil
    self.first = 1
    return true
  end
  self.how[i] = how
  return false
end

--- Runs that other processes had and have no more, and what waited for them; true if there are.
function Schedule:reopen()
  local any = false
  for i, run in ipairs(self.runs) do
    if self.how[i] == 'elsewhere' and self.settled(run) ~= 'elsewhere' then
      self.how[i], any = nil, true
    end
  end
  if not any then return false end
  for i in ipairs(self.runs) do
    if self.how[i] == 'blocked' then self.how[i] = nil end
  end
  self.first = 1
  return true
end

--- How many runs ended how.
function Schedule:counts()
  local counts = {}
  for i in ipairs(self.runs) do
    local how = self.how[i]
    if how and how ~= 'busy' then counts[how] = (counts[how] or 0) + 1 end
  end
  return counts
end

--- Whether anything is left that may be started, now or when a busy one has ended.
function Schedule:is_over()
  advance(self)
  return self.first > #self.order and self.n_busy == 0
end

return M
