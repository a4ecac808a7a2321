-- features.lua - what of a model is looked at when it is evaluated, kept under feature/NAME.
--
-- video and audio are the pools before fusion (v~, a~), fused is what the classifier sees, and
-- *_conv5 is VCOP's max-pooled conv5.
local c = require 'avcl.ffi'
local fields = require 'avcl.fields'
local head = require 'avcl.head'
local suggest = require 'avcl.suggest'

local M = {}

local keepers = {}

local function tap(declared, name)
  return declared.taps and declared.taps[name]
end

local function pool_of(name)
  return function(_, declared)
    local taps = tap(declared, name)
    return taps and taps.pool
  end
end
keepers.video, keepers.audio = pool_of 'video', pool_of 'audio'

function keepers.fused(g, declared, modalities)
  return declared.features and head.features(g, declared, modalities)
end

-- MaxPool3d((1, 2, 2)), then flat: 9,216 numbers of a full-size backbone (methods.md E).
local function pooled_conv5(name)
  return function(g, declared)
    local taps = tap(declared, name)
    if not (taps and taps.conv5) then return nil end
    local window = { 1, math.min(2, taps.conv5.shape[4]), math.min(2, taps.conv5.shape[5]) }
    local x = g:max_pool3d(taps.conv5, { kernel = window, stride = window })
    local s = x.shape
    return g:reshape(x, { shape = { s[1], s[2] * s[3] * s[4] * s[5] } })
  end
end
keepers.video_conv5, keepers.audio_conv5 = pooled_conv5 'video', pooled_conv5 'audio'

--- Keeps features of a model under feature/NAME; those that a study asks for must be there.
---@param wanted string[] none: video, audio and fused, as far as the model has them
---@return string[] names
function M.keep(g, declared, modalities, wanted)
  local names, is_given = {}, #wanted > 0
  for _, name in ipairs(is_given and wanted or { 'video', 'audio', 'fused' }) do
    if not keepers[name] then
      c.raise('INVALID', "no features '%s'%s", tostring(name),
        suggest.text(tostring(name), fields.FEATURES))
    end
    local node = keepers[name](g, declared, modalities)
    if node then
      g:keep('feature/' .. name, node)
      names[#names + 1] = name
    elseif is_given then
      c.raise('NOT_FOUND', "the model has no features '%s': it returns no such taps", name)
    end
  end
  if #names == 0 then
    c.raise('INVALID', 'the model returns neither taps nor features to evaluate')
  end
  return names
end

return M
