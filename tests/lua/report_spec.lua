-- Tables: what is in a cell, what is missing, marks, bold, the paper's numbers, tests.
local collect = require 'avcl.report.collect'
local config = require 'avcl.config'
local formats = require 'avcl.report.formats'
local paper = require 'avcl.report.paper'
local sheets = require 'avcl.report.sheet'
local records = require 'avcl.records'
local support = require 'support'

-- A store that answers from tables; records[id].items are bytes.
local function store(answers, states)
  local all = records.new {
    read = function(_, id, file) return answers[id] and answers[id][file] end,
    state = function(_, id) return states and states[id] or 'planned' end,
  }
  local items = all.items
  function all.items(self, id)
    local bits = answers[id] and answers[id].items
    if bits then return bits, answers[id].n end
    return items(self, id)
  end
  return all
end

local function result(top1, more)
  local r = { ['result.yaml'] = { metrics = { test = { top1 = top1 } },
    select = { rule = 'max val/top1' }, cost = { wall_s = 1800 } } }
  for k, v in pairs(more or {}) do r[k] = v end
  return r
end

local function column(t)
  t.title, t.metric = t.title or 'K32', t.metric or 'test/top1'
  return t
end

local function study(...)
  return { name = 'study', stages = { 'test' }, columns = { ... }, schema = config.new() }
end

