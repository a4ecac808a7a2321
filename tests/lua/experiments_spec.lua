-- The experiments of this repository: each is sound, and its paper's file names its rows.
local collect = require 'avcl.report.collect'
local experiment = require 'avcl.experiment'
local formats = require 'avcl.report.formats'
local lfs = require 'lfs'
local paper = require 'avcl.report.paper'
local plans = require 'avcl.plan'
local records = require 'avcl.records'
local script = require 'avcl.script'
local sheets = require 'avcl.report.sheet'

local source = os.getenv 'AVCL_SOURCE_DIR'
local nothing = records.new {
  read = function() return nil end, state = function() return 'planned' end,
}

local function plan_of(study)
  return plans.resolve(study, { data = function()
    return { hash = ('d'):rep(64), n_classes = 32, items = 1000, synthetic = false }
  end })
end

describe('an experiment of the repository', function()
  for entry in lfs.dir(source .. '/experiments') do
    if entry:match '%.lua$' then
      local study = script.load('experiments/' .. entry)
      it(entry .. ' plans and tabulates', function()
        assert.is_true(experiment.is_experiment(study))
        local plan = plan_of(study)
        local published = study.paper and paper.read(study.paper)
        local text = formats.md(sheets.of(collect.collect(study, plan, nothing,
          { paper = published })))
        for _, row in ipairs(plan.rows) do
          assert.truthy(text:find('| ' .. row.label .. ' |', 1, true), text)
        end
        -- A published row that nobody typed, or that the table lacks, is a fault of one of them.
        if published then
          for _, row in ipairs(plan.rows) do
            assert.truthy(published.cells[row.label], row.label)
          end
        end
      end)
    end
  end

  it('table2 has six pre-trainings, table3 seven, and they share one', function()
    local seen, shared = {}, 0
    for _, name in ipairs { 'table2', 'table3' } do
      local n = 0
      for _, run in ipairs(plan_of((script.load(('experiments/%s.lua'):format(name)))).runs) do
        if run.stage == 'pretrain' and run.seed == 1 then
          n = n + 1
          shared = shared + (seen[run.id] and 1 or 0)
          seen[run.id] = true
        end
      end
      assert.are.equal(name == 'table2' and 6 or 7, n)
    end
    assert.are.equal(1, shared) -- AVCL itself
  end)
end)
