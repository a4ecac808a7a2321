-- presets.lua - where the knobs start from (methods.md M); each key is recorded in every run.
local methods = require 'avcl.methods'

local M = {}

-- The paper's numbers; what it does not state is as fields.lua has it.
M.paper = {
  lambda_cor = 0.9, lambda_self = 0.1, tau = 0.5,
  ['pretext.features'] = 'fused', ['rgb.normalise'] = 'none', ['pretrain.optim.lr'] = 1e-3,
}

-- As the same authors' TCGL code does what the paper leaves open or prints otherwise.
M.tcgl = {
  lambda_cor = 0.9, lambda_self = 0.1, tau = 0.5, ['pretext.features'] = 'fused',
  ['rgb.normalise'] = 'tmean', ['pretrain.optim.lr'] = 1e-3,
  ['amfm.gate'] = 'sigmoid', ['amfm.hidden'] = 'relu', ['amfm.shared_excitation'] = false,
  ['cgra.center'] = true, ['selfcl.reduction'] = 'mean', ['selfcl.projection'] = 'elu',
}

-- The paper to the letter, for what a run's header tells; tau is what its authors' code has.
M.literal = {
  lambda_cor = 0.9, lambda_self = 0.1, lambda = 0.005, tau = 0.5, batch = 16, models = 2,
  ['pretext.features'] = 'fused', ['rgb.normalise'] = 'none', ['pretrain.optim.lr'] = 1e-3,
  ['amfm.gate'] = 'relu', ['amfm.hidden'] = 'none', ['amfm.shared_excitation'] = true,
  ['amfm.dropout'] = 0, ['cgra.center'] = false, ['cgra.norm'] = 'paper',
  ['cgra.reduction'] = 'sum', ['loss.scale'] = 1,
  ['selfcl.reduction'] = 'sum', ['selfcl.projection'] = 'none', width = 64,
  ['pretrain.epochs'] = 300, ['finetune.epochs'] = 150,
}

-- What learns at small scale: weights as printed, but CGRA per feature, and both times three.
M.robust = {
  lambda_cor = 0.9, lambda_self = 0.1, tau = 0.1,
  ['cgra.reduction'] = 'mean', ['loss.scale'] = 3,
  ['pretext.features'] = 'raw', ['rgb.normalise'] = 'tmean', ['pretrain.optim.lr'] = 0.01,
  ['amfm.gate'] = 'sigmoid', -- a gate that pre-training did not see must not silence channels
}

-- The paper's, with what the method's authors trained it with.
function M.official(method)
  local out = {}
  for _, layer in ipairs { M.paper, methods.official[method] or {} } do
    for path, value in pairs(layer) do out[path] = value end
  end
  return out
end

--- The values of a preset; they may depend on the method.
function M.of(name, method)
  local preset = M[name]
  return type(preset) == 'function' and preset(method) or preset
end

return M
