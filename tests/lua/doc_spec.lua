-- core/doc/lua.md names every public function, and none that does not exist.
local avcl = require 'avcl'
local gradcheck = require 'avcl.gradcheck'
local graph = require 'avcl.graph'

local function page()
  local f = assert(io.open(os.getenv 'AVCL_SOURCE_DIR' .. '/core/doc/lua.md'))
  local text = f:read '*a'
  f:close()
  return text
end

-- Names that follow `prefix` in the page, as a set.
local function named(prefix)
  local set = {}
  for name in page():gmatch('%f[%w]' .. prefix .. '([%w_]+)') do set[name] = true end
  return set
end

local function tiny()
  local g = avcl.graph()
  local w = g:weight('first', { 1 }, { 'fill', 1 })
  for i = 1, 40 do w = w * g:weight('more' .. i, { 1 }, { 'fill', 1 }) end
  g:minimize(g:sum(w * g:weight('last', { 1 }, { 'fill', 1 })))
  return g
end

describe('the page of Lua functions', function()
  local g = tiny()
  local tables = {
    ['avcl%.'] = avcl, ['g:'] = graph.methods,
    ['s:'] = getmetatable(avcl.session(g, { device = 'reference' })).__index,
  }
  for prefix, functions in pairs(tables) do
    local plain = prefix:gsub('%%', '')
    it('names every ' .. plain .. ' function', function()
      local set = named(prefix)
      for name in pairs(functions) do
        if not name:match '^__' then assert.is_true(set[name], plain .. name) end
      end
    end)
    it('names no ' .. plain .. ' function that is gone', function()
      local host, ops = avcl.host(), {}
      for _, name in ipairs(host:ops()) do ops[name] = prefix == 'g:' end
      for name in pairs(named(prefix)) do
        assert.is_true(functions[name] ~= nil or ops[name] == true, plain .. name)
      end
    end)
  end
end)

describe('the gradient check', function()
  it('reaches the last weights of a graph with more weights than elements', function()
    local _, rows = gradcheck.run(tiny(), { elements = 6 })
    local top = 0
    for _, row in ipairs(rows) do top = math.max(top, tonumber(row.name:match '%d+$' or 0)) end
    assert.is_true(top > 30)
  end)
end)
