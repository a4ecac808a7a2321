-- ffi.lua - the one file that says `ffi`: the C declarations, calls that raise, ownership.
--
--   local c = require 'avcl.ffi'
--   local host = c.own(c.call('avcl_host_new', nil), 'avcl_host_free')
local ffi = require 'ffi'
local cdef = require 'avcl.cdef'
local where = require 'avcl.where'

ffi.cdef(cdef.text)

local M = { C = ffi.C, new = ffi.new, cast = ffi.cast, sizeof = ffi.sizeof, copy = ffi.copy }

-- The avcl program links libavcl; any other LuaJIT is told where it is.
local function has(name)
  return (pcall(function() return ffi.C[name] end))
end
if not has 'avcl_abi_hash' then
  M.library = ffi.load(os.getenv 'AVCL_LIB' or 'avcl', true) -- global, kept from collection
end
M.in_program = has 'avcl_cli_stop_requested'

local built = ffi.string(ffi.C.avcl_abi_hash())
if built ~= cdef.hash then
  error(('libavcl and its Lua files come from different builds (headers %s and %s); ' ..
    'reinstall both'):format(built:sub(1, 12), cdef.hash:sub(1, 12)), 0)
end

---@class avcl.Error
---@field code integer   a negative avcl_status
---@field kind string    its short name: 'shape', 'not found', …
---@field message string one sentence
---@field where string?  the script's file:line
local Error = {}
Error.__index = Error
Error.__tostring = function(e)
  if not e.where or e.message:find(e.where, 1, true) then return e.message end
  return e.where .. ': ' .. e.message
end
M.Error = Error

---@return avcl.Error
function M.error_of(code, message, place)
  return setmetatable({
    code = code, kind = ffi.string(ffi.C.avcl_status_name(code)), message = message, where = place,
  }, Error)
end

--- Raises an error of our own, with the place of the script that caused it.
---@param kind string a status without its prefix: 'INVALID', 'NOT_FOUND'
function M.raise(kind, fmt, ...)
  local text = select('#', ...) > 0 and fmt:format(...) or fmt
  error(M.error_of(tonumber(ffi.C['AVCL_E_' .. kind]), text, where.script()), 0)
end

--- The same with a place of the caller's choosing (nil = none).
function M.raise_at(place, kind, fmt, ...)
  local text = select('#', ...) > 0 and fmt:format(...) or fmt
  error(M.error_of(tonumber(ffi.C['AVCL_E_' .. kind]), text, place), 0)
end

function M.is_error(e, kind)
  return getmetatable(e) == Error
    and (not kind or e.code == tonumber(ffi.C['AVCL_E_' .. kind]))
end

local function pack(...)
  return { n = select('#', ...), ... }
end

--- Calls C[name](..., err). A failure is returned as an error object: result, error.
function M.try(name, ...)
  local err = ffi.new 'avcl_error'
  local args = pack(...)
  args[args.n + 1] = err
  local result = ffi.C[name](unpack(args, 1, args.n + 1))
  local failed
  if type(result) == 'number' then failed = result < 0 else failed = result == nil end
  if not failed then return result end
  local code = err.code ~= 0 and err.code or (type(result) == 'number' and result or -9)
  local text = ffi.string(err.message)
  if text == '' then text = name .. ': ' .. ffi.string(ffi.C.avcl_status_name(code)) end
  return nil, M.error_of(code, text, where.script())
end

--- Calls C[name](..., err) and raises what it reports.
function M.call(name, ...)
  local result, problem = M.try(name, ...)
  if problem then error(problem, 0) end
  return result
end

--- For loops: one error buffer for many calls. step() returns the status, or raises.
function M.repeated(name, ...)
  local err, fn = ffi.new 'avcl_error', ffi.C[name]
  local args = pack(...)
  args[args.n + 1] = err
  return function()
    local code = fn(unpack(args, 1, args.n + 1))
    if code >= 0 then return code end
    local problem = M.error_of(code, ffi.string(err.message))
    err.code = 0
    error(problem, 0)
  end
end

-- Who owns what. LuaJIT finalises in no order, at exit least of all: an object is freed only
-- when Lua let go of it and of everything made from it.
local owners = setmetatable({}, { __mode = 'k' })

local function release(owner)
  owner.uses = owner.uses - 1
  if owner.uses > 0 then return end
  ffi.C[owner.free](owner.pointer)
  if owner.parent then release(owner.parent) end
end

--- Ties a C object to Lua's collector; `parent` (an owned pointer) is freed after it.
function M.own(pointer, free, parent)
  local owner = { free = free, pointer = ffi.cast('void *', pointer), uses = 1 }
  owner.parent = parent and owners[parent]
  if owner.parent then owner.parent.uses = owner.parent.uses + 1 end
  owners[pointer] = owner
  return ffi.gc(pointer, function() release(owner) end)
end

--- Frees an owned object now rather than when it is collected. Twice does no harm.
function M.close(pointer)
  local owner = pointer and owners[pointer]
  if not owner then return end
  owners[pointer] = nil
  ffi.gc(pointer, nil)
  release(owner)
end

