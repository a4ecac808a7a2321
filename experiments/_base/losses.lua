-- AVCL (paper, Fig. 1): AMFM, CGRA and SelfCL on the features of two streams.
local pairwise = require 'experiments._base.pairwise'

local function fusion_of(g, p)
  return g:instance('fusion', p.fusion, p.fusion == 'amfm' and {
    gate = p.amfm.gate, hidden = p.amfm.hidden, shared_excitation = p.amfm.shared_excitation,
    dropout = p.amfm.dropout,
  } or nil, 'fusion')
end

-- Where CGRA looks (Table 2): 'pool-final' is what SelfCL sees, others are pooled taps.
local function cgra_inputs(g, place, v, a, final)
  if place == 'pool-final' then return { final[1], final[2], name = 'cgra' } end
  return {
    g:global_avg_pool(v[place]), g:global_avg_pool(a[place]), name = 'cgra_' .. place,
  }
end

-- eq. 11, left
local function align(g, p, v, a, final)
  for _, place in ipairs(p.cgra_at) do
    local pair = cgra_inputs(g, place, v, a, final)
    local cgra = g:alignment('cgra', pair, {
      lambda = p.lambda, center = p.cgra.center, norm = p.cgra.norm,
    })
    local n = p.cgra.reduction == 'mean' and pair[1].shape[2] or 1
    g:minimize(p.loss.scale * p.lambda_cor / n, cgra)
    g:log('cgra_' .. place, cgra)
  end
end

-- eq. 11, right
local function contrast(g, p, fusion, v, a, final)
  local selfcl
  if p.pretext.features == 'pairwise' then
    selfcl = pairwise(g, p, fusion, v.pool, a.pool)
  else
    selfcl = g:loss('selfcl', final, {
      tau = p.tau, reduction = p.selfcl.reduction, projection = p.selfcl.projection,
    })
  end
  local is_alone = #p.cgra_at == 0 and p.selfcl.alone == 'rescaled'
  g:minimize(p.loss.scale * (is_alone and 1 or p.lambda_self), selfcl)
  g:log('selfcl', selfcl)
end

--- Declares the losses; returns the features that a classifier sees.
---@param g avcl.Graph
---@param v table<string, avcl.Node> taps of video
---@param a table<string, avcl.Node> taps of audio
---@param is_pretext boolean nothing but a fusion is wanted under a classifier
return function(g, p, v, a, is_pretext)
  local fusion = fusion_of(g, p)
  local f = g:apply(fusion, { video = v.pool, audio = a.pool })
  if is_pretext then
    local final = p.pretext.features == 'raw' and { v.pool, a.pool } or { f.video, f.audio }
    align(g, p, v, a, final)
    contrast(g, p, fusion, v, a, final)
  end
  return { f.video, f.audio }
end
