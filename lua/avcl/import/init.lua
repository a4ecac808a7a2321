-- import/init.lua - makes a manifest out of a data set as it is published (ADR 0008).
--
-- A layout reads annotations and finds files; here they are looked into, what cannot be trained on
-- is left out with its reason; manifest.csv, classes.txt, left_out.csv, import.yaml are written.
local c = require 'avcl.ffi'
local classes = require 'avcl.import.classes'
local csv = require 'avcl.csv'
local files = require 'avcl.import.files'
local lfs = require 'lfs'
local report = require 'avcl.import.report'
local suggest = require 'avcl.suggest'
local survey = require 'avcl.survey'

local M = {}

M.layouts = { 'kinetics', 'ucf101', 'hmdb51', 'vggsound', 'ave', 'folders', 'csv' }

local LINK = 'files' -- in the made folder: the root, so paths are the same on every machine

function M.layout(name)
  for _, known in ipairs(M.layouts) do
    if known == name then return require('avcl.import.' .. name) end
  end
  c.raise_at(nil, 'NOT_FOUND', "no layout '%s'%s: there are %s", name,
    suggest.text(name, M.layouts), table.concat(M.layouts, ', '))
end

---@class avcl.ImportRow
---@field id string      what it is called in the annotations
---@field name string    the same, for people
---@field label string   '' = unlabelled
---@field split string
---@field path string?   below the root, or absolute; nil = not found
---@field place string   'file: line 3'
---@field group string?  clips of one source
---@field finding avcl.Finding?
---@field left_out string?  why it is not in the manifest

local function folder_of(path)
  return path:match '^(.*)/[^/]*$' or '.'
end

-- Where annotations, files and the list of classes are.
local function source_of(layout, where, options)
  local source = { root = where, file = where, annotations = options.annotations }
  local mode = lfs.attributes(where, 'mode')
  if not mode then c.raise_at(nil, 'NOT_FOUND', 'no %s', where) end
  if layout.is_list then
    if mode == 'directory' then
      c.raise_at(nil, 'INVALID', '%s is a folder; csv wants the list, folders wants this', where)
    end
    source.root = folder_of(where)
  else
    source.files = files.below(where)
  end
  source.root = c.realpath(source.root)
  if options.classes then source.list = classes.read(options.classes) end
  function source.class(label)
    if source.list and label ~= '' then return source.list.of[label] end
    return label
  end
  return source
end

-- ---- what is left out ---------------------------------------------------------------------

local function leave_out_twins(rows)
  local seen = {}
  for _, row in ipairs(rows) do
    local key = row.path and row.split .. '\0' .. row.path
    if key and seen[key] then
      row.left_out = 'listed twice, first in ' .. seen[key].place
    elseif key then
      seen[key] = row
    end
  end
end

local function full_path(source, path)
  return path:sub(1, 1) == '/' and path or source.root .. '/' .. path
end

