-- The paper's four tables as declared: 42 cells, 39 systems, and rows that are what they say.
local collect = require 'avcl.report.collect'
local config = require 'avcl.config'
local paper = require 'avcl.report.paper'
local plans = require 'avcl.plan'
local records = require 'avcl.records'
local script = require 'avcl.script'

local nothing = records.new {
  read = function() return nil end, state = function() return 'planned' end,
}

-- The tables as printed, row by row: what describes it, and its numbers. Typed from the paper a
-- second time; the first is experiments/*.paper.yaml.
local yes, no, both = '✓', '✗', 'RGB+Audio'
local printed = {
  table1 = { columns = { 'RGB length', 'Audio length', 'Model number' }, rows = {
    { '16', 'Raw audio', '2', 50.2 },
    { '1', '1.2s Mel-spectrogram', '2', 67.9 },
    { '16', '1.2s Mel-spectrogram', '2', 72.1 },
    { '16', 'Whole Mel-spectrogram', '2', 75.6 },
    { '16', 'Whole Mel-spectrogram', '1', 60.5 },
  } },
  table2 = { columns = { 'Backbone', 'CGRA', 'row' }, rows = {
    { 'R3D', no, 'None', 72.5 },
    { 'R3D', yes, 'conv3', 68.5 },
    { 'R3D', yes, 'conv4', 69.3 },
    { 'R3D', yes, 'conv5', 70.9 },
    { 'R3D', yes, 'pool-final', 75.6 },
    { 'R3D', yes, 'conv5+pool', 70.4 },
  } },
  table3 = { columns = { 'Backbone', 'SelfCL', 'λ_cor', 'λ_self', 'AMFM' }, rows = {
    { 'R3D', no, '1', '0', yes, 73.5 },
    { 'R3D', yes, '0.1', '0.9', yes, 72.0 },
    { 'R3D', yes, '0.3', '0.7', yes, 72.2 },
    { 'R3D', yes, '0.5', '0.5', yes, 74.1 },
    { 'R3D', yes, '0.7', '0.3', yes, 73.7 },
    { 'R3D', yes, '0.9', '0.1', yes, 75.6 },
    { 'R3D', yes, '0.9', '0.1', no, 73.5 },
  } },
  table4 = { columns = { 'row', 'Pretrain', 'Test', 'Backbone' }, rows = {
    { 'Baseline-R', 'RGB', 'RGB', 'R3D', 60.4, 53.6 },
    { 'Baseline-A', 'Audio', 'Audio', 'R3D', 52.9, 40.9 },
    { 'Baseline-R+A', both, both, 'R3D', 73.9, 61.3 },
    { 'IIC', both, both, 'R3D', 60.5, 46.4 },
    { 'SimCLR', both, both, 'R3D', 69.7, 59.1 },
    { 'MoCo', both, both, 'R3D', 68.2, 58.2 },
    { 'BYOL', both, both, 'R3D', 73.3, 61.4 },
    { 'SimSiam', both, both, 'R3D', 72.9, 60.8 },
    { 'Barlow Twins', both, both, 'R3D', 69.6, 59.3 },
    { 'AVCL, R3D', both, both, 'R3D', 75.6, 64.4 },
    { 'AVCL, C3D', both, both, 'C3D', 74.0, 61.3 },
    { 'AVCL, R(2+1)D', both, both, 'R(2+1)D', 77.2, 67.1 },
  } },
}
local names = { 'table1', 'table2', 'table3', 'table4' }
local AVCL = 75.6 -- on K32: the base that all rows differ from

-- Keys that a printed column stands for. The method decides what it classifies and from what.
local stands_for = {
  ['RGB length'] = { 'rgb.frames', 'rgb.normalise' },
  ['Audio length'] = { 'mel.mode', 'mel.seconds', 'mel.hop' },
  ['Model number'] = { 'models' },
  CGRA = { 'cgra_at' }, SelfCL = { 'lambda_self' }, ['λ_cor'] = { 'lambda_cor' },
  ['λ_self'] = { 'lambda_self' }, AMFM = { 'fusion' }, Backbone = { 'backbone' },
  Pretrain = { 'modalities' }, Test = { 'modalities' },
}
local row_stands_for = {
  table2 = { 'cgra_at' },
  table4 = { 'method', 'modalities', 'backbone', 'finetune.from', 'finetune.epochs',
    'pretrain.select' },
}

local function load(name, scale)
  local study = script.load(('experiments/%s.lua'):format(name))
  local plan = plans.resolve(study, { overrides = { 'scale=' .. scale }, data = function(set)
    return { hash = set, n_classes = 32, items = 1000, synthetic = false }
  end })
  return study, plan, collect.collect(study, plan, nothing, { paper = paper.read(study.paper) })
end

-- Descriptors by title, the label as 'row', and the metric columns.
local function described(t, i)
  local out, metrics = { row = t.rows[i].label }, {}
  for k, column in ipairs(t.columns) do
    if column.metric then
      metrics[#metrics + 1] = { column = column, cell = t.rows[i].cells[k] }
    else
      out[column.title] = t.rows[i].cells[k].text
    end
  end
  return out, metrics
end

local function difference(a, b, schema)
  local keys = {}
  for key, value in pairs(a) do
    local same = config.value_text(value) == config.value_text(b[key])
    if not same and not schema.machine[key] then keys[key] = true end
  end
  return keys
end

local function base_of(name)
  for i, row in ipairs(printed[name].rows) do
    if row[#printed[name].columns + 1] == AVCL then return i end
  end
end

-- Every key that differs stands behind a column that prints something else, and the reverse.
local function check_row(name, study, plan, t, i)
  local b = base_of(name)
  local keys = difference(plan.rows[i].values, plan.rows[b].values, study.schema)
  local here, there, explained = described(t, i), described(t, b), {}
  for title, text in pairs(here) do
    local list = title == 'row' and row_stands_for[name] or stands_for[title] or {}
    if text ~= there[title] then
      local any = false
      for _, key in ipairs(list) do explained[key], any = true, any or keys[key] end
      assert.is_true(any or #list == 0, ('%s, %s: %s prints %s, no key differs'):format(name,
        here.row, title, text))
    end
  end
  for key in pairs(keys) do
    assert.is_true(explained[key], ('%s, %s: %s differs, and no column says so'):format(name,
      here.row, key))
  end
end

for _, scale in ipairs { 'paper', 'small', 'smoke' } do
  describe('the four tables, scale = ' .. scale, function()
    local systems, n_cells, avcl_runs = {}, 0, {}
    for _, name in ipairs(names) do
      it(name .. ' has the rows of the paper, and each is what it says', function()
        local study, plan, t = load(name, scale)
        local want = printed[name]
        assert.equal(#want.rows, #t.rows)
        for i, row in ipairs(want.rows) do
          local texts, metrics = described(t, i)
          for k, title in ipairs(want.columns) do
            local is_frames = title == 'RGB length' and row[k] == '16'
            local text = is_frames and config.value_text(study.schema:resolve({},
              { values = { scale = scale } })['rgb.frames']) or row[k]
            assert.equal(text, texts[title], name .. ', ' .. texts.row .. ', ' .. title)
          end
          assert.equal(#row - #want.columns, #metrics)
          for m, metric in ipairs(metrics) do
            assert.equal(row[#want.columns + m], metric.cell.paper.value)
            local run = plans.variant(plan.rows[i], metric.column).cells[1].test
            n_cells = n_cells + 1
            systems[run.id] = true
            if metric.cell.paper.value == AVCL then
              avcl_runs[run.id] = (avcl_runs[run.id] or 0) + 1
            end
          end
          check_row(name, study, plan, t, i)
        end
      end)
    end

    it('are 42 cells of 39 systems; AVCL on K32 is one run in all four', function()
      local n = 0
      for _ in pairs(systems) do n = n + 1 end
      assert.equal(42, n_cells)
      assert.equal(39, n)
      local id, times = next(avcl_runs)
      assert.equal(4, times)
      assert.is_nil(next(avcl_runs, id))
    end)
  end)
end

describe('Fig. 2', function()
  it("is Table 4's network at the paper's scale", function()
    local function test_of(name, label)
      local _, plan = nil, plans.resolve(script.load(('experiments/%s.lua'):format(name)), {
        only = label, data = function(set)
          return { hash = set, n_classes = 32, items = 1000, synthetic = false }
        end })
      return plan.rows[1].cells[1].test.id
    end
    assert.equal(test_of('table4', 'AVCL, R(2+1)D'), test_of('fig2', 'AVCL'))
  end)
end)
