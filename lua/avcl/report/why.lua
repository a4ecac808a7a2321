-- report/why.lua - the runs behind one cell: which, chosen how, by which code, from what.
local doc = require 'avcl.doc'
local plans = require 'avcl.plan'
local stale = require 'avcl.stale'

local M = {}

---@class avcl.Behind
---@field seed integer
---@field value number?
---@field run avcl.Run?     whose value it is; nil while the seed lacks it
---@field state string
---@field epoch integer?
---@field rule string?
---@field git string?
---@field plugins { id: string, version: string, sha256: string }[]
---@field scripts { path: string, sha256: string }[]
---@field stale string[]?  plugins that have another file now
---@field wall_s number?    of all its stages
---@field chain avcl.Run[]  the run, then its parents

local function git_text(git)
  if type(git) ~= 'table' or not git.sha then return nil end
  return git.sha:sub(1, 8) .. (git.dirty == true and '+dirty' or '')
end

local function plain(value)
  return value ~= doc.null and value or nil
end

-- Of one seed's runs the one that has this id, or the last stage's when the seed has no value.
local function run_of(runs, stages, id)
  local last
  for _, name in ipairs(stages) do
    local run = runs[name]
    if run and run.id == id then return run end
    last = run or last
  end
  return last
end

local function wall_of(records, chain)
  local total
  for _, run in ipairs(chain) do
    local result = records:result(run.id)
    local wall = result and result.cost and result.cost.wall_s
    if type(wall) == 'number' then total = (total or 0) + wall end
  end
  return total
end

--- What stands behind row i and column k of a table, a seed each.
---@return avcl.Behind[]
function M.cell(t, plan, records, i, k)
  local cell, row, list = t.rows[i].cells[k], plan.rows[i], {}
  local runs = plans.variant(row, t.columns[k]).cells
  local old = stale.new(records)
  for n, seed in ipairs(row.seeds) do
    local run = run_of(runs[seed], t.experiment.stages, cell.runs[seed])
    local record, result = records:run(run.id), records:result(run.id)
    local p, select = record and record.provenance or {}, result and result.select or {}
    local behind = { seed = seed, value = cell.values[seed], run = run, chain = {},
      state = records:state(run.id), epoch = plain(select.epoch), rule = plain(select.rule),
      git = git_text(p.git), stale = cell.values[seed] and old:of(run.id) or nil,
      plugins = p.plugins or {}, scripts = p.scripts or {} }
    while run do
      behind.chain[#behind.chain + 1] = run
      run = run.parent
    end
    behind.wall_s = wall_of(records, behind.chain)
    list[n] = behind
  end
  return list
end

return M
