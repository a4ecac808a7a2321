-- script.lua - evaluates an experiment script: the same text always gives the same value.
--
-- The script and what it requires from the project run in an environment without os, io and
-- print; the reason is told when they are touched. Random numbers are seeded, keys come in
-- order, and texts hold no addresses. `require` finds the library, and 'experiments._base.avcl'
-- from the project's root.
local c = require 'avcl.ffi'
local draw = require 'avcl.draw'
local lfs = require 'lfs'
local project = require 'avcl.project'
local suggest = require 'avcl.suggest'
local where = require 'avcl.where'

local M = {}

local reasons = {
  os = 'a script must give the same value at any time and place',
  io = 'a script reads no files; data sets are named and opened by the runner',
  print = 'a script is a value; use g:log to record a number, g:keep for a tensor',
  debug = 'a script is a value', package = 'a script is a value',
  jit = 'a script is a value', ffi = 'scripts compose ops; C stays behind the library',
  load = 'a script is the text that is recorded', loadstring = 'a script is the text recorded',
  loadfile = 'use require', dofile = 'use require',
  setfenv = 'a script is a value', getfenv = 'a script is a value',
  collectgarbage = 'a script is a value', newproxy = 'a script is a value',
  module = 'scripts share values by returning them',
}
local allowed = {
  'assert', 'error', 'ipairs', 'pcall', 'rawequal', 'rawget', 'rawset', 'select', 'setmetatable',
  'getmetatable', 'tonumber', 'type', 'unpack', 'xpcall', '_VERSION',
}

local function copy(library)
  local out = {}
  for k, v in pairs(library) do out[k] = v end
  return out
end

local function refuse(_, key)
  c.raise('INVALID', "'%s' is not available in an experiment script: %s", tostring(key),
    reasons[key] or 'no such global; globals are not shared')
end

-- The same text, the same numbers: a script's own generator, which nothing outside moves.
local function random_functions()
  local seed, n = 1, 0
  local function random(low, high)
    n = n + 1
    local u = draw.unit(('script/%s/%d'):format(tostring(seed), n))
    if not low then return u end
    if not high then low, high = 1, low end
    if low > high then c.raise('INVALID', 'math.random: no number from %g to %g', low, high) end
    return math.floor(low + u * (high - low + 1))
  end
  return random, function(new) seed, n = new, 0 end
end

-- Numbers before texts, each in order; anything else has none.
local function before(a, b)
  if type(a) == type(b) then return a < b end
  return type(a) == 'number'
end

local function ordered(t)
  local keys = {}
  for key in next, t do
    if type(key) ~= 'number' and type(key) ~= 'string' then
      c.raise('INVALID', 'pairs: a key is a %s, and those have no order', type(key))
    end
    keys[#keys + 1] = key
  end
  table.sort(keys, before)
  return keys
end

local function ordered_pairs(t)
  local keys, i = ordered(t), 0
  return function()
    i = i + 1
    if keys[i] ~= nil then return keys[i], t[keys[i]] end
  end
end

local function ordered_next(t, key)
  if key == nil then
    local first = ordered(t)[1]
    return first, t[first]
  end
  for _, k in ipairs(ordered(t)) do
    if before(key, k) then return k, t[k] end
  end
end

local function plain_text(value)
  local kind = type(value)
  local meta = kind == 'table' and getmetatable(value)
  if (kind == 'table' and not (meta and meta.__tostring)) or kind == 'function' then return kind end
  return tostring(value)
end

local function environment(loader)
  local env = {
    math = copy(math), string = copy(string), table = copy(table), bit = copy(bit),
    require = loader, pairs = ordered_pairs, next = ordered_next, tostring = plain_text,
  }
  env.math.random, env.math.randomseed = random_functions()
  for _, name in ipairs(allowed) do env[name] = _G[name] end
  return setmetatable(env, {
    __index = refuse,
    __newindex = function(_, key)
      c.raise('INVALID', "'%s' would be a global; write local %s", tostring(key), tostring(key))
    end,
  })
end

local function read(path)
  local f, problem = io.open(path, 'rb')
  if not f then c.raise('NOT_FOUND', '%s', problem) end
  local text = f:read '*a'
  f:close()
  if not text then c.raise('INVALID', "'%s' is a directory, not a script", path) end
  return text
end

-- An error of plain Lua, as one of ours with its place.
local function wrap(problem)
  if type(problem) ~= 'string' then return problem end
  local place, message = problem:match '^(.-:%d+): (.*)$'
  return c.error_of(c.const 'AVCL_E_INVALID', message or problem, place or where.script())
end

-- Loads one file into the state's environment and notes its hash.
local function run_file(state, path)
  local text = read(path)
  local chunk, problem = loadstring(text, '@' .. path)
  if not chunk then
    local place, message = problem:match '^(.-:%d+): (.*)$'
    c.raise_at(place, 'INVALID', '%s', message or problem)
  end
  state.files[#state.files + 1] = { path = path, sha256 = c.sha256(text), text = text }
  setfenv(chunk, state.env)
  return where.within(path, chunk, wrap)
end

local function find(state, name)
  local stem = name:gsub('%.', '/')
  for _, suffix in ipairs { '.lua', '/init.lua' } do
    local path = state.shown .. stem .. suffix
    if lfs.attributes(path) then return path end
  end
end

-- Names that could have been meant: what lies in the same folder.
local function neighbours(state, name)
  local folder = tostring(name):match '^(.*)%.[^.]*$'
  local at, out = folder and state.shown .. folder:gsub('%.', '/'), {}
  if not at or lfs.attributes(at, 'mode') ~= 'directory' then return { 'avcl' } end
  for entry in lfs.dir(at) do
    local stem = entry:match '^(.*)%.lua$'
    if stem then out[#out + 1] = folder .. '.' .. stem end
  end
  return out
end

local function make_loader(state)
  return function(name)
    if name == 'avcl' then return require 'avcl' end
    if reasons[name] then refuse(nil, name) end
    if state.loaded[name] ~= nil then return state.loaded[name] end
    local path = find(state, name)
    if not path then
      c.raise('NOT_FOUND', "no '%s'%s: scripts require 'avcl' and files under %s", tostring(name),
        suggest.text(tostring(name), neighbours(state, name)), state.root)
    end
    state.loaded[name] = true
    local value = run_file(state, path)
    if value ~= nil then state.loaded[name] = value end
    return state.loaded[name]
  end
end

--- Evaluates a script: its value, and { root, files = { { path, sha256, text } } }.
---@param path string
function M.load(path)
  local state = { loaded = {}, files = {}, root = project.root(path) }
  local here = c.realpath '.'
  state.shown = state.root == here and '' or state.root .. '/'
  state.env = environment(make_loader(state))
  local value = run_file(state, path)
  return value, { root = state.root, files = state.files, path = path }
end

return M
