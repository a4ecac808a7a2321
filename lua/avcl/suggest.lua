-- suggest.lua - "did you mean": the known name nearest to a mistyped one.
local M = {}

-- Edit distance where a swap of neighbours counts once.
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    rows[i] = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local change = rows[i - 1][j - 1] + (same and 0 or 1)
      local d = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, change)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = math.min(d, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = d
    end
  end
  return rows[#a][#b]
end

local function plain(name)
  return (name:lower():gsub('[-_.]', ''))
end

--- The nearest of `known`, or nil when none is near.
---@param name string
---@param known string[]
function M.nearest(name, known)
  local best, best_distance
  for _, candidate in ipairs(known) do
    local typed, whole, last = plain(name), plain(candidate), plain(candidate:match '[^.]+$')
    local d = math.min(distance(typed, whole), distance(typed, last) + 0.5)
    if #typed > 2 and whole:sub(1, #typed) == typed then d = math.min(d, 1) end
    if not best or d < best_distance then best, best_distance = candidate, d end
  end
  if best and best_distance <= math.max(1, #name / 3 + 0.5) then return best end
end

--- "; did you mean 'x'?", or the list when it is short, or nothing.
function M.text(name, known)
  local near = M.nearest(name, known)
  if near then return ("; did you mean '%s'?"):format(near) end
  if #known > 0 and #known <= 12 then
    local sorted = { unpack(known) }
    table.sort(sorted)
    return ' (known: ' .. table.concat(sorted, ', ') .. ')'
  end
  return ''
end

return M
