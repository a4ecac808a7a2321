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

describe('the plugin ABI', function()
  it('lies in memory as tests/abi/plugin.layout says', function()
    local path = os.getenv 'AVCL_SOURCE_DIR' .. '/tests/abi/plugin.layout'
    local f = assert(io.open(path, 'rb'))
    local committed = f:read '*a'
    f:close()
    -- A change on purpose: raise AVCL_ABI_MINOR, and write layout() into that file.
    assert.are.equal(committed, layout())
  end)
end)
