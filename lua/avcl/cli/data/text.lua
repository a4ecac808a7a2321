-- cli/data/text.lua - what the data verbs take from the command line, and their progress line.
local c = require 'avcl.ffi'
local term = require 'avcl.cli.term'

local M = {}

--- 'N': a frame number, a count.
function M.count(text)
  local n = tonumber(text)
  if not n or n < 0 or n ~= math.floor(n) then
    return nil, "'" .. text .. "' is not a whole number of 0 or more"
  end
  return n
end

--- 'WxH' -> { W, H }.
function M.size(text)
  local w, h = text:match '^(%d+)x(%d+)$'
  if not w then return nil, "'" .. text .. "' is not WIDTHxHEIGHT" end
  return { tonumber(w), tonumber(h) }
end

--- A progress(done, total) for the terminal: true when a signal asked to stop.
function M.progress(what)
  local last = -1
  return function(n, total)
    if n ~= last and term.is_tty() then
      io.stderr:write(('\r%d / %d %s '):format(n, total, what))
    end
    last = n
    return c.stop_requested() ~= 0
  end
end

function M.progress_end()
  if term.is_tty() then io.stderr:write '\n' end
end

return M
