-- cli/rm.lua - `avcl rm RUN...`: moves runs to trash/.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Move runs to trash/, where `gc` deletes them after 30 days.',
  example = 'avcl rm 3f9c2a71',
}

function M.setup(command)
  command:argument('runs', 'By their first digits.'):args '+':argname 'RUN'
  at_store.option(command)
  command:flag('-r --recursive', 'Also the runs that come from them.')
end

local function children(view, id)
  local list = {}
  for row = 0, view.n - 1 do
    if view:get(row, 'parent') == id then list[#list + 1] = view:get(row, 'run') end
  end
  return list
end

-- Children before parents: whatever interrupts, no run is left without the one it comes from.
local function collect(view, id, recursive, list, seen)
  if seen[id] then return end
  seen[id] = true
  local from = children(view, id)
  if #from > 0 and not recursive then
    for _, child in ipairs(from) do
      if not seen[child] then
        c.raise_at('command line', 'INVALID', '%d run%s come%s from %s, %s among them; -r removes '
          .. 'them too', #from, #from == 1 and '' or 's', #from == 1 and 's' or '', id:sub(1, 8),
          child:sub(1, 8))
      end
    end
  end
  for _, child in ipairs(from) do collect(view, child, recursive, list, seen) end
  list[#list + 1] = id
end

function M.run(args)
  local store, view = at_store.open(args)
  local list, seen, ids = {}, {}, at_store.ids(view, args.runs)
  -- Runs named together may come from each other, in any order.
  table.sort(ids, function(a, b)
    local pa, pb = view:get(view:find(a), 'parent'), view:get(view:find(b), 'parent')
    return pa == b and pb ~= a
  end)
  for _, id in ipairs(ids) do collect(view, id, args.recursive, list, seen) end
  for _, id in ipairs(list) do
    if store:state(id) == 'running' then
      c.raise_at(nil, 'INVALID', 'run %s runs; `avcl cancel` it first', id:sub(1, 8))
    end
  end
  for _, id in ipairs(list) do
    store:discard(id)
    term.say('%s is in trash/', id:sub(1, 8))
  end
end

return M
