-- bench/experiment.lua - what `avcl bench` trains: the paper's pre-training, or one of its towers.
--
-- Both towers: two backbones, AMFM, CGRA and SelfCL (paper, Fig. 1), as experiments/_base/model.lua
-- declares them. One tower: its backbone under a linear classifier.
local experiment = require 'avcl.experiment'

local function tower(g, p, input, name)
  return g:backbone(p.backbone, { clip = g:input(input), name = name }, { width = p.width })
end

local function both(g, p)
  local v, a = tower(g, p, 'rgb', 'video'), tower(g, p, 'mel', 'audio')
  local f = g:fusion(p.fusion, { video = v.pool, audio = a.pool }, {
    gate = p.amfm.gate, hidden = p.amfm.hidden, shared_excitation = p.amfm.shared_excitation,
  })
  local cgra = g:alignment('cgra', { f.video, f.audio }, {
    lambda = p.lambda, center = p.cgra.center, norm = p.cgra.norm,
  })
  local selfcl = g:loss('selfcl', { f.video, f.audio }, {
    tau = p.tau, reduction = p.selfcl.reduction,
  })
  g:minimize(p.lambda_cor, cgra) -- eq. 11
  g:minimize(p.lambda_self, selfcl)
  g:log('cgra', cgra)
  g:log('selfcl', selfcl)
  return { features = { f.video, f.audio }, taps = { video = v, audio = a } }
end

local function model(g, p)
  if p.tower == 'both' then return both(g, p) end
  local name = p.tower
  local taps = { [name] = tower(g, p, name == 'video' and 'rgb' or 'mel', name) }
  return { features = { taps[name].pool }, taps = taps }
end

local M = { towers = { 'both', 'video', 'audio' }, n_classes = 32 }

-- The stage of a tower, and what its classifier sees.
M.stage = { both = 'pretrain', video = 'classify', audio = 'classify' }
M.modalities = { both = 'both', video = 'rgb', audio = 'mel' }

function M.new()
  return experiment.new {
    name = 'bench', model = model, defaults = { tower = 'both' },
    stages = {
      pretrain = { optim = experiment.sgd { lr = 1e-3 } },
      classify = { optim = experiment.sgd { lr = 1e-3 }, head = experiment.head { hidden = 0 } },
    },
  }
end

return M
