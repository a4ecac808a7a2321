-- A method module on two streams (Table 4): it gets whatever its inputs are called.
local avcl = require 'avcl'

-- The same clip without its motion: one frame of it, drawn anew each step, all the time.
local function still(g, clip)
  local n, frames = clip.shape[1], clip.shape[3]
  local drawn = g:one_hot(g:random_index { rows = n, columns = 1, n = frames }, { n = frames })
  local mask = g:reshape(drawn, { n, 1, frames, 1, 1 })
  return g:broadcast_to(g:sum(g:mul(clip, mask), { axes = { 2 }, keep = true }), clip.shape)
end

local makers = {}

-- Networks that follow, on states; their momentum is told step by step by the method.
local function follow(g, nets)
  local momentum = g:scalar 'momentum'
  local video = g:ema_of(nets.video, momentum)
  return { video = video, audio = nets.audio == nets.video and video
    or g:ema_of(nets.audio, momentum) }
end

function makers.target_video(g, s)
  s.targets = s.targets or follow(g, s.nets)
  return g:apply(s.targets.video, { clip = s.clips.video }).pool
end

function makers.target_audio(g, s)
  s.targets = s.targets or follow(g, s.nets)
  return g:apply(s.targets.audio, { clip = s.clips.audio }).pool
end

function makers.negative(g, s)
  return g:apply(s.nets.video, { clip = still(g, s.clips.video) }).pool
end

function makers.sample_index(g) return g:input 'sample_index' end
function makers.video(_, s) return s.v.pool end
function makers.audio(_, s) return s.a.pool end

--- Declares the method's loss.
---@param s table { nets, clips, v, a }: streams of model.lua
return function(g, p, s, stage)
  local inputs, params = { name = 'method' }, avcl.knobs(p, p.method)
  for _, port in ipairs(g:ports('method', p.method)) do
    if makers[port.name] then inputs[port.name] = makers[port.name](g, s) end
    if port.name == 'sample_index' then params.samples = math.max(16, stage.n_samples) end
  end
  local out = g:method(p.method, inputs, params)
  g:minimize(1, out.loss)
  g:log(p.method, out.loss)
end
