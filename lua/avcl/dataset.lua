-- dataset.lua - a manifest of files, or a plugin's samples: classes, splits and identity.
local attr = require 'avcl.attr'
local c = require 'avcl.ffi'
local hosts = require 'avcl.host'
local C = c.C

local M = {}

---@class avcl.Dataset
local Dataset = {}
Dataset.__index = Dataset

-- Through a plugin: { dataset = 'npy', path = '/data/npy', params = { … } }. The host lives as
-- long as what it gave.
local function open_plugin(where, options)
  local host = hosts.get()
  local module = host:find('dataset', where.dataset)
  local params, n, keep = attr.pack(where.params, module.params,
    ("data set '%s'"):format(where.dataset))
  local w = c.new 'avcl_plugged_dataset'
  w.module, w.path, w.params, w.n_params = where.dataset, where.path, params, n
  local ptr = c.own(c.call('avcl_dataset_open_plugin', host.ptr, w, options),
    'avcl_dataset_free')
  return setmetatable({
    ptr = ptr, path = where.path or '', module = module, host = host, keep = keep,
  }, Dataset)
end

--- Opens a CSV manifest, a folder of class folders, or what a plugin reads.
---@param path string | { dataset: string, path: string?, params: table? }
---@param options { memory_cache_mib: integer?, classes: string? }?
function M.open(path, options)
  local o = c.new 'avcl_dataset_options'
  o.memory_cache_mib = options and options.memory_cache_mib or 0
  o.classes = options and options.classes
  if type(path) == 'table' then return open_plugin(path, o) end
  local ptr = c.own(c.call('avcl_dataset_open', path, o), 'avcl_dataset_free')
  return setmetatable({ ptr = ptr, path = path }, Dataset)
end

function Dataset:close()
  c.close(self.ptr)
  self.ptr = nil
end

function Dataset:n_classes()
  return C.avcl_dataset_n_classes(self.ptr)
end

function Dataset:count(split)
  if not split then return tonumber(C.avcl_dataset_count(self.ptr)) end
  local n = c.new 'int64_t[1]'
  c.call('avcl_dataset_split_count', self.ptr, split, n)
  return tonumber(n[0])
end

function Dataset:classes()
  local list = {}
  for i = 0, self:n_classes() - 1 do
    list[i + 1] = c.string(C.avcl_dataset_class_name(self.ptr, i))
  end
  return list
end

function Dataset:splits()
  local list = {}
  for i = 0, C.avcl_dataset_n_splits(self.ptr) - 1 do
    list[i + 1] = c.string(C.avcl_dataset_split_name(self.ptr, i))
  end
  return list
end

--- Iterates over all rows: { path, rel, label (from 0; -1 = none), split }.
function Dataset:samples()
  local i, n, splits = -1, self:count(), self:splits()
  local info = c.new 'avcl_sample_info'
  return function()
    i = i + 1
    if i >= n then return nil end
    C.avcl_dataset_get_sample(self.ptr, i, info)
    return {
      path = c.string(info.path), rel = c.string(info.rel), label = info.label,
      split = splits[info.split + 1],
    }
  end
end

--- SHA-256 of the data, in hex.
function Dataset:hash()
  local hex = c.new 'char[65]'
  c.call('avcl_dataset_hash', self.ptr, hex)
  return c.string(hex)
end

function Dataset:is_prepared()
  return C.avcl_dataset_is_prepared(self.ptr) ~= 0
end

function Dataset:is_synthetic()
  return C.avcl_dataset_is_synthetic(self.ptr) ~= 0
end

return M
