-- check.lua - the conformance tests of a plugin file, one result after the other.
--
--   for r in check.run(file, { module = 'net' }) do print(r.test, r.verdict, r.text) end
--
-- What a whole check found lies beside the plugin, NAME.check.json, with the hash of the file that
-- was checked: another file under that name is unchecked.
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'
local doc = require 'avcl.doc'
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

-- ---- what is remembered ------------------------------------------------------------------

local function beside(file)
  return (file:gsub('%.so$', ''):gsub('%.avcl$', '')) .. '.check.json'
end

local function sha256_of(file)
  local hex = c.new 'char[65]'
  c.call('avcl_sha256_file', file, hex)
  return c.string(hex)
end

--- The results of a check as a document.
---@param results avcl.CheckResult[]
---@param counts table<string, integer> by verdict
function M.document(file, results, counts)
  local list = doc.list()
  for i, r in ipairs(results) do
    list[i] = doc.map {
      { 'module', r.module }, { 'test', r.test }, { 'verdict', r.verdict }, { 'text', r.text },
      { 'seconds', doc.float(r.seconds) },
    }
  end
  return doc.map {
    { 'schema', 'avcl.check/1' }, { 'file', file }, { 'sha256', sha256_of(file) },
    { 'ok', counts.fail == 0 }, { 'failed', counts.fail }, { 'warnings', counts.warn },
    { 'results', list },
  }
end

--- Writes it beside the file; a reason when that cannot be.
function M.remember(file, document)
  local path = beside(file)
  local f, problem = io.open(path .. '.new', 'wb')
  if not f then return problem end
  local written = f:write(doc.json(document), '\n')
  if not (f:close() and written) then return path .. ' cannot be written' end
  return not os.rename(path .. '.new', path) and path .. ' cannot be replaced' or nil
end

--- 'passed', 'failed' or 'unchecked': what is known of the file with this hash.
function M.status(file, sha256)
  local text = disk.read(beside(file))
  if not text then return 'unchecked' end
  local ok, known = pcall(doc.parse, text)
  if not ok or type(known) ~= 'table' or known.sha256 ~= sha256 then return 'unchecked' end
  return known.ok and 'passed' or 'failed'
end

return M
