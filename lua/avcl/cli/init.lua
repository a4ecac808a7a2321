-- cli/init.lua - the avcl program: verbs, usage errors, exit codes (experiments.md 3).
local argparse = require 'argparse'
local c = require 'avcl.ffi'
local lfs = require 'lfs'
local manual = require 'avcl.cli.manual'
local term = require 'avcl.cli.term'

local M = {}

-- The order is the one of `avcl --help`: from trying things out to whole studies.
M.verbs = {
  'new', 'run', 'plan', 'table', 'why', 'plot', 'export', 'config',
  'status', 'ls', 'show', 'diff', 'logs', 'resume', 'cancel', 'rm', 'gc', 'store', 'reproduce',
  'cam', 'eval', 'predict', 'weights', 'graph', 'lua', 'plugin', 'data',
  'bench', 'doctor', 'completion', 'help',
}

-- These only look: they start at once, without arranging how idle threads wait.
local looks = { plugin = true, table = true, why = true, plot = true, export = true, new = true,
  config = true, completion = true, doctor = true, help = true }

M.exit = {
  ok = 0, failed = 1, usage = 2, config = 3, not_found = 4, store = 5, bug = 70, again = 75,
}

local by_kind = {
  INVALID = 'config', SHAPE = 'config', DTYPE = 'config', UNSUPPORTED = 'config', ABI = 'config',
  NOT_FOUND = 'not_found', CORRUPT = 'store', EXISTS = 'store', IO = 'store', BUG = 'bug',
  INTERRUPTED = 'again',
}

local function code_of(problem)
  for kind, name in pairs(by_kind) do
    if c.is_error(problem, kind) then return M.exit[name] end
  end
  return M.exit.failed
end

local function add_verb(p, name)
  local verb = require('avcl.cli.' .. name)
  local command = p:command(name, verb.summary)
  command:summary(verb.summary)
  command:description(verb.summary)
  -- Examples first: what people look for.
  local get_help, text = command.get_help, manual.examples_text(verb)
  function command.get_help(self) return text .. '\n\n' .. get_help(self) end
  verb.setup(command)
end

-- The parser of all verbs; of the others there is but the name when only one is wanted, for a Tab
-- or a short verb should not wait for the code of all.
local function parser(only)
  local p = argparse('avcl', 'Experiments in audio-visual contrastive learning.')
  p:usage 'Usage: avcl [-h] [-C DIR] [--color WHEN] VERB ...'
  p:epilog('Example: avcl run experiments/quickstart.lua\nAll of a verb: avcl VERB --help')
  p:option('-C --directory', 'Work there, as if started in it.'):argname 'DIR'
  p:option('--color', 'Colour: auto, always or never.'):choices { 'auto', 'always', 'never' }
    :default 'auto'
  p:option('--plugin', 'Load this plugin file too.'):argname 'FILE':count '*':target 'files'
  p:flag('--safe', 'Only the modules that come with avcl.')
  p:flag('--insecure-plugins', 'Take plugins that others could have written.')
  p:flag('--version', 'Print the version.'):action(function()
    print('avcl ' .. c.string(c.C.avcl_host_get_api(require 'avcl.host'.get().ptr).version))
    os.exit(0)
  end)
  p:option('--locked', 'Take only what this lock holds (avcl plugin lock).'):argname 'FILE'
  p:command_target 'verb'
  p:require_command(true)
  for _, name in ipairs(M.verbs) do
    if not only or name == only then add_verb(p, name) else p:command(name) end
  end
  return p
end
M.parser = parser

local takes_value = { ['-C'] = true, ['--directory'] = true, ['--color'] = true,
  ['--plugin'] = true, ['--locked'] = true }

-- The verb of a command line; nil when it is none of ours, or help, which knows all.
local function verb_of(words)
  local i = 1
  while words[i] and words[i]:sub(1, 1) == '-' do i = i + (takes_value[words[i]] and 2 or 1) end
  for _, name in ipairs(M.verbs) do
    if words[i] == name then return name ~= 'help' and name or nil end
  end
end

--- What a command line means: true and its arguments, or false and a sentence.
function M.parse(words)
  return parser(verb_of(words)):pparse(words)
end

local function report(problem, as_json)
  if as_json and c.is_error(problem) then
    local doc = require 'avcl.doc'
    term.say(doc.json(doc.map {
      { 'code', problem.kind }, { 'message', problem.message }, { 'where', problem.where },
    }))
    return
  end
  term.say('avcl: %s%s', term.paint('error: ', 'red'), tostring(problem))
end

-- Our errors need no trace; anything else is a fault in a script or in us.
local function explain(problem)
  if c.is_error(problem) then return problem end
  if type(problem) == 'table' and problem.exit then return problem end
  return debug.traceback(tostring(problem), 2)
end

--- Ends the verb with an exit code, from any depth.
function M.finish(code)
  error({ exit = code }, 0)
end

local function run_verb(args)
  if c.in_program and not looks[args.verb] then c.C.avcl_cli_rest_threads() end
  require 'avcl.host'.configure {
    plugins = args.files, safe = args.safe, insecure_plugins = args.insecure_plugins,
    lock = args.locked and require 'avcl.cli.plugin.lock'.read(args.locked),
  }
  return require('avcl.cli.' .. args.verb).run(args)
end

--- Runs argv (argv[0] first) and returns the exit code.
return setmetatable(M, {
  __call = function(_, _, ...)
    io.stdout:setvbuf 'full'
    if ... == '__complete' then
      local words = { select(2, ...) }
      require 'avcl.cli.complete'.run(parser(words[2] and verb_of(words) or ''), words)
      return M.exit.ok
    end
    local ok, args = M.parse { ... }
    if not ok then
      args = args:gsub('\nDid you mean', '; did you mean') -- one sentence
      term.say('avcl: %s%s', term.paint('error: ', 'red'), args)
      term.say "Try 'avcl --help' or 'avcl VERB --help'"
      return M.exit.usage
    end
    term.set_color(args.color)
    if args.directory and not lfs.chdir(args.directory) then
      term.say('avcl: error: no directory %s', args.directory)
      return M.exit.not_found
    end
    local done, result = xpcall(run_verb, explain, args)
    if not done and type(result) == 'table' and result.exit then
      done, result = true, result.exit
    end
    if done then return result or M.exit.ok end
    report(result, args.json)
    return code_of(result)
  end,
})
