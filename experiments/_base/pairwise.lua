-- SelfCL with a gate for every pair (methods.md M): s(v_i, a_j) is the cosine of both behind the
-- gate that the fusion makes of v_i and a_j, so a gate cannot give the right pair away. Within a
-- modality there is no pair to fuse: s(v_i, v_j) is that of the ungated features.

local EXCLUDED = -1e30 -- a clip's similarity with itself: its exponential is 0

-- [N, N] of s(v_i, a_j).
local function across(g, fusion, v, a)
  local n, d = v.shape[1], v.shape[2]
  local function all_pairs(x, shape)
    return g:reshape(g:broadcast_to(g:reshape(x, shape), { n, n, d }), { n * n, d })
  end
  local f = g:apply(fusion, {
    video = all_pairs(v, { n, 1, d }), audio = all_pairs(a, { 1, n, d }),
  })
  local dots = g:sum(g:mul(g:l2_normalise(f.video), g:l2_normalise(f.audio)), { axes = { 1 } })
  return g:reshape(dots, { n, n })
end

-- ln of the sum over the 2N - 1 others, summed over the clips.
local function others(g, tau, similar, x)
  local unit = g:l2_normalise(x)
  local within = g:matmul(unit, unit, { transpose_b = true }) * (1 / tau)
    + g:eye { n = x.shape[1], scale = EXCLUDED }
  return g:sum(g:logsumexp(g:concat(similar, within, { axis = 1 }), { axis = 1 }))
end

--- eq. 10.
---@param fusion avcl.Instance
return function(g, p, fusion, v, a)
  local n = v.shape[1]
  return g:scope('pairwise', function()
    local va = across(g, fusion, v, a) * (1 / p.tau)
    local own = g:sum(va * g:eye { n = n })
    local loss = others(g, p.tau, va, v)
      + others(g, p.tau, g:transpose(va, { perm = { 1, 0 } }), a) - own * 2
    return p.selfcl.reduction == 'mean' and loss * (1 / n) or loss
  end)
end
