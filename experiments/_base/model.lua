-- AVCL (paper, Fig. 1): two backbones, AMFM, CGRA and SelfCL. A pure function of one point.
---@param g avcl.Graph
---@param p table
return function(g, p)
  local v = g:backbone(p.backbone, { clip = g:input 'rgb', name = 'video' }, { width = p.width })
  local a = g:backbone(p.backbone, { clip = g:input 'mel', name = 'audio' }, { width = p.width })
  local f = g:fusion(p.fusion, { video = v.pool, audio = a.pool }, p.fusion == 'amfm' and {
    gate = p.amfm.gate, hidden = p.amfm.hidden, shared_excitation = p.amfm.shared_excitation,
  } or nil)
  local seen = p.pretext.features == 'raw' and { v.pool, a.pool } or { f.video, f.audio }
  local cgra = g:alignment('cgra', seen, {
    lambda = p.lambda, center = p.cgra.center, norm = p.cgra.norm,
  })
  local selfcl = g:loss('selfcl', seen, { tau = p.tau, reduction = p.selfcl.reduction })
  g:minimize { { p.lambda_cor, cgra }, { p.lambda_self, selfcl } } -- eq. 11
  g:log('cgra', cgra)
  g:log('selfcl', selfcl)
  return { features = { f.video, f.audio }, taps = { video = v, audio = a } }
end
