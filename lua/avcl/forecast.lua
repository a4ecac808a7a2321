-- forecast.lua - what runs will take, from what earlier ones took.
--
-- The same graph and number of epochs is the best witness; else the same stage of the same
-- script, by epochs. Nobody knows: nil, never an invention.
local M = {}

---@class avcl.Forecast
local Forecast = {}
Forecast.__index = Forecast

local function note(index, key, wall, disk)
  local e = index[key] or { n = 0, wall = 0, disk = 0 }
  e.n, e.wall, e.disk = e.n + 1, e.wall + wall, e.disk + disk
  index[key] = e
end

--- From the finished runs of a view.
---@param view avcl.Runs?
function M.new(view)
  local self = setmetatable({ by_graph = {}, by_stage = {} }, Forecast)
  if not view then return self end
  local get = {}
  for _, name in ipairs { 'state', 'keys.graph', 'experiment', 'stage', 'cost.wall_s',
    'cost.disk_mib', 'config.stage.epochs' } do
    get[name] = view:column(name)
  end
  for row = 0, view.n - 1 do
    local wall = get['cost.wall_s'](row)
    if get.state(row) == 'done' and wall then
      local epochs, stage = get['config.stage.epochs'](row) or 0, get.stage(row)
      local disk = get['cost.disk_mib'](row) or 0
      note(self.by_graph, ('%s %s %d'):format(get['keys.graph'](row), stage, epochs), wall, disk)
      note(self.by_stage, ('%s %s'):format(get.experiment(row), stage),
        wall / math.max(epochs, 1), disk)
    end
  end
  return self
end

--- { wall_s, disk_mib, n = runs it rests on } of a planned run; nil = nobody knows.
function Forecast:of(run, script)
  local epochs = run.values[run.stage .. '.epochs'] or 0
  local e = self.by_graph[('%s %s %d'):format(run.keys.graph, run.stage, epochs)]
  if e then return { wall_s = e.wall / e.n, disk_mib = e.disk / e.n, n = e.n } end
  e = self.by_stage[('%s %s'):format(script, run.stage)]
  if not e then return nil end
  return { wall_s = e.wall / e.n * math.max(epochs, 1), disk_mib = e.disk / e.n, n = e.n }
end

return M
