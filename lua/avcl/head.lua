-- head.lua - the classifier on top of a model: what it sees, its layers, its loss.
local c = require 'avcl.ffi'
local graph = require 'avcl.graph'

local M = {}

-- Weights and bias as PyTorch starts them: uniform within 1 / sqrt(fan_in).
local function linear(g, name, x, n_out)
  return g:scope(name, function()
    local n_in = x.shape[2]
    local bound = 1 / math.sqrt(n_in)
    local w = g:weight('weight', { n_out, n_in }, { 'uniform', bound })
    return g:linear(x, w, g:weight('bias', { n_out }, { 'uniform', bound }))
  end)
end

local function head(g, x, fields, n_classes)
  return g:scope('head', function()
    local hidden = fields['head.hidden']
    if hidden > 0 then
      x = g:relu(linear(g, 'fc1', x, hidden))
      if fields['head.dropout'] > 0 then x = g:dropout(x, { p = fields['head.dropout'] }) end
    end
    return linear(g, hidden > 0 and 'fc2' or 'fc', x, n_classes)
  end)
end

local function tap(declared, name, modality)
  local taps = declared.taps and declared.taps[name]
  if not taps then
    c.raise('INVALID', "modalities = '%s' needs the model to return taps.%s", modality, name)
  end
  return taps.pool
end

--- What the classifier sees: everything the model calls features, or one stream's pool.
function M.features(g, declared, modality)
  if modality == 'rgb' then return tap(declared, 'video', modality) end
  if modality == 'mel' then return tap(declared, 'audio', modality) end
  local list = declared.features
  if graph.is_node(list) then return list end
  if type(list) ~= 'table' or not graph.is_node(list[1]) then
    c.raise('INVALID', 'the model returns no features: expected { features = { node, … } }')
  end
  if #list == 1 then return list[1] end
  return g:concat(list, { axis = 1 })
end

--- The classifier's logits [N, n_classes] on what it sees of a model.
---@return avcl.Node
function M.logits(g, declared, values, fields, n_classes)
  return head(g, M.features(g, declared, values.modalities), fields, n_classes)
end

--- Labels under the model's features: keeps the logits, minimises the loss.
function M.classify(g, declared, values, fields, n_classes)
  local logits = M.logits(g, declared, values, fields, n_classes)
  local inputs = { logits, g:input 'label', g:input 'weight' }
  local loss
  if fields.loss == 'cross_entropy' then
    loss = g:op('cross_entropy', inputs)
  else
    loss = g:loss(fields.loss, inputs)
  end
  g:keep('logits', logits)
  g:minimize(1, loss)
end

return M
