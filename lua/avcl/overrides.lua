-- overrides.lua - what the command line says over a script: key=value and its relatives.
--
--   tau=0.1  cgra_at+=conv5  cgra_at-=conv4  ~tau  +mine=3  notes=@file
--   with -m:  tau=0.1,0.5  fusion=amfm,concat  'zip(tau=[0.1,0.5],width=[4,8])'
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local spec = require 'avcl.spec'

local M = {}

---@class avcl.Layer
---@field values table<string, any>   what is set
---@field dropped table<string, true> what the script and rows say of these keys is left out
---@field changes { path: string, apply: fun(old: any): any }[]
---@field label string                what a sweep varies here, '' without one

local function fail(fmt, ...)
  c.raise_at('command line', 'INVALID', fmt, ...)
end

local booleans = { ['true'] = true, ['false'] = false, yes = true, no = false }

local function unquote(text)
  return text:match "^'(.*)'$" or text:match '^"(.*)"$' or text
end

local function number_of(text)
  local n = tonumber(text)
  if n and not text:match '^0[xX]' then return n end
end

-- 'a,b,[c,d]' at its outer commas.
local function split(text)
  local parts, depth, from = {}, 0, 1
  for at = 1, #text do
    local char = text:sub(at, at)
    if char == '[' or char == '{' or char == '(' then depth = depth + 1 end
    if char == ']' or char == '}' or char == ')' then depth = depth - 1 end
    if char == ',' and depth == 0 then
      parts[#parts + 1] = text:sub(from, at - 1)
      from = at + 1
    end
  end
  parts[#parts + 1] = text:sub(from)
  for i, part in ipairs(parts) do parts[i] = part:match '^%s*(.-)%s*$' end
  return parts
end

local function bracketed(text)
  return text:match '^%[(.*)%]$' or text:match '^{(.*)}$'
end

local function parse_list(text)
  local list, inside = {}, bracketed(text) or text
  if inside:match '^%s*$' then return list end
  for i, item in ipairs(split(inside)) do list[i] = number_of(item) or unquote(item) end
  return list
end

local function parse_value(field, path, text)
  if field.type == 'list' then return parse_list(text) end
  if text:find(',', 1, true) and unquote(text) == text then
    fail("'%s=%s': one value is wanted here; -m (--sweep) takes a list as one run for each", path,
      text)
  end
  if field.type == 'number' or field.type == 'integer' then
    return number_of(text) or fail("'%s=%s': not a number", path, text)
  elseif field.type == 'boolean' then
    if booleans[text] == nil then fail("'%s=%s': neither true nor false", path, text) end
    return booleans[text]
  end
  return unquote(text)
end

-- '@file' stands for the text in it, without its last line end.
local function from_file(path, text)
  local name = text:match '^@(.+)$'
  if not name then return text end
  local f, problem = io.open(name)
  local content = f and f:read '*a'
  if f then f:close() end
  if not content then
    c.raise_at('command line', 'NOT_FOUND', "'%s=@%s': %s", path, name,
      problem or 'a directory, not a file')
  end
  return (content:gsub('%s+$', ''))
end

local function field_of(schema, path)
  return schema.fields[path] or schema:unknown(path, 'an override', 'command line')
end

local function set(schema, layer, path, text)
  local value = parse_value(field_of(schema, path), path, from_file(path, text))
  schema:check(path, value, 'an override', 'command line')
  layer.values[path] = value
end

-- ---- one argument ------------------------------------------------------------------------------

local function without(list, gone, path)
  local out, removed = {}, false
  for _, item in ipairs(list) do
    if item == gone then removed = true else out[#out + 1] = item end
  end
  if not removed then
    fail("'%s-=%s': not in %s", path, tostring(gone), config.value_text(list))
  end
  return out
end

-- key+=v and key-=v, on what the point has by then.
local function change(schema, layer, path, sign, text)
  if field_of(schema, path).type ~= 'list' then
    fail("'%s%s=%s': '%s' is not a list; write %s=value", path, sign, text, path, path)
  end
  local items = parse_list(from_file(path, text))
  layer.changes[#layer.changes + 1] = { path = path, apply = function(old)
    local out = { unpack(old or {}) }
    for _, item in ipairs(items) do
      if sign == '+' then out[#out + 1] = item else out = without(out, item, path) end
    end
    return out
  end }
end

-- +key=v: a knob that neither avcl nor the script knows.
local function add(schema, layer, path, text)
  if schema.fields[path] then
    fail("'+%s=%s': there is a '%s' already; write %s=%s", path, text, path, path, text)
  end
  local value = number_of(text) or booleans[text]
  if value == nil then value = bracketed(text) and parse_list(text) or unquote(text) end
  local kind = type(value) == 'table' and 'list' or type(value)
  schema:add(nil, { [path] = { type = kind, default = value } })
  layer.values[path] = value
end

local function drop(schema, layer, path)
  field_of(schema, path)
  layer.dropped[path] = true
end

local KEY = '([%w_.-]-[%w_])'

local function apply(schema, layer, text)
  local path = text:match('^~' .. KEY .. '$')
  if path then return drop(schema, layer, path) end
  local value, sign
  path, value = text:match('^%+' .. KEY .. '=(.*)$')
  if path then return add(schema, layer, path, value) end
  path, sign, value = text:match('^' .. KEY .. '([+-])=(.*)$')
  if path then return change(schema, layer, path, sign, value) end
  path, value = text:match('^' .. KEY .. '=(.*)$')
  if path then return set(schema, layer, path, value) end
  fail("'%s' is not key=value", text)
end

-- ---- sweeps ---------------------------------------------------------------------------------

-- The arguments that an argument stands for: { { 'tau=0.1' }, { 'tau=0.5' } }.
local function choices(schema, text)
  local inside = text:match '^zip%((.*)%)$'
  if inside then
    local out, first = {}, nil
    for _, part in ipairs(split(inside)) do
      local path, list = part:match('^' .. KEY .. '%s*=%s*%[(.*)%]$')
      if not path then fail("'%s': zip takes key=[a,b], not '%s'", text, part) end
      local items = split(list)
      first = first or { path = path, n = #items }
      if #items ~= first.n then
        fail("'%s': '%s' has %d values, '%s' has %d", text, path, #items, first.path, first.n)
      end
      for i, item in ipairs(items) do
        out[i] = out[i] or {}
        out[i][#out[i] + 1] = path .. '=' .. item
      end
    end
    return out
  end
  local path, value = text:match('^' .. KEY .. '=(.*)$')
  local field = path and schema.fields[path]
  if not field then return { { text } } end
  local items = split(value)
  -- A list is one value; a sweep over lists brackets each.
  if #items < 2 or field.type == 'list' and not bracketed(items[1]) then return { { text } } end
  local out = {}
  for i, item in ipairs(items) do
    if item == '' then fail("'%s': an empty value in the sweep", text) end
    out[i] = { path .. '=' .. item }
  end
  return out
end

-- Every combination of what the arguments stand for; the first varies slowest.
local function combinations(schema, list)
  local out = { { all = {}, varied = {} } }
  for _, text in ipairs(list) do
    local grown, options = {}, choices(schema, text)
    for _, so_far in ipairs(out) do
      for _, option in ipairs(options) do
        local next_one = { all = { unpack(so_far.all) }, varied = { unpack(so_far.varied) } }
        for _, item in ipairs(option) do
          next_one.all[#next_one.all + 1] = item
          if #options > 1 then next_one.varied[#next_one.varied + 1] = item end
        end
        grown[#grown + 1] = next_one
      end
    end
    out = grown
  end
  return out
end

--- The layer of { 'tau=0.1', … }.
---@return avcl.Layer
function M.layer(schema, list)
  local layer = { values = {}, dropped = {}, changes = {}, label = '' }
  for _, text in ipairs(list or {}) do apply(schema, layer, text) end
  return layer
end

--- One layer for each point of a sweep; one without `sweep`.
---@return avcl.Layer[]
function M.layers(schema, list, sweep)
  if not sweep then
    for _, text in ipairs(list or {}) do
      if text:match '^zip%(' then fail("'%s' is a sweep; -m (--sweep) allows it", text) end
    end
    return { M.layer(schema, list) }
  end
  local out = {}
  for i, point in ipairs(combinations(schema, list or {})) do
    out[i] = M.layer(schema, point.all)
    out[i].label = table.concat(point.varied, ',')
  end
  if #out == 1 then
    fail('-m (--sweep) without a list: write key=a,b or zip(key=[a,b],other=[c,d])')
  end
  return out
end

--- AVCL_WORKERS=3 and the like: machine keys only, checked like any other.
function M.environment(schema, get)
  local values = {}
  for path in pairs(schema.machine) do
    local name = 'AVCL_' .. path:upper()
    local text = get(name)
    if text and text ~= '' then
      local field = schema.fields[path]
      values[path] = field.type == 'string' and text or number_of(text)
        or c.raise_at('environment', 'INVALID', '%s=%s: not a number', name, text)
      local problem = spec.problem(field, path, values[path], name)
      if problem then c.raise_at('environment', 'INVALID', '%s', problem) end
    end
  end
  return values
end

return M
