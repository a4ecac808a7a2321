-- Tables: arithmetic, what is missing, marks.
local report = require 'avcl.report'

-- A store that answers from tables.
local function store(records, states)
  return {
    read = function(_, id, file) return records[id] and records[id][file] end,
    state = function(_, id) return states and states[id] or 'planned' end,
  }
end

local function result(top1, rule)
  return { ['result.yaml'] = { metrics = { test = { top1 = top1 } }, select = { rule = rule } } }
end

local study = { stages = { 'test' }, columns = { { title = 'K32', metric = 'test/top1',
  select = 'max val/top1' } } }
local function plan(...)
  local cells, seeds = {}, {}
  for i = 1, select('#', ...) do
    seeds[i] = i
    cells[i] = { test = { id = (select(i, ...)) } }
  end
  return { seeds = seeds, rows = { { label = 'row', cells = cells } } }
end

describe('report', function()
  it('has the mean and the sample deviation', function()
    local mean, std = report.mean_std { 2, 4, 4, 4, 5, 5, 7, 9 }
    assert.are.equal(5, mean)
    assert.is_true(math.abs(std - math.sqrt(32 / 7)) < 1e-12)
    assert.is_nil(select(2, report.mean_std { 3 }))
  end)

  it('prints mean, deviation and n', function()
    local s = store { a = result(60, 'max val/top1'), b = result(62, 'max val/top1') }
    local text = report.markdown(report.collect(study, plan('a', 'b'), s))
    assert.truthy(text:find('| row | 61.0 ± 1.4 (2) |', 1, true), text)
    assert.is_nil(text:find('Synthetic', 1, true))
  end)

  it('says what is missing and what failed', function()
    local s = store({ a = result(60, 'max val/top1') }, { b = 'failed' })
    local text = report.markdown(report.collect(study, plan('a', 'b', 'c'), s))
    assert.truthy(text:find('60.0 (1) [1/3 seeds, 1 failed]', 1, true), text)
    text = report.markdown(report.collect(study, plan('x'), store {}))
    assert.truthy(text:find('… 0/1 seeds', 1, true), text)
  end)

  it('marks synthetic data, dirty trees and another selection', function()
    local records = { a = result(60, 'last') }
    local data = { { synthetic = true } }
    records.a['run.yaml'] = { provenance = { git = { dirty = true }, data = data } }
    local text = report.markdown(report.collect(study, plan 'a', store(records)))
    assert.truthy(text:find('K32 (synthetic)', 1, true), text)
    assert.truthy(text:find('Dirty tree', 1, true), text)
    assert.truthy(text:find("selected by 'last'", 1, true), text)
  end)

  it('has a line for every seed', function()
    local s = store { a = result(60), b = result(62.5) }
    local text = report.per_seed(report.collect(study, plan('a', 'b', 'c'), s))
    assert.truthy(text:find('| row | 2 | 62.50 |', 1, true), text)
    assert.truthy(text:find('| row | 3 | - |', 1, true), text)
  end)
end)
