-- term.lua - what the terminal can do, and texts sized for people.
local c = require 'avcl.ffi'

local M = {}

local function set(name)
  local value = os.getenv(name)
  return value ~= nil and value ~= ''
end

local mode = 'auto'
--- 'auto', 'always' or 'never': the flag wins over the environment.
function M.set_color(value)
  mode = value
end

--- Whether stream 1 (stdout) or 2 (stderr) gets colour.
function M.has_color(fd)
  if mode ~= 'auto' then return mode == 'always' end
  if set 'NO_COLOR' then return false end
  if set 'CLICOLOR_FORCE' or set 'FORCE_COLOR' then return true end
  return os.getenv 'TERM' ~= 'dumb' and c.isatty(fd)
end

local codes = { red = 31, green = 32, yellow = 33, bold = 1, dim = 2 }
function M.paint(text, color, fd)
  if not M.has_color(fd or 2) then return text end
  return ('\27[%dm%s\27[0m'):format(codes[color], text)
end

function M.is_utf8()
  local locale = os.getenv 'LC_ALL' or ''
  if locale == '' then locale = os.getenv 'LC_CTYPE' or '' end
  if locale == '' then locale = os.getenv 'LANG' or '' end
  return locale:lower():find 'utf%-?8' ~= nil
end

function M.is_tty()
  return c.isatty(2) and os.getenv 'TERM' ~= 'dumb'
end

--- A line for the user, on stderr.
function M.say(fmt, ...)
  io.stderr:write(select('#', ...) > 0 and fmt:format(...) or fmt, '\n')
end

function M.warn(fmt, ...)
  M.say(M.paint('warning: ', 'yellow') .. (select('#', ...) > 0 and fmt:format(...) or fmt))
end

--- 1536 -> "1.5 kB".
function M.bytes(n)
  for _, unit in ipairs { 'B', 'kB', 'MB', 'GB' } do
    if n < 1000 then return (unit == 'B' and '%d %s' or '%.3g %s'):format(n, unit) end
    n = n / 1000
  end
  return ('%.3g TB'):format(n)
end

--- 14361792 -> "14,361,792".
function M.count(n)
  local text = ('%.0f'):format(n)
  repeat
    local more
    text, more = text:gsub('^(%d+)(%d%d%d)', '%1,%2')
  until more == 0
  return text
end

--- 3723 -> "1h02", 75 -> "1m15".
function M.duration(s)
  if s ~= s or s < 0 or s > 1e8 then return '?' end
  if s < 60 then return ('%.0fs'):format(s) end
  local m = math.floor(s / 60)
  if m < 60 then return ('%dm%02d'):format(m, s % 60) end
  return ('%dh%02d'):format(math.floor(m / 60), m % 60)
end

local function width(text)
  return #text:gsub('[\128-\191]', '')
end

--- Rows as aligned columns; columns named in `right` are flushed right.
function M.columns(rows, right)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, width(tostring(cell)))
    end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local text = tostring(cell)
      local pad = (' '):rep(widths[i] - width(text))
      cells[i] = right and right[i] and pad .. text or text .. pad
    end
    lines[#lines + 1] = (table.concat(cells, '  '):gsub('%s+$', ''))
  end
  return table.concat(lines, '\n')
end

return M
