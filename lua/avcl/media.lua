-- media.lua - files of video and audio: what is in them, frames, mel pictures, PNG.
local c = require 'avcl.ffi'
local C = c.C

local M = {}

local info_fields = {
  'n_frames', 'n_key', 'width', 'height', 'rotation', 'is_vfr', 'fps', 'video_start_s', 'video_s',
  'audio_start_s', 'audio_s', 'has_audio', 'sample_rate', 'channels', 'ordinal',
  'n_missing',
}
local texts = { 'format', 'video_codec', 'audio_codec' }
local flags = { is_vfr = true, has_audio = true, ordinal = true }
M.info_fields = { unpack(info_fields) }
for _, name in ipairs(texts) do M.info_fields[#M.info_fields + 1] = name end

--- An avcl_media_info as a table.
function M.info(info)
  local out = {}
  for _, name in ipairs(info_fields) do
    local value = tonumber(info[name])
    if flags[name] then value = value ~= 0 end
    out[name] = value
  end
  for _, name in ipairs(texts) do out[name] = c.string(info[name]) end
  return out
end

--- What a file contains.
function M.probe(path)
  local info = c.new 'avcl_media_info'
  c.call('avcl_media_probe', path, info)
  return M.info(info)
end

local function open(path)
  return c.own(c.call('avcl_video_open', path, nil), 'avcl_video_free')
end

--- Calls each(index, pixels, width, height) for frames [start, start + n).
function M.frames(path, start, n, size, each)
  local v, info = open(path), c.new 'avcl_media_info'
  C.avcl_video_get_info(v, info)
  local w, h = size and size[1] or info.width, size and size[2] or info.height
  local rgb, padded = c.new('uint8_t[?]', w * h * 3), c.new 'int64_t[1]'
  for i = start, start + n - 1 do
    c.call('avcl_video_read', v, i, 1, w, h, rgb, padded)
    each(i, rgb, w, h)
  end
  c.close(v)
end

--- MD5 of frames [start, start + n), as ffmpeg's framemd5.
function M.md5(path, start, n)
  local v = open(path)
  local info = c.new 'avcl_media_info'
  C.avcl_video_get_info(v, info)
  n = n or tonumber(info.n_frames) - start
  local hex, out = c.new('char[?][33]', math.max(n, 1)), {}
  c.call('avcl_video_md5', v, start, n, hex)
  for i = 0, n - 1 do out[i + 1] = c.string(hex[i]) end
  c.close(v)
  return out
end

local mel_numbers = {
  rate = true, window = true, hop = true, n_fft = true, bands = true, columns = true,
  fmin = true, fmax = true, log_eps = true,
}

local scales = {
  slaney = C.AVCL_MEL_SLANEY, htk = C.AVCL_MEL_HTK, linear = C.AVCL_MEL_LINEAR,
}

--- Fills an avcl_mel_options from a table: rate, window, hop, n_fft, bands, columns, scale
--- ('slaney'|'htk'|'linear'), norm (bool), fmin, fmax, log_eps, normalise ('minmax'|'raw').
function M.mel_options(o, out)
  out = out or c.new 'avcl_mel_options'
  for key, value in pairs(o or {}) do
    if mel_numbers[key] then out[key] = value end
  end
  out.scale = scales[o and o.scale or 'slaney']
  if o and o.norm == false then out.no_norm = 1 end
  if o and o.normalise == 'raw' then out.normalise = C.AVCL_MEL_RAW end
  return out
end

--- The log-mel picture of a file: pixels (float, [bands, columns]), bands, columns.
function M.mel(path, options)
  local mel = c.own(c.call('avcl_mel_new', M.mel_options(options)), 'avcl_mel_free')
  local o = C.avcl_mel_get_options(mel)
  local wave = c.new 'avcl_wave'
  c.call('avcl_audio_read', path, o.rate, 0, wave)
  local columns = o.columns
  if columns < 0 then columns = tonumber(C.avcl_mel_n_frames(mel, wave.n)) end
  local out = c.new('float[?]', o.bands * columns)
  local ok, problem = c.try('avcl_mel_picture', mel, wave.samples, wave.n, out)
  C.avcl_wave_release(wave)
  if not ok then error(problem, 0) end
  return out, o.bands, columns
end

function M.write_png(path, pixels, width, height, channels)
  c.call('avcl_png_write', path, pixels, width, height, channels)
end

--- Bytes of a float picture [bands, columns], scaled by its extremes, low bands at the bottom.
function M.grey(picture, bands, columns)
  local low, high = math.huge, -math.huge
  for i = 0, bands * columns - 1 do
    low, high = math.min(low, picture[i]), math.max(high, picture[i])
  end
  local scale = high > low and 255 / (high - low) or 0
  local grey = c.new('uint8_t[?]', bands * columns)
  for b = 0, bands - 1 do
    for x = 0, columns - 1 do
      local value = (picture[b * columns + x] - low) * scale
      grey[(bands - 1 - b) * columns + x] = math.floor(value + 0.5)
    end
  end
  return grey
end

--- The same as a PNG file.
function M.write_mel_png(path, picture, bands, columns)
  M.write_png(path, M.grey(picture, bands, columns), columns, bands, 1)
end

local synth_numbers = {
  'clips', 'width', 'height', 'fps', 'seconds', 'difficulty', 'seed', 'train', 'val', 'test',
  'workers', 'classes', 'shift', 'silent', 'black', 'masks',
}
M.synth_options = synth_numbers

local POLL_S = 0.1 -- how soon a Ctrl-C is noticed

--- Makes the synthetic set in `dir`; progress(done, total) is called ten times a second and may
--- return true to stop. Returns whether it is complete.
function M.synth(dir, options, progress)
  local o = c.new 'avcl_synth_options'
  for _, key in ipairs(synth_numbers) do
    if options[key] ~= nil then o[key] = options[key] end
  end
  local s = c.own(c.call('avcl_synth_new', dir, o), 'avcl_synth_free')
  local done, total = c.new 'int64_t[1]', c.new 'int64_t[1]'
  while true do
    local code = c.call('avcl_synth_wait', s, POLL_S, done, total)
    local stop = progress and progress(tonumber(done[0]), tonumber(total[0]))
    if code == C.AVCL_END then break end
    if stop then
      c.close(s)
      return false
    end
  end
  c.close(s)
  return true
end

return M
