-- plot/svg.lua - a canvas that writes SVG: the same drawing, the same bytes.
local M = {}

local Canvas = {}
Canvas.__index = Canvas

local FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"

function M.new(width, height)
  return setmetatable({ width = width, height = height, parts = {} }, Canvas)
end

local function px(x)
  return (('%.2f'):format(x):gsub('%.?0+$', ''))
end

local function coordinates(points)
  local out = {}
  for i = 1, #points, 2 do out[#out + 1] = px(points[i]) .. ',' .. px(points[i + 1]) end
  return table.concat(out, ' ')
end

local entities = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;' }

local function add(self, fmt, ...)
  self.parts[#self.parts + 1] = fmt:format(...)
end

--- A line through x1, y1, x2, y2, …
function Canvas:line(points, o)
  local dash = o.dash and #o.dash > 0
    and (" stroke-dasharray='%s'"):format(table.concat(o.dash, ' ')) or ''
  add(self, "<polyline points='%s' fill='none' stroke='%s' stroke-width='%s'%s/>",
    coordinates(points), o.color, px(o.width), dash)
end

function Canvas:area(points, o)
  add(self, "<polygon points='%s' fill='%s' fill-opacity='%s'/>", coordinates(points), o.color,
    px(o.opacity))
end

function Canvas:dot(x, y, radius, color)
  add(self, "<circle cx='%s' cy='%s' r='%s' fill='%s'/>", px(x), px(y), px(radius), color)
end

function Canvas:text(x, y, text, o)
  local turn = o.rotate
    and (" transform='rotate(%s %s %s)'"):format(px(o.rotate), px(x), px(y)) or ''
  add(self, "<text x='%s' y='%s' font-size='%s' text-anchor='%s' fill='%s'%s%s>%s</text>", px(x),
    px(y), px(o.size), o.anchor or 'start', o.color, o.bold and " font-weight='bold'" or '', turn,
    (text:gsub('[&<>]', entities)))
end

--- The whole file.
function Canvas:finish()
  return table.concat({
    ("<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' %s>")
      :format(self.width, self.height, self.width, self.height, FONT),
    "<rect width='100%' height='100%' fill='#FFFFFF'/>",
    table.concat(self.parts, '\n'), '</svg>', '',
  }, '\n')
end

return M
