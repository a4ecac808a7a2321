-- prepare.lua - a data set decoded once into one file: options, the run, what was found.
local c = require 'avcl.ffi'
local dataset = require 'avcl.dataset'
local media = require 'avcl.media'
local C = c.C

local M = {}

local codecs = { mjpeg = C.AVCL_PREPARE_MJPEG, yuv = C.AVCL_PREPARE_YUV }
local audio = { mel = C.AVCL_PREPARE_MEL, wave = C.AVCL_PREPARE_WAVE, both = C.AVCL_PREPARE_BOTH }
local states = { [C.AVCL_MEDIA_REPAIRED] = 'repaired', [C.AVCL_MEDIA_FAILED] = 'failed' }
local counts = {
  'n_total', 'n_done', 'n_kept', 'n_repaired', 'n_failed', 'n_no_audio', 'n_silent', 'frames',
  'bytes', 'video_s', 'squared_error',
}
local POLL_S = 0.1 -- how soon a Ctrl-C is noticed

local function fill(o, out)
  if o.size then out.width, out.height = o.size[1], o.size[2] end
  out.codec, out.audio = codecs[o.codec or 'mjpeg'], audio[o.audio or 'mel']
  out.quality, out.workers = o.quality or 0, o.workers or 0
  out.fps, out.max_bad, out.min_frames = o.fps or 0, o.max_bad or 0, o.min_frames or 0
  out.strict, out.check_only = o.strict and 1 or 0, o.check and 1 or 0
  media.mel_options(o.mel, out.mel)
  return out
end

local function read(progress)
  local out = {}
  for _, key in ipairs(counts) do out[key] = tonumber(progress[key]) end
  return out
end

local function problems(p)
  local list = {}
  local rel, state, reason = c.new 'const char *[1]', c.new 'avcl_media_state[1]',
    c.new 'const char *[1]'
  while C.avcl_prepare_get_problem(p, #list, rel, state, reason) == 0 do
    list[#list + 1] = {
      path = c.string(rel[0]), state = states[tonumber(state[0])], reason = c.string(reason[0]),
    }
  end
  return list
end

--- Prepares `manifest` into `out` (nil with o.check). each(counts) is called ten times a second
--- and may return true to stop. Returns the counts and the files that are not well, or nil when
--- it was stopped.
---@param o { size: integer[]?, codec: string?, quality: integer?, audio: string?, fps: number?,
---  mel: table?, workers: integer?, max_bad: number?, strict: boolean?, check: boolean?,
---  min_frames: integer?, classes: string? }
function M.run(manifest, out, o, each)
  local d = dataset.open(manifest, { classes = o.classes })
  local options = fill(o, c.new 'avcl_prepare_options')
  local p = c.own(c.call('avcl_prepare_new', d.ptr, out, options), 'avcl_prepare_free', d.ptr)
  local progress = c.new 'avcl_prepare_progress'
  local code, failed
  repeat
    code, failed = c.try('avcl_prepare_wait', p, POLL_S, progress)
    local stop = each and each(read(progress))
  until failed or code == C.AVCL_END or stop
  local list = (failed or code == C.AVCL_END) and problems(p) or nil
  c.close(p)
  d:close()
  if failed then error(failed, 0) end
  if not list then return nil end
  return read(progress), list
end

return M
