-- LuaJIT's view of the public structs is the C compiler's; errors arrive as objects.
local c = require 'avcl.ffi'
local cdef = require 'avcl.cdef'

describe('ffi', function()
  it('lays every public struct out as the C compiler does', function()
    local layout = dofile(os.getenv 'AVCL_LAYOUT')
    local n = 0
    for name, struct in pairs(layout) do
      assert.are.equal(struct.size, c.layout(name), name)
      for _, field in ipairs(struct.offsets) do
        assert.are.equal(field[2], c.layout(name, field[1]), name .. '.' .. field[1])
        n = n + 1
      end
    end
    assert.is_true(n > 200, 'the layout table covers the headers, it has ' .. n .. ' fields')
  end)

  it('was made from the headers that libavcl was built from', function()
    assert.are.equal(c.string(c.C.avcl_abi_hash()), c.sha256(cdef.text))
  end)

  it('knows SHA-256', function() -- FIPS 180-2, B.1
    assert.are.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      c.sha256 'abc')
  end)

  it('turns a failed call into an error object with its place', function()
    local ok, e = pcall(c.call, 'avcl_safetensors_open', '/no/such.safetensors')
    assert.is_false(ok)
    assert.is_true(c.is_error(e))
    assert.is_true(e.code < 0)
    assert.truthy(tostring(e):find('/no/such.safetensors', 1, true))
  end)
end)
