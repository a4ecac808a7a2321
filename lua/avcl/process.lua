-- process.lua - workers and messages: a forked copy of this process at the other end of a
-- socket, a JSON value a line in both directions.
--
--   local fd, pid = process.fork()          -- pid = nil: we are the worker
--   local channel = process.channel(fd)
--   channel:send { kind = 'go' }
--   for message in channel:messages(true) do … end
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local C = c.C

local M = {}

M.SIGTERM, M.SIGKILL, M.SIGUSR1 = 15, 9, 10

local Channel = {}
Channel.__index = Channel
local ROOM = 65536

--- Forks. Raises when this process has threads, for a worker would lack them.
function M.fork()
  local fd = c.new 'int[1]'
  local pid = C.avcl_cli_fork(fd)
  if pid == -2 then c.raise_at(nil, 'BUG', 'a worker must be forked before threads are made') end
  if pid < 0 then c.raise_at(nil, 'IO', 'cannot start a worker process: the system has no room') end
  return fd[0], pid > 0 and pid or nil
end

function M.channel(fd)
  return setmetatable({ fd = fd, text = '', buffer = c.new('char[?]', ROOM) }, Channel)
end

--- False when the other side is gone.
function Channel:send(message)
  local line = doc.json(message) .. '\n'
  return C.avcl_cli_send(self.fd, line, #line) == 0
end

local function next_line(self)
  local line, rest = self.text:match '^([^\n]*)\n(.*)$'
  if not line then return nil end
  self.text = rest
  return doc.parse(line)
end

--- The next message; nil when there is none now, or with `wait` when the other side is gone or
--- a signal came. `closed` says that it is gone.
function Channel:receive(wait)
  local message = next_line(self)
  while not message do
    local n = tonumber(C.avcl_cli_receive(self.fd, self.buffer, ROOM, wait and 1 or 0))
    if n == 0 then self.closed = true end
    if n <= 0 then return nil end
    self.text = self.text .. c.string(self.buffer, n)
    message = next_line(self)
  end
  return message
end

function Channel:close()
  C.avcl_cli_close(self.fd)
end

--- Waits until one of the channels has something, or `seconds` are over; those that have.
function M.poll(channels, seconds)
  local n = #channels
  local fds, ready, found = c.new('int[?]', n + 1), c.new('int[?]', n + 1), {}
  for i, channel in ipairs(channels) do fds[i - 1] = channel.fd end
  C.avcl_cli_poll(fds, ready, n, math.ceil(math.max(seconds, 0) * 1000))
  for i, channel in ipairs(channels) do
    if ready[i - 1] ~= 0 then found[#found + 1] = channel end
  end
  return found
end

--- nil while it lives; else its exit code, or nil and the name of the signal that ended it.
---@return boolean gone, integer? code, string? signal
function M.reap(pid)
  local code = c.new 'int[1]'
  if C.avcl_cli_reap(pid, code) == 0 then return false end
  if code[0] >= 0 then return true, code[0] end
  return true, nil, c.string(C.avcl_cli_signal_name(-code[0]))
end

function M.kill(pid, number)
  C.avcl_cli_kill(pid, number)
end

function M.redirect(path)
  return C.avcl_cli_redirect(path) == 0
end

--- Confines this process to its part of the cores.
function M.pin(index, n)
  C.avcl_cli_pin(index, n)
end

function M.cores()
  return tonumber(C.avcl_cli_cores())
end

function M.nice(increment)
  return C.avcl_cli_nice(increment) == 0
end

function M.width(fd)
  return C.avcl_cli_width(fd)
end

function M.leave(code)
  C.avcl_cli_leave(code)
end

return M
