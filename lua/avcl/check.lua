-- check.lua - the conformance tests of a plugin file, one result after the other.
--
--   for r in check.run(file, { module = 'net' }) do print(r.test, r.verdict, r.text) end
local c = require 'avcl.ffi'
local C = c.C

local M = {}

local verdicts = { [0] = 'ok', 'skip', 'warn', 'fail' }

---@class avcl.CheckResult
---@field module string full name, '' = the file as a whole
---@field test string 'group/test'
---@field verdict string ok, skip, warn or fail
---@field text string what was found
---@field seconds number

---@param file string
---@param options { module?: string, only?: string, seed?: integer, seconds?: number,
---  in_process?: boolean }?
---@return fun(): avcl.CheckResult?
function M.run(file, options)
  options = options or {}
  local o = c.new 'avcl_check_options'
  o.file, o.module, o.only = file, options.module, options.only
  o.seed, o.seconds = options.seed or 1, options.seconds or 0
  o.in_process = options.in_process and 1 or 0
  local ptr = c.own(c.call('avcl_check_new', o), 'avcl_check_free')
  local result = c.new 'avcl_check_result'
  return function()
    if C.avcl_check_next(ptr, result) == 0 then
      c.close(ptr)
      return nil
    end
    return {
      module = c.string(result.module), test = c.string(result.test),
      verdict = verdicts[result.verdict], text = c.string(result.text), seconds = result.seconds,
    }
  end
end

return M
