-- cli/at_store.lua - what the verbs on records share: --store, runs by their first digits.
local doc = require 'avcl.doc'
local runs = require 'avcl.runs'
local stores = require 'avcl.store'

local M = {}

function M.option(command)
  command:option('--store', 'Where records are.'):default(os.getenv 'AVCL_STORE' or 'results')
    :argname 'DIR'
end

--- The store and a view of its runs.
---@return avcl.Store, avcl.Runs
function M.open(args)
  return stores.open(args.store), runs.open(args.store)
end

--- Whole ids of `args`, each the beginning of one.
function M.ids(view, args)
  local list = {}
  for i, prefix in ipairs(args) do list[i] = view:get(view:find(prefix), 'run') end
  return list
end

--- A name for people: 8 digits, more where two runs of the list share them.
function M.short(ids)
  local seen, out = {}, {}
  for _, id in ipairs(ids) do seen[id:sub(1, 8)] = (seen[id:sub(1, 8)] or 0) + 1 end
  for i, id in ipairs(ids) do out[i] = seen[id:sub(1, 8)] > 1 and id:sub(1, 14) or id:sub(1, 8) end
  return out
end

--- A value as a cell of a listing: "0.3", "yes", "-".
function M.text(value)
  if value == nil or value == doc.null then return '-' end
  if value == true then return 'yes' end
  if value == false then return 'no' end
  if type(value) == 'number' and value ~= math.floor(value) then return ('%.6g'):format(value) end
  return tostring(value)
end

return M
