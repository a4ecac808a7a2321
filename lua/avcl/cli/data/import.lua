-- cli/data/import.lua - `avcl data import`: a manifest out of a published data set or a list.
local c = require 'avcl.ffi'
local imports = require 'avcl.import'
local report = require 'avcl.import.report'
local term = require 'avcl.cli.term'
local text = require 'avcl.cli.data.text'

local M = { actions = {} }

local function fraction(s)
  local x = tonumber(s)
  if not x or x < 0 or x > 0.9 then return nil, "'" .. s .. "' is not a fraction of 0 to 0.9" end
  return x
end

function M.setup(data)
  local command = data:command('import', 'A manifest out of a published data set or a list.')
  command:argument('layout', table.concat(imports.layouts, ', ')):argname 'LAYOUT'
  command:argument('where', 'Root of the files and annotations; for csv, the list.'):argname 'WHERE'
  command:option('-o --out', 'Folder to make (data/NAME).'):argname 'DIR'
  command:option('-a --annotations', 'Annotation files, when they lie elsewhere.'):args '+'
    :argname 'FILE'
  command:option('--classes', 'Only these: ks31, ks32, ks34, ks100_proposed, or a file.')
    :argname 'LIST'
  command:option('--fold', 'UCF101, HMDB51: which of the three splits (1).')
    :choices { '1', '2', '3' }:default '1'
  command:option('--val', 'Fraction of train held out for val, where the rule says so (0.1).')
    :argname 'X':convert(fraction)
  command:option('--test', 'csv, folders: fraction held out for test (0.1).'):argname 'X'
    :convert(fraction)
  command:option('--first-id', 'csv: the class id of the first class.'):choices { '0', '1' }
    :target 'first_id'
  command:option('--check', 'Look into files: none, quick (headers), full (decode all).')
    :choices { 'none', 'quick', 'full' }:default 'quick'
  command:flag('--require-audio', 'Leave clips without an audio track out.'):target 'require_audio'
  command:option('--min-frames', 'Leave shorter clips out (1).'):argname 'N':convert(text.count)
    :target 'min_frames'
  command:flag('--strict', 'A clip that would be left out is an error.')
  command:option('-j --workers', 'Threads (cores).'):argname 'N':convert(text.count)
  command:flag('--json', 'The report as JSON.')
end

-- data/ks32 for a built-in list, data/NAME of a user's list or folder, else data/LAYOUT.
local function default_out(args)
  if args.classes and not args.classes:find '[/.]' then return 'data/' .. args.classes end
  if args.layout ~= 'csv' and args.layout ~= 'folders' then return 'data/' .. args.layout end
  local name = args.where:gsub('/+$', ''):match '[^/]*$'
  return 'data/' .. name:gsub('%.[^.]*$', '')
end

function M.actions.import(args)
  args.fold, args.first_id = tonumber(args.fold), tonumber(args.first_id)
  args.progress = text.progress 'files'
  c.hold_signals(true)
  local out = args.out or default_out(args)
  local ok, result = pcall(imports.run, args.layout, args.where, out, args)
  c.hold_signals(false)
  text.progress_end()
  if not ok then error(result, 0) end
  if not result then
    term.say 'stopped; nothing was written'
    return require 'avcl.cli'.exit.again
  end
  if args.json then
    print(report.json(result))
    return
  end
  print(report.text(result))
  print(result.out .. '/manifest.csv')
end

return M
