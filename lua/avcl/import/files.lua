-- import/files.lua - what lies below a folder, and reading small annotation files by the line.
local c = require 'avcl.ffi'
local lfs = require 'lfs'

local M = {}

local MAX_DEPTH = 12 -- links may form a ring

--- Relative paths of all files below `root`, sorted bytewise; hidden ones left out.
function M.below(root)
  local out = {}
  local function visit(folder, depth)
    for name in lfs.dir(root .. folder) do
      if name:sub(1, 1) ~= '.' then
        local path = folder .. '/' .. name
        local mode = lfs.attributes(root .. path, 'mode')
        if mode == 'directory' and depth < MAX_DEPTH then
          visit(path, depth + 1)
        elseif mode ~= 'directory' then
          out[#out + 1] = path:sub(2)
        end
      end
    end
  end
  if lfs.attributes(root, 'mode') ~= 'directory' then
    c.raise_at(nil, 'NOT_FOUND', 'no folder %s', root)
  end
  visit('', 0)
  table.sort(out)
  return out
end

function M.base(path)
  return path:match '[^/]*$'
end

--- base name -> list of paths, of the videos among `paths`.
function M.by_name(paths, key)
  local out = {}
  for _, path in ipairs(paths) do
    local name = M.base(path)
    if c.C.avcl_is_video_name(name) ~= 0 then
      local k = key and key(name) or name
      if k then
        out[k] = out[k] or {}
        table.insert(out[k], path)
      end
    end
  end
  return out
end

--- Of several files of one name: a replacement of a corrupt one, then the one in the split's own
--- folder, then the first.
function M.choose(paths, split)
  if not paths then return nil end
  for _, path in ipairs(paths) do
    if ('/' .. path):find('/replacement', 1, true) then return path end
  end
  for _, path in ipairs(paths) do
    if split and ('/' .. path):find('/' .. split .. '/', 1, true) then return path end
  end
  return paths[1]
end

--- Paths whose base name matches a pattern; an error naming what was looked for when there is none.
function M.matching(root, paths, pattern, what)
  local out = {}
  for _, path in ipairs(paths) do
    if M.base(path):match(pattern) then out[#out + 1] = root .. '/' .. path end
  end
  if #out == 0 then
    c.raise_at(nil, 'NOT_FOUND', '%s: no %s in it; --annotations names the file', root, what)
  end
  return out
end

--- Lines with their places, blank ones left out: for line, place in files.lines(path).
function M.lines(path)
  local f, problem = io.open(path, 'rb')
  if not f then c.raise_at(nil, 'NOT_FOUND', '%s', problem) end
  local n = 0
  return function()
    for line in f:lines() do
      n = n + 1
      line = line:gsub('\r$', ''):gsub('^\239\187\191', '')
      if line:find '%S' then return line, ('%s: line %d'):format(path, n) end
    end
    f:close()
  end
end

return M
