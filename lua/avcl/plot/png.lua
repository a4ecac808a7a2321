-- plot/png.lua - a canvas that paints with cairo; libcairo is loaded when the first PNG is asked
-- for, and nothing else needs it.
local c = require 'avcl.ffi'

local M = {}

local SCALE = 2 -- pixels for each of the drawing's: sharp in print

local Canvas = {}
Canvas.__index = Canvas

local anchors = { start = 0, middle = 0.5, ['end'] = 1 }

function M.new(width, height)
  local cairo = c.cairo()
  local surface = cairo.cairo_image_surface_create(0, width * SCALE, height * SCALE)
  local cr = cairo.cairo_create(surface)
  cairo.cairo_scale(cr, SCALE, SCALE)
  cairo.cairo_set_source_rgb(cr, 1, 1, 1)
  cairo.cairo_paint(cr)
  return setmetatable({ cairo = cairo, surface = surface, cr = cr }, Canvas)
end

local function ink(self, color, opacity)
  local r, g, b = color:match '#(%x%x)(%x%x)(%x%x)'
  self.cairo.cairo_set_source_rgba(self.cr, tonumber(r, 16) / 255, tonumber(g, 16) / 255,
    tonumber(b, 16) / 255, opacity or 1)
end

local function path(self, points)
  self.cairo.cairo_new_path(self.cr)
  for i = 1, #points, 2 do self.cairo.cairo_line_to(self.cr, points[i], points[i + 1]) end
end

function Canvas:line(points, o)
  local n = o.dash and #o.dash or 0
  ink(self, o.color)
  self.cairo.cairo_set_line_width(self.cr, o.width)
  self.cairo.cairo_set_dash(self.cr, c.new('double[?]', n + 1, o.dash or {}), n, 0)
  path(self, points)
  self.cairo.cairo_stroke(self.cr)
end

function Canvas:area(points, o)
  ink(self, o.color, o.opacity)
  path(self, points)
  self.cairo.cairo_fill(self.cr)
end

function Canvas:dot(x, y, radius, color)
  ink(self, color)
  self.cairo.cairo_new_path(self.cr)
  self.cairo.cairo_arc(self.cr, x, y, radius, 0, 2 * math.pi)
  self.cairo.cairo_fill(self.cr)
end

function Canvas:text(x, y, text, o)
  local cairo, cr = self.cairo, self.cr
  local box = c.new 'avcl_cairo_extents'
  ink(self, o.color)
  cairo.cairo_select_font_face(cr, 'DejaVu Sans', 0, o.bold and 1 or 0)
  cairo.cairo_set_font_size(cr, o.size)
  cairo.cairo_text_extents(cr, text, box)
  cairo.cairo_save(cr)
  cairo.cairo_translate(cr, x, y)
  cairo.cairo_rotate(cr, (o.rotate or 0) * math.pi / 180)
  cairo.cairo_move_to(cr, -box.x_advance * anchors[o.anchor or 'start'], 0)
  cairo.cairo_show_text(cr, text)
  cairo.cairo_restore(cr)
end

--- Writes the file.
function Canvas:save(file)
  local status = self.cairo.cairo_surface_write_to_png(self.surface, file)
  self.cairo.cairo_destroy(self.cr)
  self.cairo.cairo_surface_destroy(self.surface)
  if status ~= 0 then
    c.raise_at(nil, 'IO', '%s: %s', file, c.string(self.cairo.cairo_status_to_string(status)))
  end
end

return M
