-- optim.lua - optimisers of a stage: constructors, keys in the schema, identity, the C structs.
--
--   optim = avcl.lars { lr = 0.3, warmup_epochs = 10, scopes = { head = { lr = 0.1 } } }
local c = require 'avcl.ffi'
local fields = require 'avcl.fields'
local source = require 'avcl.source'
local spec = require 'avcl.spec'
local where = require 'avcl.where'
local C = c.C

local M = {}

local kinds = { sgd = C.AVCL_SGD, adamw = C.AVCL_ADAMW, lars = C.AVCL_LARS }
local schedules = {
  constant = C.AVCL_LR_CONSTANT, plateau = C.AVCL_LR_PLATEAU, step = C.AVCL_LR_STEP,
  cosine = C.AVCL_LR_COSINE, multistep = C.AVCL_LR_MULTISTEP,
}

-- Fields that an optimiser of this kind has; of all kinds when another key decides which.
local function fields_of(kind)
  local out = {}
  for name, field in pairs(fields.optim) do
    if not field.only or not kinds[kind] or field.only[kind] then out[name] = field end
  end
  return out
end

local function check_scopes(scopes, what, place)
  for scope, t in pairs(scopes) do
    if type(scope) ~= 'string' then
      c.raise_at(source.locate(place, 'scopes'), 'INVALID', "'scopes' in %s is a list, must be "
        .. "by name: { video = { lr = 1e-4 } }", what)
    end
    spec.check(fields.optim_scope, t, ("scope '%s' of %s"):format(scope, what), place)
  end
end

local function check_milestones(list, what, place)
  local last = 0
  for _, epoch in ipairs(list) do
    if type(epoch) ~= 'number' or epoch <= last or epoch ~= math.floor(epoch) then
      c.raise_at(source.locate(place, 'milestones'), 'INVALID', "'milestones' in %s must be "
        .. 'ascending epochs, such as { 45, 90 }; got %s', what, tostring(epoch))
    end
    last = epoch
  end
  if #list > C.AVCL_MAX_MILESTONES then
    c.raise_at(source.locate(place, 'milestones'), 'INVALID', "'milestones' in %s has %d epochs, "
      .. 'at most %d', what, #list, tonumber(C.AVCL_MAX_MILESTONES))
  end
end

local function check(t, kind, what, place)
  spec.check(fields_of(kind), t, what, place)
  check_scopes(t.scopes or {}, what, place)
  check_milestones(t.milestones or {}, what, place)
end

-- Checked here, where the line is known; defaults come later, below presets.
local function constructor(kind)
  return function(t)
    local out = {}
    for key, value in pairs(t or {}) do out[key] = value end
    out.kind = kind
    check(out, kind, 'avcl.' .. kind, where.script())
    return out
  end
end

M.sgd, M.adamw, M.lars = constructor 'sgd', constructor 'adamw', constructor 'lars'

-- ---- keys of a stage -------------------------------------------------------------------------

-- AdamW decays weights by themselves, so usually more; LARS leaves biases and norms alone.
local by_kind = {
  weight_decay = function(kind)
    return kind == 'adamw' and 0.01 or fields.optim.weight_decay.default
  end,
  exclude_bias_norm = function(kind) return kind == 'lars' end,
}

--- Adds the keys NAME.optim.* to a schema.
function M.add_to(schema, name)
  local prefix = name .. '.optim'
  schema:add(prefix, fields.optim)
  for key, default in pairs(by_kind) do
    schema.values[prefix .. '.' .. key] = function(get) return default(get(prefix .. '.kind')) end
  end
end

--- Checks a stage's `optim` and puts what it says into the schema.
function M.give(schema, name, t, place)
  local what = ("optim of stage '%s'"):format(name)
  if type(t) ~= 'table' then spec.check({}, t, what, place) end
  check(t, t.kind or 'sgd', what, place)
  for key, value in pairs(t) do
    if key ~= 'scopes' then schema.given[('%s.optim.%s'):format(name, key)] = value end
  end
  for scope, values in pairs(t.scopes or {}) do
    local prefix = ('%s.optim.scopes.%s'):format(name, scope)
    schema:add(prefix, fields.optim_scope)
    for key, value in pairs(values) do schema.given[prefix .. '.' .. key] = value end
  end
end

--- Whether a key 'optim.…' of a stage says nothing: it is off, or of another kind of optimiser.
function M.is_silent(key, value, kind)
  local field = fields.optim[key:match '^optim%.([%w_]+)$']
  if not field then return false end
  if field.only and not field.only[kind] then return true end
  if type(value) == 'table' then return #value == 0 end
  return field.off ~= nil and value == field.off
end

-- ---- for the trainer -------------------------------------------------------------------------

-- { video = { lr = …, weight_decay = … } } of flat fields; what a scope leaves out is the stage's.
local function scopes_of(f)
  local out, names = {}, {}
  for path, value in pairs(f) do
    local scope, key = path:match '^optim%.scopes%.(.+)%.([%w_]+)$'
    if scope then
      if not out[scope] then out[scope], names[#names + 1] = {}, scope end
      out[scope][key] = value
    end
  end
  table.sort(names)
  return out, names
end

local function fill_scopes(o, f, keep)
  local scopes, names = scopes_of(f)
  if #names == 0 then return end
  local list = c.new('avcl_optim_scope[?]', #names)
  for i, name in ipairs(names) do
    local s = scopes[name]
    list[i - 1].scope = name
    list[i - 1].lr = s.lr or f['optim.lr']
    list[i - 1].weight_decay = s.weight_decay or f['optim.weight_decay']
    keep[#keep + 1] = name
  end
  keep[#keep + 1] = list
  o.scopes, o.n_scopes = list, #names
end

--- avcl_optim of a stage's fields; `keep` collects what must live as long.
function M.fill(o, f, keep)
  o.kind, o.lr, o.weight_decay = kinds[f['optim.kind']], f['optim.lr'], f['optim.weight_decay']
  o.momentum, o.nesterov = f['optim.momentum'], f['optim.nesterov'] and 1 or 0
  o.beta1, o.beta2, o.eps = f['optim.beta1'], f['optim.beta2'], f['optim.eps']
  o.trust, o.clip_rate = f['optim.trust'], f['optim.clip_rate'] and 1 or 0
  o.clip_norm, o.exclude_1d = f['optim.clip_norm'], f['optim.exclude_bias_norm'] and 1 or 0
  fill_scopes(o, f, keep)
end

--- avcl_schedule of a stage's fields.
function M.fill_schedule(o, f)
  o.kind, o.patience, o.factor = schedules[f['optim.schedule']], f['optim.patience'],
    f['optim.factor']
  o.min_lr, o.threshold, o.step_epochs = f['optim.min_lr'], f['optim.threshold'],
    f['optim.step_epochs']
  o.per_step, o.warmup_epochs = f['optim.per_step'] and 1 or 0, f['optim.warmup_epochs']
  local list = f['optim.milestones']
  o.n_milestones = #list
  for i, epoch in ipairs(list) do o.milestones[i - 1] = epoch end
end

return M
