-- kernel_plan.lua - the plan file that a run computes with (core/doc/kernel-plan.md).
--
-- The first attempt copies the file's text into the run's folder; later ones read the copy, so
-- that a resumed run ends in the bits it would have ended in, whatever became of the file.
local c = require 'avcl.ffi'
local disk = require 'avcl.disk'

local M = {}

local COPY = 'kernel-plan.txt'

--- The text for an attempt of a run; nil = no plan file.
function M.of(store, run, attempt)
  local copy = disk.read(store:run_path(run.id, COPY))
  local path = run.values.kernel_plan
  if copy or attempt > 1 or path == 'none' then return copy end
  local text = disk.read(path)
  if not text then
    c.raise_at(nil, 'NOT_FOUND', "kernel_plan '%s' cannot be read", path)
  end
  store:publish_bytes(run.id, COPY, text, #text)
  return text
end

return M
