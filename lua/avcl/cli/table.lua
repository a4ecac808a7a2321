-- cli/table.lua - `avcl table`: the study's table from its records.
local report = require 'avcl.report'
local stores = require 'avcl.store'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {
  summary = "Print a study's table in Markdown, from its records.",
  example = 'avcl table experiments/quickstart.lua --per-seed',
}

function M.setup(command)
  study.setup(command)
  command:flag('--per-seed', 'One line for every row and seed.')
end

function M.run(args)
  local experiment, plan = study.plan(args)
  local t = report.collect(experiment, plan, stores.open(args.store))
  print(args.per_seed and report.per_seed(t)
    or report.markdown(t, { ascii = not term.is_utf8() and require 'avcl.ffi'.isatty(1) }))
end

return M
