-- gradcheck.lua - a graph's gradients against central differences, in f64 on the reference.
--
--   worst, rows = gradcheck.run(g, { elements = 24 })
local session = require 'avcl.session'
local tensor = require 'avcl.tensor'

local M = {}

-- Central differences in f64 err by about h^2 and eps / h: 1e-10 and 2e-11 at the first h. The
-- others are for a step that crosses the kink of a ReLU: a wrong gradient stays wrong at all.
M.STEPS = { 1e-5, 1e-6, 1e-7, 1e-8 }
-- Room for curvature and for sums of many terms; a wrong factor or sign is far outside.
M.TOLERANCE = 1e-5

-- Numbers that look random and are the same everywhere (a Lehmer generator).
local function generator()
  local state = 12345
  return function()
    state = state * 48271 % 2147483647
    return state / 2147483647
  end
end

local fill = {
  u8 = function(unit) return math.floor(unit() * 256) end,
  i32 = function(unit, o) return math.floor(unit() * o.classes) end,
}
local function value_of(dtype, unit, o)
  return fill[dtype] and fill[dtype](unit, o) or 0.05 + unit()
end

local function fill_inputs(s, unit, o)
  for _, n in ipairs(s.graph:nodes()) do
    if n.op == 'input' then
      local list = {}
      for i = 1, tensor.count(n.shape) do list[i] = value_of(n.dtype, unit, o) end
      s:set(n.path, list)
    end
  end
end

-- Elements spread over all weights, the last among them: { { weight, index } }.
local function choose(weights, unit, n)
  local list = {}
  local stride = math.max(1, (#weights - 1) / (n - 1))
  for i = 1, n do
    local w = weights[math.floor((i - 1) * stride + 0.5) % #weights + 1]
    list[i] = { name = w.name, index = math.floor(unit() * w.count) + 1 }
  end
  return list
end

local function loss_at(s, name, list, index, value)
  local old = list[index]
  list[index] = value
  s:set(name, list)
  list[index] = old
  return s:run 'train':get 'loss'
end

local function compare_at(s, e, list, step)
  local w = list[e.index]
  local up = loss_at(s, e.name, list, e.index, w + step)
  local down = loss_at(s, e.name, list, e.index, w - step)
  local numeric = (up - down) / (2 * step)
  local scale = math.max(math.abs(numeric), math.abs(e.gradient), e.floor)
  return { name = e.name, index = e.index, gradient = e.gradient, numeric = numeric,
    error = math.abs(numeric - e.gradient) / scale }
end

local function compare(s, e)
  local list, best = s:array(e.name), nil
  for _, step in ipairs(M.STEPS) do
    local row = compare_at(s, e, list, step)
    if not best or row.error < best.error then best = row end
    if best.error <= M.TOLERANCE then break end
  end
  s:set(e.name, list)
  return best
end

--- Checks `elements` weights; returns the worst relative error and one row for each.
---@param options { elements: integer?, classes: integer?, seed: integer? }?
function M.run(g, options)
  local o = { elements = 24, classes = 2, seed = 1 }
  for k, v in pairs(options or {}) do o[k] = v end
  local unit = generator()
  local s = session.new(g, { device = 'reference', precision = 'f64', seed = o.seed })
  s:rng(o.seed, 0, 0)
  fill_inputs(s, unit, o)
  s:run 'train'
  local chosen, largest = choose(g:weights(), unit, o.elements), 0
  for _, e in ipairs(chosen) do
    e.gradient = s:array('grad/' .. e.name)[e.index]
    largest = math.max(largest, math.abs(e.gradient))
  end
  local rows, worst = {}, 0
  for i, e in ipairs(chosen) do
    e.floor = math.max(largest * 1e-3, 1e-12) -- a gradient that should be 0 has no relative error
    rows[i] = compare(s, e)
    if rows[i].error > worst or rows[i].error ~= rows[i].error then worst = rows[i].error end
  end
  s:close()
  return worst, rows
end

return M
