-- abi_spec.lua - every struct of the plugin ABI lies as the committed file says.
local structs = {
  'avcl_tinfo', 'avcl_tensor', 'avcl_ints', 'avcl_param', 'avcl_value', 'avcl_attr',
  'avcl_host_api', 'avcl_graph_api', 'avcl_build', 'avcl_port', 'avcl_builder', 'avcl_method',
  'avcl_case_input', 'avcl_op_case', 'avcl_grad_args', 'avcl_custom_op', 'avcl_run',
  'avcl_custom_kernel', 'avcl_reading', 'avcl_dataset_row', 'avcl_clip_info',
  'avcl_custom_dataset', 'avcl_custom_transform', 'avcl_module', 'avcl_plugin',
}

local function layout()
  local table_of, lines = dofile(os.getenv 'AVCL_LAYOUT'), {}
  for _, name in ipairs(structs) do
    local s = assert(table_of[name], name)
    lines[#lines + 1] = ('%s %d'):format(name, s.size)
    for _, member in ipairs(s.offsets) do
      lines[#lines + 1] = ('  %s %d'):format(member[1], member[2])
    end
  end
  return table.concat(lines, '\n') .. '\n'
end

local function read(path)
  local f = assert(io.open(os.getenv 'AVCL_SOURCE_DIR' .. '/tests/abi/' .. path, 'rb'))
  local text = f:read '*a'
  f:close()
  return text
end

-- Structs that are read with the size that their writer saw, or filled by the other side after
-- they were cleared. All others stand in arrays or in one another: they never grow.
local growing = { 'port', 'param', 'run', 'reading', 'build', 'grad_args', 'dataset_row',
  'clip_info', 'tensor' }

local function may_grow(name, first)
  for _, known in ipairs(growing) do
    if name == 'avcl_' .. known then return true end
  end
  return first and first[1] == 'struct_size'
end

-- Hash of the frozen headers and of the plugin that was compiled against them.
local FROZEN = '04d874f3f186fde6d0bb81599d396d535f9e721308040e79d98e52e8fec7ba76'

describe('the plugin ABI', function()
  it('1.0 is in every later one: no member moves, what never grows has its size', function()
    local table_of, name, n = dofile(os.getenv 'AVCL_LAYOUT'), nil, 0
    for line in read '1.0/plugin.layout':gmatch '[^\n]+' do
      local indent, word, number = line:match '^(%s*)([%w_]+) (%d+)$'
      if indent == '' then
        name = word
        local s = assert(table_of[name], name)
        if may_grow(name, s.offsets[1]) then
          assert.is_true(s.size >= tonumber(number), line)
        else
          assert.are.equal(tonumber(number), tonumber(s.size), line)
        end
      else
        local found
        for _, member in ipairs(table_of[name].offsets) do
          if member[1] == word then found = tonumber(member[2]) end
        end
        assert.are.equal(tonumber(number), found, name .. '.' .. word)
        n = n + 1
      end
    end
    assert.is_true(n > 100)
  end)

  it('1.0 as it was frozen is never edited', function()
    local parts = {}
    for i, name in ipairs { 'plugin', 'types', 'param', 'custom', 'samples', 'build' } do
      parts[i] = read('1.0/avcl/' .. name .. '.h')
    end
    parts[#parts + 1] = read '1.0/fixture.c'
    assert.are.equal(FROZEN, require 'avcl.ffi'.sha256(table.concat(parts)))
  end)

  it('lies in memory as tests/abi/plugin.layout says', function()
    local committed = read 'plugin.layout'
    -- Something appended: raise AVCL_ABI_NEWEST, and write layout() into that file.
    assert.are.equal(committed, layout())
  end)
end)