-- False when a stop was asked for.
local function look(rows, source, options)
  local paths, index = {}, {}
  for _, row in ipairs(rows) do
    local path = row.path and full_path(source, row.path)
    if path and not index[path] then
      paths[#paths + 1] = path
      index[path] = #paths
    end
  end
  local found = survey.files(paths, {
    decode = options.check == 'full', workers = options.workers, progress = options.progress,
  })
  for _, row in ipairs(found and rows or {}) do
    row.finding = row.path and found[index[full_path(source, row.path)]]
  end
  return found ~= nil
end

-- Why a row cannot be in the manifest, or nil.
local function fault(row, options)
  if not row.path then return 'missing: no file found' end
  local finding = row.finding
  if not finding then return nil end
  if finding.state == 'missing' then return 'missing: ' .. finding.reason end
  if finding.state == 'unreadable' or finding.state == 'corrupt' then
    return 'corrupt: ' .. finding.reason
  end
  if options.require_audio and not finding.info.has_audio then return 'no audio track' end
  if finding.info.n_frames < (options.min_frames or 1) then
    return ('too short: %d frames'):format(finding.info.n_frames)
  end
end

local function is_evaluation(split)
  return split:find '^val' or split:find '^test' or split:find '^dev' or split:find '^eval'
end

-- A class that only evaluation has cannot be learnt; a manifest with one does not open.
local function leave_out_untrained(rows)
  local trained, any = {}, false
  for _, row in ipairs(rows) do
    if not row.left_out and row.label ~= '' and not is_evaluation(row.split) then
      trained[row.label], any = true, true
    end
  end
  for _, row in ipairs(any and rows or {}) do
    if not row.left_out and row.label ~= '' and not trained[row.label] then
      row.left_out = 'its class has no clip to train on'
    end
  end
end

-- ---- the folder that is made --------------------------------------------------------------

-- Names of classes in order: the list's, the annotations' own, or bytewise.
local function class_names(rows, source, order)
  if source.list then return source.list.names end
  local seen, names = {}, {}
  for _, row in ipairs(rows) do
    if not row.left_out and row.label ~= '' then seen[row.label] = true end
  end
  for _, name in ipairs(order or {}) do
    if seen[name] then names[#names + 1] = name end
  end
  if order then return names end
  for name in pairs(seen) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- What manifest paths begin with: nothing when the root is the folder itself, else the link.
local function link_root(source, out)
  if c.realpath(out) == source.root then return '' end
  local link = out .. '/' .. LINK
  local kind = lfs.symlinkattributes(link, 'mode')
  if kind and kind ~= 'link' then
    c.raise_at(nil, 'EXISTS', '%s is in the way of a link to %s', link, source.root)
  end
  if kind and c.realpath(link) ~= source.root then os.remove(link) end
  if c.realpath(link) ~= source.root then
    local ok, problem = lfs.link(source.root, link, true)
    if not ok then c.raise_at(nil, 'IO', '%s: %s', link, problem) end
  end
  return LINK .. '/'
end

local function publish(path, text)
  c.call('avcl_file_publish', path, text, #text, 1)
end

local function manifest_text(rows, prefix)
  local lines = { 'path,label,split\n' }
  for _, row in ipairs(rows) do
    if not row.left_out then
      local path = row.path:sub(1, 1) == '/' and row.path or prefix .. row.path
      lines[#lines + 1] = csv.line { path, row.label, row.split }
    end
  end
  return table.concat(lines)
end

local function left_out_text(rows)
  local lines = { 'name,label,split,reason,where\n' }
  for _, row in ipairs(rows) do
    if row.left_out then
      lines[#lines + 1] = csv.line { row.name, row.label, row.split, row.left_out, row.place }
    end
  end
  return table.concat(lines)
end

local function prepare_folder(out)
  c.call('avcl_store_mkdirs', out)
  if lfs.attributes(out .. '/manifest.csv') and not lfs.attributes(out .. '/import.yaml') then
    c.raise_at(nil, 'EXISTS', '%s holds a manifest.csv that import did not make; --out names '
      .. 'another folder', out)
  end
end

local function write(rows, source, out, result)
  local prefix = link_root(source, out)
  publish(out .. '/classes.txt', table.concat(result.classes, '\n') .. '\n')
  publish(out .. '/left_out.csv', left_out_text(rows))
  publish(out .. '/import.yaml', report.yaml(result))
  publish(out .. '/manifest.csv', manifest_text(rows, prefix))
end

--- Imports what lies at `where` into the folder `out`; nil when a stop was asked for.
---@param options { annotations: string[]?, classes: string?, fold: integer?, val: number?,
---   test: number?, first_id: integer?, check: string, require_audio: boolean?,
---   min_frames: integer?, strict: boolean?, workers: integer?, progress: function? }
function M.run(name, where, out, options)
  local layout = M.layout(name)
  local source = source_of(layout, where, options)
  prepare_folder(out)
  local rows, notes, order = layout.read(source, options)
  if #rows == 0 then
    c.raise_at(nil, 'INVALID', '%s: none of its clips is of %s', where,
      source.list and source.list.file or 'any class')
  end
  leave_out_twins(rows)
  if options.check ~= 'none' and not look(rows, source, options) then return nil end
  for _, row in ipairs(rows) do row.left_out = row.left_out or fault(row, options) end
  if options.strict then
    for _, row in ipairs(rows) do
      if row.left_out then
        c.raise_at(nil, 'INVALID', '%s: %s: %s', row.place, row.name, row.left_out)
      end
    end
  end
  leave_out_untrained(rows)
  local result = report.make(rows, {
    layout = name, where = where, out = out, notes = notes, check = options.check,
    classes = class_names(rows, source, order), paper = classes.paper[options.classes or ''],
  })
  if result.total.kept == 0 then
    local first = rows[1]
    c.raise_at(nil, 'NOT_FOUND', '%s: none of its %d clips can be used; the first: %s: %s', where,
      #rows, first.name, first.left_out)
  end
  write(rows, source, out, result)
  return result
end

return M
