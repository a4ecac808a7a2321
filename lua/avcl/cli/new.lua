-- cli/new.lua - `avcl new experiment NAME`: a script that runs, to be changed.
local c = require 'avcl.ffi'
local lfs = require 'lfs'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Write a script that runs: a model, stages, rows, columns, seeds.',
  example = 'avcl new experiment tau_study',
}

function M.setup(command)
  command:argument('what', 'experiment.'):choices { 'experiment' }:argname 'WHAT'
  command:argument('name', 'Letters, digits and _.'):argname 'NAME'
  command:option('--data', 'Named data set; the first of data/ when not given.'):argname 'NAME'
end

local function read(path)
  local f = assert(io.open(path))
  local text = f:read '*a'
  f:close()
  return text
end

-- A set that lies in data/ with a manifest, the alphabetically first.
local function first_data()
  local found
  if lfs.attributes('data', 'mode') ~= 'directory' then return nil end
  for entry in lfs.dir 'data' do
    if lfs.attributes(('data/%s/manifest.csv'):format(entry)) and (not found or entry < found) then
      found = entry
    end
  end
  return found
end

function M.run(args)
  if not args.name:match '^[%a][%w_]*$' then
    c.raise_at('command line', 'INVALID', "'%s': a name is letters, digits and _, a letter first",
      args.name)
  end
  local path = ('experiments/%s.lua'):format(args.name)
  if lfs.attributes(path) then
    c.raise_at('command line', 'EXISTS', '%s is there already; another name, or edit it', path)
  end
  local data = args.data or first_data()
  local text = read(package.searchpath('avcl.templates.experiment', package.path))
  text = text:gsub('NAME', args.name):gsub('DATA', data or 'synth')
  c.call('avcl_store_mkdirs', 'experiments')
  c.call('avcl_file_publish', path, text, #text, 0)
  term.say('%s', path)
  if not data then
    term.say('  avcl data synth data/synth --clips 48 --train 24 --val 12 --test 12 --seconds 1')
  end
  term.say('  avcl run %s && avcl table %s', args.name, args.name)
end

return M