-- rows: { label = { ids by seed } } in order.
local function plan(rows)
  local out = { seeds = {}, rows = {}, runs = {} }
  for i, row in ipairs(rows) do
    local cells, seeds = {}, {}
    for seed, id in ipairs(row[2]) do
      seeds[seed] = seed
      cells[seed] = { test = { id = id, stage = 'test' } }
      out.runs[#out.runs + 1] = cells[seed].test
    end
    out.rows[i] = { label = row[1], cells = cells, seeds = seeds, values = row[3] or {} }
  end
  return out
end

local function table_of(rows, all, columns, options)
  return collect.collect(study(unpack(columns or { column {} })), plan(rows), all, options)
end

local function md(...)
  return formats.md(sheets.of(table_of(...)))
end

local function has(text, part)
  assert.truthy(text:find(part, 1, true), text)
end

describe('a table', function()
  it('prints mean, deviation and n', function()
    local text = md({ { 'row', { 'a', 'b' } } }, store { a = result(60), b = result(62) })
    has(text, '| row | 61.0 ± 1.4 (2) |')
    assert.is_nil(text:find('Synthetic', 1, true))
  end)

  it('says what is missing, what failed, what runs and how long it will take', function()
    local all = store({ a = result(60) }, { b = 'failed', c = 'running' })
    has(md({ { 'row', { 'a', 'b', 'c' } } }, all),
      '60.0 (1) [1/3 seeds, 1 running, 1 failed, ~1h00]')
    has(md({ { 'row', { 'x' } } }, store {}), '… 0/1 seeds |')
    has(md({ { 'row', { 'x', 'y' } }, { 'done', { 'a' } } }, all), '| … 0/2 seeds, ~1h00 |')
  end)

  it('marks synthetic data, dirty trees and another selection', function()
    local all = store { a = result(60, { ['run.yaml'] = {
      provenance = { git = { dirty = true }, data = { { synthetic = true } } } } }) }
    local text = md({ { 'row', { 'a' } } }, all, { column { select = 'last' } })
    has(text, 'K32 (synthetic)')
    has(text, 'Dirty tree')
    has(text, "selected by 'max val/top1', not by 'last'")
  end)

  it('warns where the test split chose the checkpoint', function()
    local function chosen_on(split)
      local p = plan { { 'row', { 't' } } }
      p.runs[1].values = { ['test.split'] = 'test' }
      p.runs[1].parent = { id = 'f', stage = 'finetune',
        values = { ['finetune.val_split'] = split } }
      return formats.md(sheets.of(collect.collect(study(column {}), p, store { t = result(60) })))
    end
    has(chosen_on 'test', 'K32 ⚠')
    has(chosen_on 'test', 'on the split it is tested on')
    assert.is_nil(chosen_on('val'):find('⚠', 1, true))
  end)

  it('puts the best complete cell in bold, higher or lower', function()
    local all = store { a = result(60), b = result(70), c = result(99) }
    local rows = { { 'x', { 'a' } }, { 'y', { 'b' } }, { 'z', { 'c', 'none' } } }
    local text = md(rows, all)
    has(text, '| **70.0 (1)** |')
    has(text, '| 99.0 (1) [1/2 seeds, ~30m00] |')
    has(md(rows, all, { column { better = 'lower' } }), '| **60.0 (1)** |')
    assert.is_nil(md({ rows[1] }, all):find('**', 1, true)) -- better than what?
  end)

  it('describes rows', function()
    local of = { title = 'Layer', of = 'cgra_at' }
    local with = { title = 'AMFM', of = function(p) return p.fusion end, show = { amfm = '✓' } }
    local text = md({ { 'row', { 'a' }, { cgra_at = { 'conv5', 'pool' }, fusion = 'amfm' } } },
      store { a = result(60) }, { of, with, column {} })
    has(text, '| row | Layer | AMFM | K32 |')
    has(text, '| row | conv5+pool | ✓ | 60.0 (1) |')
  end)

  it('notes seeds that other plugins made', function()
    local function by(sha)
      return result(60, { ['run.yaml'] = { provenance = { plugins = { { sha256 = sha } } } } })
    end
    has(md({ { 'row', { 'a', 'b' } } }, store { a = by 'x', b = by 'y' }), 'Mixed code')
    assert.is_nil(md({ { 'row', { 'a', 'b' } } }, store { a = by 'x', b = by 'x' })
      :find('Mixed', 1, true))
  end)

  it('has a line for every seed', function()
    local all = store { a = result(60), b = result(62.5) }
    local text = formats.per_seed(table_of({ { 'row', { 'a', 'b', 'c' } } }, all))
    has(text, '| row | 2 | 62.50 |')
    has(text, '| row | 3 | - |')
  end)
end)

describe("the paper's numbers", function()
  local path = os.tmpname()
  teardown(function() os.remove(path) end)
  local function judged(text, top1, more)
    support.write(path, text)
    return md({ { 'row', { 'a' } } }, store { a = result(top1, more) }, nil,
      { paper = paper.read(path) })
  end
  local given = 'source: Table 3\ncells:\n  row: {K32: 75.6}\n'

  it('stand beside ours with a verdict in words', function()
    has(judged(given, 75.0), '| 75.0 (1) | 75.6, Δ -0.6 ok |')
    has(judged(given, 73.0), '75.6, Δ -2.6 okish |')
    has(judged(given, 79.6), '75.6, Δ +4.0 off |')
    has(judged(given, 79.6), 'what the paper does not state: ')
    has(judged(given, 79.6), 'tau')
    has(judged(given, 75.0), 'Paper: Table 3.')
    has(judged(given .. 'tolerance: {ok: 5}\n', 79.6), 'Δ +4.0 ok |')
  end)

  it('are not compared with synthetic data', function()
    local synthetic = { provenance = { data = { { synthetic = true } } } }
    local text = judged(given, 75.0, { ['run.yaml'] = synthetic })
    has(text, '| 75.6 |')
    assert.is_nil(text:find('Δ', 1, true))
  end)

  it('name rows and columns that there are', function()
    local function refuses(text, part)
      local ok, e = pcall(judged, text, 75)
      assert.is_false(ok)
      has(tostring(e), part)
    end
    refuses('source: x\ncells:\n  rov: {K32: 1}\n',
      ":3: no row 'rov' in table 'study'; did you mean 'row'?")
    refuses('source: x\ncells:\n  row: {K23: 1}\n', "no column 'K23'")
    refuses('source: x\ncells:\n  row: {K32: high}\n', 'is not a number')
    refuses('cells: {}\n', "lacks 'source'")
    refuses('source: [\n', ':1: ')
  end)
end)

describe('a comparison of rows', function()
  -- right(i) of n items as bits, the lowest first.
  local function bits(n, right)
    local out = {}
    for byte = 0, math.ceil(n / 8) - 1 do
      local value = 0
      for i = 0, 7 do
        if byte * 8 + i < n and right(byte * 8 + i) then value = value + 2 ^ i end
      end
      out[#out + 1] = string.char(value)
    end
    return table.concat(out)
  end
  local function tested(top1, n, right, data)
    return result(top1, { items = bits(n, right), n = n,
      ['run.yaml'] = { keys = { data = data or 'd' } } })
  end
  local stats = require 'avcl.significance'

  it("is McNemar's test with one seed", function()
    local all = store { a = tested(90, 20, function(i) return i < 18 end),
      b = tested(60, 20, function(i) return i < 12 end),
      c = tested(85, 20, function(i) return i > 2 end) }
    local t = table_of({ { 'a', { 'a' } }, { 'b', { 'b' } }, { 'c', { 'c' } } }, all)
    assert.is_nil(t.rows[1].cells[1].p) -- the reference
    assert.are.equal(stats.mcnemar(0, 6), t.rows[2].cells[1].p_raw)
    assert.are.equal(stats.mcnemar(2, 3), t.rows[3].cells[1].p_raw)
    assert.are.equal(2 * stats.mcnemar(0, 6), t.rows[2].cells[1].p) -- Holm of two
    assert.is_nil(formats.md(sheets.of(t)):find('†', 1, true))
  end)

  it('leaves the best plain when it is within noise, if asked', function()
    local all = store { a = tested(90, 20, function(i) return i < 18 end),
      b = tested(40, 20, function(i) return i < 8 end),
      c = tested(85, 20, function(i) return i > 2 end) }
    local function is_bold(rows, bold)
      return table_of(rows, all, { column { bold = bold } }).rows[1].cells[1].best == true
    end
    local clear = { { 'a', { 'a' } }, { 'b', { 'b' } } }
    local close = { { 'a', { 'a' } }, { 'c', { 'c' } } }
    assert.is_true(is_bold(clear, 'significant'))
    assert.is_false(is_bold(close, 'significant'))
    assert.is_true(is_bold(close, 'best'))
  end)

  it('is a bootstrap over items with several seeds', function()
    local all = store { a1 = tested(90, 40, function(i) return i < 36 end),
      a2 = tested(90, 40, function(i) return i >= 4 end),
      b1 = tested(50, 40, function(i) return i < 20 end),
      b2 = tested(50, 40, function(i) return i >= 20 end) }
    local t = table_of({ { 'a', { 'a1', 'a2' } }, { 'b', { 'b1', 'b2' } } }, all)
    -- Each seed: 16 items lost. Summed over seeds, disjoint halves: 32 items differ by -1.
    assert.are.equal(stats.bootstrap({ [0] = 8, [-1] = 32 }, 2), t.rows[2].cells[1].p)
    local text = formats.md(sheets.of(t))
    has(text, '| 50.0 ± 0.0 (2)† |')
    has(text, "† differs from 'a': paired bootstrap over test items (40)")
  end)

  it('needs the same items', function()
    local right = function(i) return i < 9 end
    local t = table_of({ { 'a', { 'a' } }, { 'b', { 'b' } }, { 'c', { 'c' } } }, store {
      a = tested(90, 20, right), b = tested(60, 20, right, 'other'), c = tested(60, 24, right) })
    assert.is_nil(t.rows[2].cells[1].p)
    assert.is_nil(t.rows[3].cells[1].p)
  end)
end)

describe('a format', function()
  local all = store { a = result(60), b = result(62.5) }
  local t = table_of({ { 'lambda_cor=0.1 & <b>', { 'a' } }, { 'say "x", |', { 'b' } } }, all)

  it('is booktabs LaTeX with a macro for every cell', function()
    local text = formats.render(t, 'tex', { 'stamp' })
    has(text, '% stamp\n')
    has(text, '\\newcommand{\\avclStudyLambdaCorZeroOneBKThreeTwo}{60.0 (1)}')
    has(text, 'lambda\\_cor=0.1 \\& <b> & \\avclStudyLambdaCorZeroOneBKThreeTwo{} \\\\')
    has(text, '\\textbf{62.5 (1)}')
    has(text, '\\toprule')
    assert.is_nil(text:find('[\128-\255]')) -- plain ASCII: any engine reads it
  end)

  it('keeps macros apart', function()
    local twins = table_of({ { 'a_b', { 'a' } }, { 'aB', { 'b' } } }, all)
    has(formats.render(twins, 'tex'), '{\\avclStudyABKThreeTwoX}')
  end)

  it('escapes what HTML, Markdown and CSV take for marks', function()
    has(formats.render(t, 'html'), '<td>lambda_cor=0.1 &amp; &lt;b&gt;</td>')
    has(formats.render(t, 'md'), '| say "x", \\| |')
    has(formats.render(t, 'csv'), '"say ""x"", |",K32,test/top1,62.5,,1,1,0,True')
    has(formats.render(t, 'tsv'), 'lambda_cor=0.1 & <b>\tK32\t')
  end)

  it('is JSON with a schema', function()
    local d = require 'avcl.doc'.parse(formats.render(t, 'json'))
    assert.are.equal('avcl.table/1', d.schema)
    assert.are.equal(62.5, d.cells[2].mean)
    assert.is_true(d.cells[2].best)
  end)
end)
