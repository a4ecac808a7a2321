-- Which of the paper's orderings of rows hold: signs, ties, significance, what is left out.
local orderings = require 'avcl.report.orderings'

local N = 40

-- The first `right` of 40 items are correct.
local function bits(right)
  local out = {}
  for byte = 0, N / 8 - 1 do
    local value = 0
    for i = 0, 7 do value = value + (byte * 8 + i < right and 2 ^ i or 0) end
    out[#out + 1] = string.char(value)
  end
  return table.concat(out)
end

local records = {}
function records.run() return { keys = { data = 'd' } } end
function records.items(_, id) return bits(tonumber(id)), N end

local function row(label, paper, right, n_seeds)
  return { label = label, cells = { {
    paper = paper and { value = paper }, mean = 100 * right / N, n = 1, n_seeds = n_seeds or 1,
    runs = { tostring(right) },
  } } }
end

local function table_of(better, ...)
  return { name = 'study', notes = {}, rows = { ... },
    columns = { { title = 'K', better = better, metric = 'test/top1', has_paper = true } } }
end

describe('orderings', function()
  it('hold, are reversed or equal, the largest gap of the paper first', function()
    local list = orderings.of(table_of('higher', row('a', 70, 20), row('b', 75, 35),
      row('c', 60, 21), row('d', 60, 35)), 1, records)
    local got = {}
    for i, o in ipairs(list) do
      got[i] = ('%s>%s %g %g %s%s'):format(o.better, o.worse, o.paper, o.here,
        o.holds and 'holds' or 'not', o.clear and '!' or '')
    end
    -- c and d are equal in the paper: no claim.
    assert.same({ 'b>c 15 35 holds!', 'b>d 15 0 not', 'a>c 10 -2.5 not', 'a>d 10 -37.5 not!',
      'b>a 5 37.5 holds!' }, got)
    assert.same({ n = 5, holds = 2, holds_clear = 2, reversed = 3, reversed_clear = 1 },
      orderings.count(list))
  end)

  it('turn round where less is better', function()
    local o = orderings.of(table_of('lower', row('a', 2, 20), row('b', 1, 10)), 1, records)[1]
    assert.equal('b', o.better)
    assert.is_true(o.holds)
  end)

  it('need both numbers, of all seeds', function()
    assert.same({}, orderings.of(table_of('higher', row('a', 70, 20), row('b', nil, 30),
      row('c', 60, 10, 3)), 1, records))
  end)

  it('say how many there are', function()
    local t = table_of('higher', row('a', 70, 20), row('b', 75, 35))
    t.notes.synthetic = true
    local head, rows = orderings.text(t, 1, orderings.of(t, 1, records))
    assert.equal("study, 'K' (synthetic): of 1 orderings in the paper 1 hold (1 beyond noise), 0 "
      .. 'do not (0 beyond noise)', head)
    assert.same({ 'holds†', 'b', 'a', '+5.0', '+37.5' }, { unpack(rows[2], 1, 5) })
  end)
end)
