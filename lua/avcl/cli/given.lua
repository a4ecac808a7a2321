-- cli/given.lua - what a trained network is shown: files of the command line, or a data set.
local c = require 'avcl.ffi'
local csv = require 'avcl.csv'
local datasets = require 'avcl.dataset'
local project = require 'avcl.project'

local M = {}

--- A data set of these files, split 'given', without labels.
function M.files(paths)
  local manifest = os.tmpname()
  local f = assert(io.open(manifest, 'w'))
  f:write(csv.line { 'path', 'label', 'split' })
  for _, path in ipairs(paths) do
    local real = c.realpath(path)
    if not real then
      f:close()
      os.remove(manifest)
      c.raise_at('command line', 'NOT_FOUND', 'no file %s', path)
    end
    f:write(csv.line { real, '', 'given' })
  end
  f:close()
  local ok, d = pcall(datasets.open, manifest)
  os.remove(manifest)
  if not ok then error(d, 0) end
  return d
end

--- The run's own data set, or another one: a name or a manifest.
---@param r avcl.Recorded
---@param name string?
function M.data(r, name)
  return datasets.open(project.data_path(r.root, name or r.values.data))
end

--- Names of the classes that the network tells apart; numbers where its data set is not here.
function M.classes(r, name)
  local ok, d = pcall(M.data, r, name)
  if ok and d:n_classes() == r.classes then return d:classes() end
  local names = {}
  for i = 1, r.classes do names[i] = 'class ' .. i - 1 end
  return names
end

return M
