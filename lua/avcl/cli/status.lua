-- cli/status.lua - `avcl status`: what runs now, what failed, what waits to be taken up again.
local at_store = require 'avcl.cli.at_store'
local c = require 'avcl.ffi'
local doc = require 'avcl.doc'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Show running, failed and unfinished runs; -w keeps showing.',
  example = 'avcl status -w',
}

local EVERY_S = 2

function M.setup(command)
  at_store.option(command)
  command:flag('-w --watch', 'Look again every two seconds, until Ctrl-C.')
  command:flag('--json', 'One document, schema avcl.status/1.')
end

local ORDER = { 'done', 'running', 'stopped', 'lost', 'failed', 'planned', 'damaged' }

-- Rows by state; failed ones by what they say, since one cause often fails many.
local function survey(view)
  local by_state, causes = {}, {}
  local state, message = view:column 'state', view:column 'message'
  for row = 0, view.n - 1 do
    local s = state(row)
    by_state[s] = by_state[s] or {}
    table.insert(by_state[s], row)
    if s == 'failed' then
      -- Numbers differ between runs of one cause.
      local cause = tostring(message(row) or '?'):match '[^\n]*':gsub('%x%x%x%x%x%x%x%x+', '…')
      causes[cause] = causes[cause] or {}
      table.insert(causes[cause], row)
    end
  end
  return by_state, causes
end

-- The last line of epochs.jsonl: how far a run is.
local function last_epoch(store, id)
  local f = io.open(store:run_path(id, 'epochs.jsonl'))
  if not f then return nil end
  local size = f:seek 'end'
  f:seek('set', math.max(size - 4096, 0))
  local last = f:read '*a':match '([^\n]+)\n[^\n]*$'
  f:close()
  local ok, line = pcall(doc.parse, last or '')
  return ok and type(line) == 'table' and line.epoch or nil
end

local function seconds_since(time)
  local y, mo, d, h, mi, s = tostring(time or ''):match '(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)Z'
  if not y then return nil end
  local utc = os.time { year = y, month = mo, day = d, hour = h, min = mi, sec = s, isdst = false }
  local now = os.date '!*t'
  now.isdst = false
  return os.time(now) - utc
end

local function running_lines(store, view, rows)
  local lines = {}
  for _, row in ipairs(rows or {}) do
    local id, epochs = view:get(row, 'run'), view:get(row, 'config.stage.epochs')
    local epoch, since = last_epoch(store, id), seconds_since(view:get(row, 'started'))
    lines[#lines + 1] = { id:sub(1, 8), at_store.text(view:get(row, 'stage')),
      at_store.text(view:get(row, 'label')), 'seed ' .. at_store.text(view:get(row, 'seed')),
      epochs and ('epoch %s/%d'):format(epoch or 0, epochs) or '-',
      at_store.text(view:get(row, 'host')), since and term.duration(since) or '-' }
  end
  return lines
end

local function other_lines(view, by_state)
  local lines = {}
  for _, s in ipairs { 'stopped', 'lost', 'damaged' } do
    for _, row in ipairs(by_state[s] or {}) do
      local text = view:get(row, 'problem') or view:get(row, 'message') or '-'
      lines[#lines + 1] = { view:get(row, 'run'):sub(1, 8), s,
        at_store.text(view:get(row, 'stage')), at_store.text(view:get(row, 'label')),
        text:match '[^\n]*' }
    end
  end
  return lines
end

local function section(out, title, lines)
  if #lines == 0 then return end
  out[#out + 1] = title
  out[#out + 1] = term.columns(lines)
end

local function describe(store, view)
  local by_state, causes = survey(view)
  local counts, out = {}, {}
  for _, s in ipairs(ORDER) do
    if by_state[s] then counts[#counts + 1] = #by_state[s] .. ' ' .. s end
  end
  out[1] = #counts > 0 and table.concat(counts, ', ') or 'no runs'
  section(out, 'running', running_lines(store, view, by_state.running))
  section(out, 'unfinished (the same command, or `avcl resume`, goes on)',
    other_lines(view, by_state))
  local failed = {}
  for cause, rows in pairs(causes) do
    failed[#failed + 1] = { #rows, cause, view:get(rows[1], 'run'):sub(1, 8) }
  end
  table.sort(failed, function(a, b) return a[1] > b[1] or a[1] == b[1] and a[2] < b[2] end)
  for _, line in ipairs(failed) do line[1], line[3] = line[1] .. 'x', 'as ' .. line[3] end
  section(out, 'failed, by cause', failed)
  return table.concat(out, '\n')
end

local function print_json(view)
  local by_state = survey(view)
  local list = {}
  for i, s in ipairs(ORDER) do
    local ids = doc.list()
    if s ~= 'done' then
      for k, row in ipairs(by_state[s] or {}) do ids[k] = view:get(row, 'run') end
    end
    list[i] = { s, doc.map { { 'n', by_state[s] and #by_state[s] or 0 }, { 'runs', ids } } }
  end
  print(doc.json(doc.map { { 'schema', 'avcl.status/1' }, { 'states', doc.map(list) } }))
end

function M.run(args)
  local store, view = at_store.open(args)
  if args.json then return print_json(view) end
  print(describe(store, view))
  while args.watch do
    io.stdout:flush()
    c.sleep(EVERY_S)
    view:refresh()
    local text = describe(store, view)
    if c.isatty(1) then io.stdout:write '\27[H\27[2J' end
    print(text)
  end
end

return M
