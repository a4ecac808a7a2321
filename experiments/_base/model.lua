-- AVCL (paper, Fig. 1): two backbones, AMFM, CGRA and SelfCL. A pure function of one point.

-- models = 1: the same weights see both modalities (Table 1).
local function streams(g, p)
  local params = { width = p.width, stem = p.stem > 0 and p.stem or nil }
  local rgb, mel = g:input 'rgb', g:input 'mel'
  if p.models == 2 then
    return g:backbone(p.backbone, { clip = rgb, name = 'video' }, params),
      g:backbone(p.backbone, { clip = mel, name = 'audio' }, params)
  end
  local shared = g:instance('backbone', p.backbone, params, 'video')
  return g:apply(shared, { clip = rgb }), g:apply(shared, { clip = mel })
end

-- Where CGRA looks (Table 2): 'pool-final' is what SelfCL sees, others are pooled taps.
local function cgra_inputs(g, place, v, a, final)
  if place == 'pool-final' then return { final[1], final[2], name = 'cgra' } end
  return {
    g:global_avg_pool(v[place]), g:global_avg_pool(a[place]), name = 'cgra_' .. place,
  }
end

---@param g avcl.Graph
---@param p table
return function(g, p)
  local v, a = streams(g, p)
  local f = g:fusion(p.fusion, { video = v.pool, audio = a.pool }, p.fusion == 'amfm' and {
    gate = p.amfm.gate, hidden = p.amfm.hidden, shared_excitation = p.amfm.shared_excitation,
  } or nil)
  local final = p.pretext.features == 'raw' and { v.pool, a.pool } or { f.video, f.audio }

  for _, place in ipairs(p.cgra_at) do
    local cgra = g:alignment('cgra', cgra_inputs(g, place, v, a, final), {
      lambda = p.lambda, center = p.cgra.center, norm = p.cgra.norm,
    })
    g:minimize(p.lambda_cor, cgra) -- eq. 11, left
    g:log('cgra_' .. place, cgra)
  end
  local selfcl = g:loss('selfcl', final, { tau = p.tau, reduction = p.selfcl.reduction })
  g:minimize(p.lambda_self, selfcl) -- eq. 11, right
  g:log('selfcl', selfcl)
  return { features = { f.video, f.audio }, taps = { video = v, audio = a } }
end
