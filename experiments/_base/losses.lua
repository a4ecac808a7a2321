-- AVCL (paper, Fig. 1): AMFM, CGRA and SelfCL on the features of two streams.

local function fuse(g, p, v, a)
  return g:fusion(p.fusion, { video = v.pool, audio = a.pool }, p.fusion == 'amfm' and {
    gate = p.amfm.gate, hidden = p.amfm.hidden, shared_excitation = p.amfm.shared_excitation,
  } or nil)
end

-- Where CGRA looks (Table 2): 'pool-final' is what SelfCL sees, others are pooled taps.
local function cgra_inputs(g, place, v, a, final)
  if place == 'pool-final' then return { final[1], final[2], name = 'cgra' } end
  return {
    g:global_avg_pool(v[place]), g:global_avg_pool(a[place]), name = 'cgra_' .. place,
  }
end

--- Declares the losses; returns the features that a classifier sees.
---@param g avcl.Graph
---@param v table<string, avcl.Node> taps of video
---@param a table<string, avcl.Node> taps of audio
return function(g, p, v, a)
  local f = fuse(g, p, v, a)
  local final = p.pretext.features == 'raw' and { v.pool, a.pool } or { f.video, f.audio }
  for _, place in ipairs(p.cgra_at) do
    local pair = cgra_inputs(g, place, v, a, final)
    local cgra = g:alignment('cgra', pair, {
      lambda = p.lambda, center = p.cgra.center, norm = p.cgra.norm,
    })
    local n = p.cgra.reduction == 'mean' and pair[1].shape[2] or 1
    g:minimize(p.loss.scale * p.lambda_cor / n, cgra) -- eq. 11, left
    g:log('cgra_' .. place, cgra)
  end
  local selfcl = g:loss('selfcl', final, { tau = p.tau, reduction = p.selfcl.reduction })
  g:minimize(p.loss.scale * p.lambda_self, selfcl) -- eq. 11, right
  g:log('selfcl', selfcl)
  return { f.video, f.audio }
end
