-- survey.lua - looks into many files at once: what is in each, and what is wrong with it.
local c = require 'avcl.ffi'
local media = require 'avcl.media'
local C = c.C

local M = {}

local POLL_S = 0.1 -- how soon a Ctrl-C is noticed

local states = {
  [tonumber(C.AVCL_FILE_OK)] = 'ok', [tonumber(C.AVCL_FILE_REPAIRED)] = 'repaired',
  [tonumber(C.AVCL_FILE_MISSING)] = 'missing', [tonumber(C.AVCL_FILE_UNREADABLE)] = 'unreadable',
  [tonumber(C.AVCL_FILE_CORRUPT)] = 'corrupt',
}

---@class avcl.Finding
---@field state string    'ok', 'repaired', 'missing', 'unreadable' or 'corrupt'
---@field reason string   one sentence, '' when all is well
---@field bytes integer
---@field info table      as media.probe gives it; zeros when the file could not be opened
---@field silent boolean  decoded only
---@field loudness number? decoded only: dBFS
---@field lost integer    decoded only: frames that neighbours stand in for

local function read(s, i, decoded)
  local f = c.new 'avcl_finding'
  C.avcl_survey_get(s, i, f)
  return {
    state = states[f.state], reason = c.string(f.reason), bytes = tonumber(f.bytes),
    info = media.info(f.info), silent = f.is_silent ~= 0, lost = tonumber(f.n_lost),
    loudness = decoded and f.info.has_audio ~= 0 and tonumber(f.loudness_db) or nil,
  }
end

--- Findings of files, in the order of `paths`. progress(done, total) is called ten times a second
--- and may return true to stop; then nil.
---@param options { decode: boolean?, workers: integer?, progress: function? }?
---@return avcl.Finding[]?
function M.files(paths, options)
  options = options or {}
  local o = c.new 'avcl_survey_options'
  o.decode, o.workers = options.decode and 1 or 0, options.workers or 0
  local list = c.new('const char *[?]', math.max(#paths, 1))
  for i, path in ipairs(paths) do list[i - 1] = path end
  local s = c.own(c.call('avcl_survey_new', list, #paths, o), 'avcl_survey_free')
  local done = c.new 'int64_t[1]'
  while C.avcl_survey_wait(s, POLL_S, done) ~= C.AVCL_END do
    if options.progress and options.progress(tonumber(done[0]), #paths) then
      c.close(s)
      return nil
    end
  end
  local out = {}
  for i = 1, #paths do out[i] = read(s, i - 1, options.decode) end
  c.close(s)
  return out
end

return M
