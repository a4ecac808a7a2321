-- Every system of the paper: two streams and what they learn from each other. A pure function
-- of one point and of the stage that it is declared for.
local avcl = require 'avcl'
local compared = require 'experiments._base.compared'
local losses = require 'experiments._base.losses'

local function params_of(p)
  return { width = p.width, stem = p.stem > 0 and p.stem or nil }
end

-- models = 1: the same weights see both modalities (Table 1).
local function streams(g, p)
  local params = params_of(p)
  local s = { clips = { video = g:input 'rgb', audio = g:input 'mel' }, nets = {} }
  s.nets.video = g:instance('backbone', p.backbone, params, 'video')
  s.nets.audio = p.models == 1 and s.nets.video
    or g:instance('backbone', p.backbone, params, 'audio')
  s.v = g:apply(s.nets.video, { clip = s.clips.video })
  s.a = g:apply(s.nets.audio, { clip = s.clips.audio })
  return s
end

-- One modality, one network: nothing of the other is read.
local function one_stream(g, p)
  local name, input = 'video', 'rgb'
  if p.modalities == 'mel' then name, input = 'audio', 'mel' end
  local taps = g:backbone(p.backbone, { clip = g:input(input), name = name }, params_of(p))
  return { features = { taps.pool }, taps = { [name] = taps } }
end

---@param g avcl.Graph
---@param p table
---@param stage { kind: string, n_samples: integer }
return function(g, p, stage)
  local is_baseline = avcl.is_baseline(p.method)
  if is_baseline and stage.kind == 'pretext' then
    avcl.refuse("method '%s' has no pre-training: finetune.from = 'none'", p.method)
  end
  if is_baseline and p.modalities ~= 'both' then return one_stream(g, p) end
  local s = streams(g, p)
  local declared = { taps = { video = s.v, audio = s.a } }
  if p.method == 'avcl' then
    declared.features = losses(g, p, s.v, s.a, stage.kind == 'pretext')
    return declared
  end
  declared.features = { s.v.pool, s.a.pool } -- compared methods: ungated (methods.md E)
  if stage.kind == 'pretext' then compared(g, p, s, stage) end
  return declared
end
