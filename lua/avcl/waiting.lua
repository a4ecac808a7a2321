-- waiting.lua - what to do when the trainer waits for data: one sentence, or nothing.
local M = {}

M.MUCH = 0.05 -- of the time: less is not worth a word

local doing = {
  open = 'opening files', demux = 'reading packets', decode = 'decoding pictures',
  scale = 'scaling pictures', audio = 'decoding sound', mel = 'drawing spectrograms',
  cut = 'cutting clips',
}

-- The stage that takes longest, and its part of the whole.
local function largest(seconds)
  local name, most, sum = nil, 0, 0
  for key, s in pairs(seconds) do
    sum = sum + s
    if s > most or (s == most and name and key < name) then name, most = key, s end
  end
  return name, sum > 0 and most / sum or 0
end

--- The sentence for an epoch event, or nil. facts: { prepared, workers, cores }.
function M.advice(event, facts)
  local waited = event.wait_fraction
  local is_much = waited > M.MUCH -- and not NaN
  if not is_much or not event.loader then return nil end
  local name, part = largest(event.loader.seconds)
  if not name then return nil end
  local cure
  if not facts.prepared then
    cure = 'decode the set once with `avcl data prepare MANIFEST OUT.avclcache --for SCRIPT` and '
      .. 'run with data=OUT.avclcache'
  elseif name == 'decode' then
    cure = 'prepare it with --codec yuv, which needs no decoding, or give more workers=N'
  else
    cure = 'give the loader more threads (workers=N)'
  end
  return ('training waits %.0f %% of the time for data, which is %.0f %% %s: %s'):format(
    100 * waited, 100 * part, doing[name], cure)
end

return M
