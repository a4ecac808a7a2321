-- Rows of a table: lists, zip, grid.
local sweep = require 'avcl.sweep'

describe('sweep', function()
  it('takes lists side by side', function()
    assert.are.same({ { a = 1, b = 3 }, { a = 2, b = 4 } },
      sweep.zip { a = { 1, 2 }, b = { 3, 4 } }.list)
  end)

  it('refuses lists of different length', function()
    assert.has_error(function() sweep.zip { a = { 1, 2 }, b = { 3 } } end)
    local _, e = pcall(sweep.zip, { a = { 1, 2 }, b = { 3 } })
    assert.truthy(tostring(e):find("'b' has 1 values, 'a' has 2", 1, true))
  end)

  it('combines every value, the first key slowest', function()
    assert.are.same({ { a = 1, b = 3 }, { a = 1, b = 4 }, { a = 2, b = 3 }, { a = 2, b = 4 } },
      sweep.grid { b = { 3, 4 }, a = { 1, 2 } }.list)
  end)

  it('keeps rows in the order written', function()
    local rows = sweep.rows {
      { label = 'x' }, sweep.zip { t = { 1, 2 } }, { label = 'y' }, sweep.grid { u = { 5 } },
    }
    assert.are.same({ { label = 'x' }, { t = 1 }, { t = 2 }, { label = 'y' }, { u = 5 } },
      rows.list)
  end)

  it('refuses a key outside a row', function()
    assert.has_error(function() sweep.rows { { a = 1 }, b = 2 } end)
  end)
end)
