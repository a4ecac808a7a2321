-- bench/tune.lua - the fastest kernel of every convolution of a workload, as a kernel plan.
--
-- Candidates are timed inside whole steps, where caches are as a training finds them: pass i gives
-- every convolution its i-th candidate, and each keeps the one it was fastest with.
local c = require 'avcl.ffi'
local machine = require 'avcl.machine'
local profile = require 'avcl.bench.profile'
local workload = require 'avcl.bench.workload'
local C = c.C

local M = {}

local ROW_SIZE = 256

-- What a row is about: op, instruction set, shapes, stride and padding.
local function key_of(row)
  return row:match '^(%S+ %S+ %S+ %S+ %S+ %S+) '
end

-- Rows of kernel `index`, its present one first.
local function candidates(session, index)
  local list, buffer = {}, c.new('char[?]', ROW_SIZE)
  while C.avcl_session_plan_row(session.ptr, C.AVCL_TRAIN, index, #list, buffer, ROW_SIZE)
    == C.AVCL_OK do
    list[#list + 1] = c.string(buffer)
  end
  return list
end

-- { [kernel's index] = key }, { [key] = rows }, and the longest list's length.
local function collect(session)
  local keys, rows, most = {}, {}, 0
  for i = 0, C.avcl_session_n_kernels(session.ptr, C.AVCL_TRAIN) - 1 do
    local list = candidates(session, i)
    if #list > 1 then -- else there is nothing to choose
      local key = key_of(list[1])
      keys[i + 1], rows[key] = key, list
      most = math.max(most, #list)
    end
  end
  return keys, rows, most
end

--- The rows in force, one for each convolution of a workload's session: from its plan file, the
--- built-in table or the rule.
function M.in_force(session)
  local seen, lines = {}, {}
  for i = 0, C.avcl_session_n_kernels(session.ptr, C.AVCL_TRAIN) - 1 do
    local row = candidates(session, i)[1]
    if row and not seen[row] then
      seen[row] = true
      lines[#lines + 1] = row
    end
  end
  table.sort(lines)
  return lines
end

local function plan_of(rows, best, pass)
  local lines = {}
  for key, list in pairs(rows) do lines[#lines + 1] = list[pass] or best[key].row end
  table.sort(lines)
  return table.concat(lines, '\n') .. '\n'
end

-- Seconds by key, summed over the kernels that share one.
local function time_pass(overrides, options, plan)
  local w = workload.new(overrides, { threads = options.threads, kernel_plan = plan })
  local kernels = profile.measure(w, options.steps)
  local keys, seconds = collect(w.session), {}
  for i, kernel in ipairs(kernels) do
    if keys[i] then seconds[keys[i]] = (seconds[keys[i]] or 0) + kernel.seconds end
  end
  w:close()
  collectgarbage()
  return seconds
end

--- Times all candidates; each(pass, n) is called before a pass. Returns { key, row, seconds, was }
--- by key, where `was` is what it took without a plan.
---@param options { threads: integer?, steps: integer }
function M.measure(overrides, options, each)
  local w = workload.new(overrides, { threads = options.threads })
  local _, rows, most = collect(w.session)
  w:close()
  local best = {}
  for pass = 1, most do
    each(pass, most)
    local seconds = time_pass(overrides, options, plan_of(rows, best, pass))
    for key, list in pairs(rows) do
      if list[pass] and (pass == 1 or seconds[key] < best[key].seconds) then
        best[key] = { key = key, row = list[pass], seconds = seconds[key],
          was = pass == 1 and seconds[key] or best[key].was }
      end
    end
  end
  local sorted = {}
  for _, entry in pairs(best) do sorted[#sorted + 1] = entry end
  table.sort(sorted, function(a, b) return a.key < b.key end)
  return sorted
end

local function existing(path, replaced)
  local lines, f = {}, io.open(path)
  if not f then return lines end
  for line in f:lines() do
    if not replaced[key_of(line .. ' ') or ''] then lines[#lines + 1] = line end
  end
  f:close()
  return lines
end

--- Puts rows into a plan file; rows of other shapes and machines stay.
function M.write(path, entries)
  local replaced = {}
  for _, entry in ipairs(entries) do replaced[entry.key] = true end
  local lines = existing(path, replaced)
  lines[#lines + 1] = ('# %s, %s'):format(machine.describe().cpu, os.date '!%Y-%m-%d')
  for _, entry in ipairs(entries) do lines[#lines + 1] = entry.row end
  local f, why = io.open(path .. '.new', 'w')
  if not f then c.raise('IO', '%s', why) end
  f:write(table.concat(lines, '\n'), '\n')
  f:close()
  local ok, problem = os.rename(path .. '.new', path)
  if not ok then c.raise('IO', '%s', problem) end
end

return M
