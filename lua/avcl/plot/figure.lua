-- plot/figure.lua - series to a drawing: axes, ticks, bands, lines, legend.
--
-- It draws on a canvas: svg.lua writes text, png.lua paints with cairo. A series differs from
-- the others by colour and by dashes, never by colour alone.
local config = require 'avcl.config'

local M = {}

M.WIDTH, M.HEIGHT = 760, 440
local TEXT, TITLE = 12, 14 -- px
local CHAR = 0.58 -- width of a letter over its size, on average
local X_TICKS, Y_TICKS = 8, 6

-- Okabe and Ito's palette, told apart with any kind of colour vision; black last.
local COLORS = { '#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000' }
local DASHES = { {}, { 7, 4 }, { 2, 3 }, { 9, 3, 2, 3 } }
local GREY, LIGHT = '#555555', '#DDDDDD'

local function style(i)
  local n = #COLORS
  return COLORS[(i - 1) % n + 1],
    DASHES[((i - 1) + math.floor((i - 1) / n)) % #DASHES + 1]
end

-- ---- scales -----------------------------------------------------------------------------------

--- Round numbers that cover low..high: 1, 2 or 5 times a power of ten apart.
function M.ticks(low, high, n)
  if high <= low then
    local pad = low == 0 and 1 or math.abs(low) * 0.1
    low, high = low - pad, high + pad
  end
  local rough = (high - low) / math.max(n - 1, 1)
  local power = 10 ^ math.floor(math.log10(rough))
  local step = 10 * power
  for _, m in ipairs { 1, 2, 5 } do
    if m * power >= rough * 0.999 then
      step = m * power
      break
    end
  end
  local list, first = {}, math.floor(low / step + 1e-9)
  local last = math.ceil(high / step - 1e-9)
  for i = first, last do list[#list + 1] = i * step end
  return list
end

local function powers(low, high)
  local list = {}
  for e = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9) do
    list[#list + 1] = 10 ^ e
  end
  if #list == 1 then list[2] = list[1] * 10 end
  return list
end

local function finite(x)
  return x == x and math.abs(x) < math.huge
end

local function extent(series, field, more)
  local low, high = math.huge, -math.huge
  for _, s in ipairs(series) do
    for _, name in ipairs { field, unpack(more or {}) } do
      for _, v in ipairs(s[name] or {}) do
        if finite(v) then low, high = math.min(low, v), math.max(high, v) end
      end
    end
  end
  return low, high
end

-- A function from values to pixels, and its ticks.
local function axis(ticks, from, to, log)
  local a, b = ticks[1], ticks[#ticks]
  local function place(v)
    if log then return from + (to - from) * math.log(v / a) / math.log(b / a) end
    return from + (to - from) * (v - a) / (b - a)
  end
  return place
end

local function tick_text(v)
  local size = math.abs(v)
  if size ~= 0 and (size < 1e-3 or size >= 1e6) then
    return (('%.0e'):format(v):gsub('e([+-])0?(%d)', 'e%1%2'))
  end
  return config.number_text(tonumber(('%.6g'):format(v)))
end

-- ---- parts ------------------------------------------------------------------------------------

local function text_width(text, size)
  return #text:gsub('[\128-\191]', '') * size * CHAR
end

local function legend_width(series)
  local widest = 0
  for _, s in ipairs(series) do widest = math.max(widest, text_width(s.label, TEXT)) end
  return math.min(widest + 50, 300)
end

local function draw_axes(canvas, box, x, y)
  for _, v in ipairs(y.ticks) do
    local at = y.place(v)
    canvas:line({ box.left, at, box.right, at }, { color = LIGHT, width = 1 })
    canvas:text(box.left - 8, at + TEXT * 0.35, tick_text(v), { size = TEXT, anchor = 'end',
      color = GREY })
  end
  for _, v in ipairs(x.ticks) do
    local at = x.place(v)
    canvas:line({ at, box.bottom, at, box.bottom + 4 }, { color = GREY, width = 1 })
    canvas:text(at, box.bottom + 8 + TEXT, tick_text(v), { size = TEXT, anchor = 'middle',
      color = GREY })
  end
  canvas:line({ box.left, box.top, box.left, box.bottom, box.right, box.bottom },
    { color = GREY, width = 1 })
end

-- Points inside the scale; a value that is not finite, or not positive on a log axis, breaks
-- the line.
local function pieces(s, field, x, y)
  local list, at = {}, nil
  for i, epoch in ipairs(s.x) do
    local v = s[field][i]
    if finite(v) and (not y.log or v > 0) then
      if not at then
        at = {}
        list[#list + 1] = at
      end
      at[#at + 1], at[#at + 2] = x.place(epoch), y.place(v)
    else
      at = nil
    end
  end
  return list
end

local function draw_band(canvas, s, color, x, y)
  if not s.low or #s.x < 2 then return end
  local floor = y.ticks[1]
  local outline = {}
  for i, epoch in ipairs(s.x) do
    if not finite(s.high[i]) then return end
    outline[#outline + 1] = x.place(epoch)
    outline[#outline + 1] = y.place(math.max(s.high[i], floor))
  end
  for i = #s.x, 1, -1 do
    outline[#outline + 1] = x.place(s.x[i])
    outline[#outline + 1] = y.place(math.max(s.low[i], floor))
  end
  canvas:area(outline, { color = color, opacity = 0.18 })
end

local function draw_series(canvas, series, x, y)
  for i, s in ipairs(series) do draw_band(canvas, s, (style(i)), x, y) end
  for i, s in ipairs(series) do
    local color, dash = style(i)
    for _, points in ipairs(pieces(s, 'mean', x, y)) do
      if #points == 2 then
        canvas:dot(points[1], points[2], 3, color)
      else
        canvas:line(points, { color = color, width = 2, dash = dash })
      end
    end
  end
end

local function draw_legend(canvas, series, left, top)
  for i, s in ipairs(series) do
    local color, dash = style(i)
    local at = top + (i - 1) * (TEXT + 8)
    canvas:line({ left, at, left + 26, at }, { color = color, width = 2, dash = dash })
    canvas:text(left + 34, at + TEXT * 0.35, s.label, { size = TEXT, color = '#000000' })
  end
end

--- Draws series; `o`: title, x_label, y_label, log, note.
---@param series avcl.Series[]
function M.draw(canvas, series, o)
  local box = { left = 72, top = 40, bottom = M.HEIGHT - 64,
    right = M.WIDTH - legend_width(series) - 16 }
  local x_low, x_high = extent(series, 'x')
  local y_low, y_high = extent(series, 'mean', { 'low', 'high' })
  if o.log then y_low = math.max(y_low, y_high * 1e-12) end
  if o.log and y_low <= 0 then y_low = extent(series, 'mean') end
  local x, y = {}, { log = o.log }
  x.ticks = M.ticks(x_low, x_high, X_TICKS)
  y.ticks = o.log and powers(y_low, y_high) or M.ticks(y_low, y_high, Y_TICKS)
  -- The x axis ends with the data; only round numbers within it are marked.
  local pad = x_high > x_low and 0 or 1
  x.place = axis({ x_low - pad, x_high + pad }, box.left, box.right)
  y.place = axis(y.ticks, box.bottom, box.top, o.log)
  local inside = {}
  for _, v in ipairs(x.ticks) do
    if v >= x_low - pad and v <= x_high + pad and v == math.floor(v) then
      inside[#inside + 1] = v
    end
  end
  x.ticks = inside
  canvas:text(box.left, 22, o.title, { size = TITLE, color = '#000000', bold = true })
  draw_axes(canvas, box, x, y)
  draw_series(canvas, series, x, y)
  draw_legend(canvas, series, box.right + 16, box.top + 8)
  canvas:text((box.left + box.right) / 2, M.HEIGHT - 26, o.x_label, { size = TEXT,
    anchor = 'middle', color = GREY })
  canvas:text(20, (box.top + box.bottom) / 2, o.y_label, { size = TEXT, anchor = 'middle',
    color = GREY, rotate = -90 })
  if o.note then canvas:text(box.left, M.HEIGHT - 8, o.note, { size = 11, color = GREY }) end
end

return M
