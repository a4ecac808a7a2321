-- A script's value depends on its text alone, and on what it requires.
local script = require 'avcl.script'
local support = require 'support'

describe('a script', function()
  local root
  setup(function() root = support.project() end)
  teardown(function() support.remove(root) end)

  local function load(text)
    return script.load(support.script(root, text))
  end

  it('draws the same numbers each time, whatever was drawn outside', function()
    local text = 'return { math.random(), math.random(6), math.random(10, 12) }'
    local first = load(text)
    math.random()
    assert.are.same(first, load(text))
    assert.is_true(first[1] >= 0 and first[1] < 1 and first[2] <= 6 and first[3] >= 10)
    local seeded = load('math.randomseed(2) ' .. text)
    assert.are_not.equal(first[1], seeded[1])
  end)

  it('walks keys in order', function()
    local keys = load [[
      local t, out = {}, {}
      for _, key in ipairs { 'z', 'b', 'a', 'm' } do t[key] = true end
      t[2], t[1] = true, true
      for key in pairs(t) do out[#out + 1] = key end
      local key = next(t)
      while key do out[#out + 1] = key key = next(t, key) end
      return out]]
    assert.are.same({ 1, 2, 'a', 'b', 'm', 'z', 1, 2, 'a', 'b', 'm', 'z' }, keys)
  end)

  it('sees no addresses', function()
    assert.are.same({ 'table', 'function', '1', 'nil' },
      load 'return { tostring {}, tostring(pairs), tostring(1), tostring(nil) }')
  end)

  it('is recorded with the hash of every file it required', function()
    support.write(root .. '/experiments/_base/more.lua', 'return 1')
    local _, loaded = load [[
      return require 'experiments._base.more' + require 'experiments._base.more']]
    assert.are.equal(2, #loaded.files)
    assert.truthy(loaded.files[2].path:find('more.lua', 1, true))
    assert.are.equal(require 'avcl.ffi'.sha256 'return 1', loaded.files[2].sha256)
  end)
end)
