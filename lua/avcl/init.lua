-- init.lua - `require 'avcl'`: the library as scripts see it.
--
--   local avcl = require 'avcl'
--   local g = avcl.graph()
local c = require 'avcl.ffi'
local graph = require 'avcl.graph'
local hosts = require 'avcl.host'
local safetensors = require 'avcl.safetensors'
local session = require 'avcl.session'
require 'avcl.module'

---@class avcl
local M = {
  host = hosts.get,
  graph = graph.new,
  session = session.new,
  safetensors = safetensors.open,
  save_safetensors = safetensors.save,
  is_error = c.is_error,
}

return M
