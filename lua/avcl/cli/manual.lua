-- cli/manual.lua - avcl(1), made from the parser: each verb with its examples first.
local M = {}

M.exit_codes = {
  { 0, 'done' }, { 1, 'a run failed, or a check did not hold' },
  { 2, 'wrong usage: verb or option' },
  { 3, 'a script, key, value, shape or plugin that does not fit' },
  { 4, 'no such file, data set, module or store' },
  { 5, 'a damaged record or file, or one that exists already' }, { 70, 'a fault in avcl' },
  { 75, 'stopped by a signal; what was done is kept, start it again' },
}

M.environment = {
  { 'AVCL_STORE', 'default of --store, else results' },
  { 'AVCL_PLUGIN_PATH', 'folders with plugins, absolute, separated by colons; searched first' },
  { 'AVCL_DEVICE, AVCL_WORKERS, AVCL_CACHE_MIB, AVCL_MAX_BAD, AVCL_CHECKPOINT_S',
    'where and how runs happen; no result depends on them' },
  { 'OMP_NUM_THREADS', 'threads that compute' },
  { 'NO_COLOR, CLICOLOR_FORCE, FORCE_COLOR', 'colour, below --color' },
  { 'SOURCE_DATE_EPOCH', 'the date in a rendered table; none when not set' },
}

--- Examples of a verb: { command, what } in order.
function M.examples(verb)
  return verb.examples or { { verb.example, '' } }
end

--- Examples as `avcl help VERB` begins with them.
function M.examples_text(verb)
  local lines = { 'Examples:' }
  for _, e in ipairs(M.examples(verb)) do
    lines[#lines + 1] = '  ' .. e[1]
    if e[2] and e[2] ~= '' then lines[#lines + 1] = '      ' .. e[2] end
  end
  return table.concat(lines, '\n')
end

-- ---- troff --------------------------------------------------------------------------------------

local function escape(text)
  text = text:gsub('\\', '\\e'):gsub('%-', '\\-')
  return (text:gsub('^([.\'])', '\\&%1'):gsub('\n([.\'])', '\n\\&%1'))
end

local function term_list(out, rows)
  for _, row in ipairs(rows) do
    out[#out + 1] = '.TP'
    out[#out + 1] = '.B ' .. escape(tostring(row[1]))
    out[#out + 1] = escape(row[2] ~= '' and row[2] or ' ')
  end
end

-- What argparse knows of an element: "-m, --sweep" or "SCRIPT", and its description.
local function element(e)
  local name = e._aliases and #e._aliases > 0 and table.concat(e._aliases, ', ') or nil
  local arg = e._argname
  if type(arg) == 'table' then arg = table.concat(arg, ' ') end
  if name and arg and e._maxargs ~= 0 then name = name .. ' ' .. arg end
  return { name or arg or e._name, e._description or '' }
end

local function verb_section(out, command, verb)
  out[#out + 1] = '.SS ' .. escape(command._name)
  out[#out + 1] = escape(verb.summary)
  for _, e in ipairs(M.examples(verb)) do
    out[#out + 1] = '.PP\n.RS\n.EX\n' .. escape(e[1]) .. '\n.EE\n.RE'
    if e[2] and e[2] ~= '' then out[#out + 1] = escape(e[2]) end
  end
  local rows = {}
  for _, a in ipairs(command._arguments) do rows[#rows + 1] = element(a) end
  for _, o in ipairs(command._options) do
    local row = element(o)
    if not row[1]:find('--help', 1, true) then rows[#rows + 1] = row end
  end
  term_list(out, rows)
end

--- The page as troff source.
function M.page(parser, version)
  local out = {
    ('.TH AVCL 1 "" "avcl %s" "User Commands"'):format(version),
    '.SH NAME', 'avcl \\- experiments in audio\\-visual contrastive learning',
    '.SH SYNOPSIS', '.B avcl', '[\\-C DIR] [\\-\\-color WHEN] VERB ...',
    '.SH VERBS',
  }
  for _, command in ipairs(parser._commands) do
    verb_section(out, command, require('avcl.cli.' .. command._name))
  end
  out[#out + 1] = '.SH EXIT STATUS'
  term_list(out, M.exit_codes)
  out[#out + 1] = '.SH ENVIRONMENT'
  term_list(out, M.environment)
  out[#out + 1] = '.SH FILES'
  term_list(out, {
    { 'experiments/*.lua', 'studies; NAME stands for experiments/NAME.lua' },
    { 'avcl.lua', 'data sets and machine keys of a project' },
    { '~/.config/avcl/config.lua', 'the same of a user' },
    { 'results/', 'the store' },
  })
  return table.concat(out, '\n') .. '\n'
end

return M
