-- remake.lua - a run's scripts as they were, and what of today's code is not what it was.
--
-- Scripts are kept in blobs/ by their hash; where they are not, the commit that the record names
-- may have them. A project is rebuilt around them: the scripts are written, all else is linked.
local c = require 'avcl.ffi'
local config = require 'avcl.config'
local differences = require 'avcl.differences'
local garbage = require 'avcl.garbage'
local lfs = require 'lfs'
local machine = require 'avcl.machine'
local stores = require 'avcl.store'

local M = {}

-- A script's path from the root of its project; as it is when it lies elsewhere.
local function from_root(root, path)
  return path:sub(1, #root + 1) == root .. '/' and path:sub(#root + 2) or path
end

--- Scripts of a run's record that are other files now: { path, sha256, now? }.
function M.changed_scripts(run, root)
  local list = {}
  for _, s in ipairs(run.provenance.scripts or {}) do
    local path = from_root(root, s.path)
    local at = path:sub(1, 1) == '/' and path or root .. '/' .. path
    local now = lfs.attributes(at, 'mode') == 'file' and stores.sha256_file(at) or nil
    if now ~= s.sha256 then list[#list + 1] = { path = path, sha256 = s.sha256, now = now } end
  end
  return list
end

-- ---- the project as it was ---------------------------------------------------------------------

local function commit_of(run)
  local git = run.provenance.git
  return type(git) == 'table' and git.sha or nil
end

local function text_of(store, run, root, script)
  local text = store:blob(script.sha256)
  if text then return text end
  local sha = commit_of(run)
  text = sha and machine.git_file(root, sha, script.path)
  if text and c.sha256(text) == script.sha256 then return text end
  c.raise_at(nil, 'NOT_FOUND', 'script %s has changed since the run was made (it was %s), and '
    .. 'neither %s/blobs nor %s has it as it was', script.path, script.sha256:sub(1, 8),
    store.root, sha and 'commit ' .. sha:sub(1, 8) or 'a commit')
end

local function write(path, text)
  local f = assert(io.open(path, 'wb'))
  assert(f:write(text))
  assert(f:close())
end

-- Links to all that `from` holds and `to` does not.
local function link_rest(from, to)
  for _, name in ipairs(garbage.entries(from)) do
    local at = to .. '/' .. name
    if not lfs.symlinkattributes(at) then assert(lfs.link(from .. '/' .. name, at, true)) end
  end
end

--- Makes `to` the project at `root` with the run's scripts as they were.
function M.rebuild(store, run, root, to)
  local folders = { [''] = true }
  for _, s in ipairs(run.provenance.scripts or {}) do
    local script = { path = from_root(root, s.path), sha256 = s.sha256 }
    if script.path:sub(1, 1) == '/' or script.path:find('..', 1, true) then
      c.raise_at(nil, 'UNSUPPORTED', 'script %s lies outside of the project %s and has changed',
        s.path, root)
    end
    local text, folder = text_of(store, run, root, script), ''
    for part in (script.path:match '^(.*/)' or ''):gmatch '[^/]+' do
      folder = folder .. '/' .. part
      folders[folder] = true
    end
    c.call('avcl_store_mkdirs', to .. folder)
    write(to .. '/' .. script.path, text)
  end
  for folder in pairs(folders) do link_rest(root .. folder, to .. folder) end
end

-- ---- what is not as it was ---------------------------------------------------------------------

--- Parts of the code that are not those of a record: { name, was, now? }.
---@param code { [1]: string, [2]: string }[]  snapshot.code
function M.changed_code(run, code)
  local was, list, now = run.provenance.code, {}, {}
  if type(was) ~= 'table' then return list end
  for _, part in ipairs(code) do now[part[1]] = part[2] end
  for _, name in ipairs(config.sorted_keys(was)) do
    if now[name] ~= was[name] then
      list[#list + 1] = { name = name, was = was[name], now = now[name] }
    end
  end
  return list
end

--- One sentence on changed code: what, and how to have it as it was; nil when nothing changed.
function M.code_sentence(run, root, list)
  if #list == 0 then return nil end
  local parts, sha = {}, commit_of(run)
  for i, p in ipairs(list) do
    parts[i] = ('%s (%s, now %s)'):format(p.name, p.was:sub(1, 8),
      p.now and p.now:sub(1, 8) or 'not loaded')
  end
  local how = 'use the avcl and the plugins of that time'
  if sha and lfs.attributes(root .. '/core/include/avcl') then
    how = ('`git worktree add DIR %s`, built there, has them'):format(sha:sub(1, 12))
  end
  return ('not the code that the run was made with: %s; other numbers may come from it: %s')
    :format(table.concat(parts, ', '), how)
end

--- Why a plan of the run's own scripts does not have the run: a sentence.
function M.why_absent(run, plan)
  local near
  for _, planned in ipairs(plan.runs) do
    local same = planned.stage == run.stage and planned.seed == run.seed
    if same and (not near or planned.label == run.label) then near = planned end
  end
  if not near then
    return ("the script has no stage '%s' with seed %d"):format(run.stage, run.seed)
  end
  local list = differences.of_runs(run, { config = near.keys.config, keys = near.keys })
  return #list > 0 and table.concat(list, '; ') or 'its parent is another run'
end

return M