--- Lua string of a C one; nil for NULL.
function M.string(pointer, n)
  if pointer == nil then return nil end
  return n and ffi.string(pointer, n) or ffi.string(pointer)
end

--- Text that C allocated: copied, then freed.
function M.take_text(pointer)
  if pointer == nil then return nil end
  local text = ffi.string(pointer)
  ffi.C.avcl_text_free(pointer)
  return text
end

function M.const(name)
  return tonumber(ffi.C[name])
end

function M.is_cdata(value)
  return type(value) == 'cdata'
end

--- Size and offset as LuaJIT sees them, for tests/lua/ffi_spec.lua.
function M.layout(type_name, field)
  if not field then return ffi.sizeof(type_name) end
  return ffi.offsetof(type_name, field)
end

--- SHA-256 of a Lua string, in hex.
function M.sha256(text)
  local hex = ffi.new 'char[65]'
  ffi.C.avcl_sha256_hex(text, #text, hex)
  return ffi.string(hex)
end

--- 0, or the signal that asked for a stop.
function M.stop_requested()
  return M.in_program and ffi.C.avcl_cli_stop_requested() or 0
end

function M.hold_signals(on)
  if M.in_program then ffi.C.avcl_cli_hold_signals(on and 1 or 0) end
end

--- Signals stop this trainer from now on (nil = none).
function M.stop_with(trainer)
  if not M.in_program then return end
  if trainer == nil then
    ffi.C.avcl_cli_on_stop(nil, nil)
  else
    ffi.C.avcl_cli_on_stop(ffi.cast('void (*)(void *)', ffi.C.avcl_trainer_stop), trainer)
  end
end

ffi.cdef [[
int isatty(int fd);
int getpid(void);
int setenv(const char *name, const char *value, int overwrite);
char *realpath(const char *path, char *resolved);
void free(void *p);
int access(const char *path, int mode);
typedef struct avcl_lua_timespec { long s; long ns; } avcl_lua_timespec;
int clock_gettime(int clock, avcl_lua_timespec *out);
int nanosleep(const avcl_lua_timespec *time, avcl_lua_timespec *rest);
]]

local cairo_text = [[
typedef struct avcl_cairo_extents {
    double x_bearing, y_bearing, width, height, x_advance, y_advance;
} avcl_cairo_extents;
void *cairo_image_surface_create(int format, int width, int height);
void *cairo_create(void *surface);
void cairo_destroy(void *cr);
void cairo_surface_destroy(void *surface);
int cairo_surface_write_to_png(void *surface, const char *file);
const char *cairo_status_to_string(int status);
void cairo_scale(void *cr, double x, double y);
void cairo_translate(void *cr, double x, double y);
void cairo_rotate(void *cr, double angle);
void cairo_save(void *cr);
void cairo_restore(void *cr);
void cairo_set_source_rgb(void *cr, double r, double g, double b);
void cairo_set_source_rgba(void *cr, double r, double g, double b, double a);
void cairo_set_line_width(void *cr, double width);
void cairo_set_dash(void *cr, const double *dashes, int n, double offset);
void cairo_set_font_size(void *cr, double size);
void cairo_select_font_face(void *cr, const char *family, int slant, int weight);
void cairo_text_extents(void *cr, const char *text, avcl_cairo_extents *out);
void cairo_show_text(void *cr, const char *text);
void cairo_new_path(void *cr);
void cairo_move_to(void *cr, double x, double y);
void cairo_line_to(void *cr, double x, double y);
void cairo_arc(void *cr, double x, double y, double radius, double from, double to);
void cairo_stroke(void *cr);
void cairo_fill(void *cr);
void cairo_paint(void *cr);
]]
local cairo
--- libcairo, loaded on first use; an error with what to install when it is not there.
function M.cairo()
  if cairo then return cairo end
  local ok, library = pcall(ffi.load, 'libcairo.so.2')
  if not ok then
    M.raise_at(nil, 'NOT_FOUND', 'PNG needs libcairo (Debian: libcairo2); SVG needs nothing')
  end
  ffi.cdef(cairo_text)
  cairo = library
  return cairo
end

function M.isatty(fd)
  return ffi.C.isatty(fd) == 1
end

function M.pid()
  return ffi.C.getpid()
end

function M.writable(path)
  return ffi.C.access(path, 2) == 0
end

function M.realpath(path)
  local p = ffi.C.realpath(path, nil)
  if p == nil then return nil end
  local text = ffi.string(p)
  ffi.C.free(p)
  return text
end

--- Waits; a signal ends it early.
function M.sleep(seconds)
  local t = ffi.new('avcl_lua_timespec', math.floor(seconds), (seconds % 1) * 1e9)
  ffi.C.nanosleep(t, nil)
end

local clocks = { wall = 0, steady = 1, cpu = 2, boot = 7 }
--- Seconds of a clock: 'wall', 'steady', 'cpu' or 'boot'.
function M.clock(which)
  local t = ffi.new 'avcl_lua_timespec'
  ffi.C.clock_gettime(clocks[which or 'steady'], t)
  return tonumber(t.s) + tonumber(t.ns) * 1e-9
end

return M
