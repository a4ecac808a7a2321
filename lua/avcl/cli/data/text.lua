-- cli/data/text.lua - what the data verbs take from the command line.
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

return M
