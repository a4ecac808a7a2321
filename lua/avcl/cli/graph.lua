-- cli/graph.lua - `avcl graph`: what a script declares, before anything is trained.
local c = require 'avcl.ffi'
local gradcheck = require 'avcl.gradcheck'
local overrides = require 'avcl.overrides'
local session = require 'avcl.session'
local stage = require 'avcl.stage'
local study = require 'avcl.cli.study'
local term = require 'avcl.cli.term'

local M = {
  summary = 'Show the graph of a stage: nodes, shapes, parameters, FLOPs, planned memory.',
  example = 'avcl graph experiments/quickstart.lua --stage pretrain batch=4',
}

function M.setup(command)
  command:argument('script', 'Experiment script.'):argname 'SCRIPT'
  command:argument('overrides', 'Keys to set.'):args '*':argname 'KEY=VALUE'
  command:option('--stage', 'Stage; the first when not given.'):argname 'NAME'
  command:option('--only', 'The first row whose label contains this.'):argname 'TEXT'
  command:option('--classes', 'Classes, for a stage with labels.'):convert(tonumber):default '12'
    :argname 'N'
  command:option('--device', 'Plan memory for this device.'):argname 'NAME'
  command:option('--after', 'The training program after a pass.'):argname 'PASS'
  command:flag('--dot', 'Graphviz text.')
  command:flag('--check-gradients', 'Compare with finite differences, in f64.')
end

local function build(args)
  local experiment = study.load(args.script)
  local layer = overrides.layer(experiment.schema, args.overrides)
  for _, row in ipairs(experiment.rows) do
    if not args.only or row.label:find(args.only, 1, true) then
      local values = experiment.schema:resolve(row.values, layer)
      local name = args.stage or experiment.stages[1]
      if not name then c.raise_at(experiment.place, 'INVALID', 'the experiment has no stages') end
      return stage.build(experiment, name, values, { n_classes = args.classes }), values
    end
  end
  c.raise_at('command line', 'NOT_FOUND', "--only '%s' fits no row", args.only)
end

local function shape_text(n)
  return ('%s[%s]'):format(n.dtype or '?', table.concat(n.shape, ','))
end

local function print_nodes(g)
  local rows = { { 'node', 'op', 'path', 'output', 'inputs', 'Mmadd', 'line' } }
  for _, n in ipairs(g:nodes()) do
    local madd = n.multiply_adds > 0 and ('%.3f'):format(n.multiply_adds / 1e6) or ''
    rows[#rows + 1] = { n.first, n.op, n.path or '', shape_text(n), table.concat(n.inputs, ' '),
      madd, n.where or '' }
  end
  print(term.columns(rows, { true, [6] = true }))
end

local function print_dot(g)
  print 'digraph avcl {\n  node [shape=box, fontname="monospace", fontsize=9];'
  local owner = {}
  for _, n in ipairs(g:nodes()) do
    for i = 0, n.n_out - 1 do owner[n.first + i] = n.first end
    local label = ('%s\\n%s\\n%s'):format(n.op, n.path or '', shape_text(n)):gsub('"', '\\"')
    print(('  n%d [label="%s"];'):format(n.first, label))
    for _, from in ipairs(n.inputs) do
      if owner[from] then print(('  n%d -> n%d;'):format(owner[from], n.first)) end
    end
  end
  print '}'
end

local function totals(g)
  local parameters, state, madds = 0, 0, 0
  for _, v in ipairs(g:variables()) do
    if v.is_state then state = state + v.count else parameters = parameters + v.count end
  end
  for _, n in ipairs(g:nodes()) do madds = madds + n.multiply_adds end
  return parameters, state, madds
end

local function print_totals(built, values, device)
  local g = built.graph
  local parameters, state, madds = totals(g)
  print(('\nparameters  %s\nstate       %s'):format(term.count(parameters), term.count(state)))
  print(('FLOPs       %.4g G forward, batch %d'):format(madds * 2e-9, built.batch))
  local ok, s = pcall(session.new, g, {
    device = device, precision = values.precision, conv = values.conv,
  })
  if ok then
    local stats = s:stats()
    print(('planned     %s: weights %s, activations %s, inputs and kept %s'):format(
      term.bytes(stats.planned_bytes), term.bytes(stats.weight_bytes),
      term.bytes(stats.arena_bytes), term.bytes(stats.io_bytes)))
    print(('kernels     train %d (%d reorders), eval %d'):format(stats.kernels.train,
      stats.reorders.train, stats.kernels.eval))
    s:close()
  else
    term.warn('memory is not planned: %s', tostring(s))
  end
end

local function print_after(g, values, device, pass)
  local o, keep = session.options {
    device = device, precision = values.precision, conv = values.conv,
  }
  local text = c.take_text(c.call('avcl_graph_print_after', g.ptr, o, stage.PROGRAMS.train, pass))
  io.write(text)
  return keep and nil
end

local function check(g, args)
  local worst, rows = gradcheck.run(g, { classes = args.classes })
  local out = { { 'weight', 'element', 'gradient', 'difference', 'error', '' } }
  for i, row in ipairs(rows) do
    out[i + 1] = { row.name, row.index, ('%.8g'):format(row.gradient),
      ('%.8g'):format(row.numeric), ('%.1e'):format(row.error),
      row.error <= gradcheck.TOLERANCE and 'ok' or 'off' }
  end
  print(term.columns(out, { false, true, true, true, true }))
  local good = worst <= gradcheck.TOLERANCE
  print(('worst relative error %.1e, allowed %.0e: %s'):format(worst, gradcheck.TOLERANCE,
    good and 'ok' or 'off'))
  return good and 0 or require 'avcl.cli'.exit.failed
end

function M.run(args)
  local built, values = build(args)
  local device = args.device or values.device
  if args.dot then return print_dot(built.graph) end
  if args.after then return print_after(built.graph, values, device, args.after) end
  if args.check_gradients then return check(built.graph, args) end
  print_nodes(built.graph)
  print_totals(built, values, device)
end

return M
