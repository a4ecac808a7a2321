#!/usr/bin/env bash
# The planned bytes are the bytes: against what the kernel says the process holds.
. "$(dirname "$0")/lib.sh"

# Of the process's memory; the rest is code that oneDNN generates and the allocator's slack.
TOLERANCE=0.10

# bytes_of '1.23 GB': as a number.
bytes_of() {
    awk '{ n["B"] = 1; n["kB"] = 1e3; n["MB"] = 1e6; n["GB"] = 1e9; printf "%.0f", $1 * n[$2] }' \
        <<<"$1"
}

test_planned_bytes_are_what_a_step_takes() {
    project memory
    cat >experiments/_base/model.lua <<'END'
return function(g, p)
  local v = g:backbone(p.backbone, { clip = g:input 'rgb', name = 'video' }, { width = p.width })
  g:minimize(1, g:mean(g:square(v.pool)))
  return { features = { v.pool }, taps = { video = v } }
end
END
    cat >step.lua <<'END'
-- One training step of the script's first stage; prints how much the process grew by it.
local overrides = require 'avcl.overrides'
local session = require 'avcl.session'
local stage = require 'avcl.stage'
local study = require 'avcl.cli.study'

local function resident()
  for line in io.lines '/proc/self/status' do
    local kib = line:match '^VmRSS:%s*(%d+) kB'
    if kib then return tonumber(kib) * 1024 end
  end
end

local experiment = study.load 'experiments/study.lua'
local values = experiment.schema:resolve(experiment.rows[1].values,
  overrides.layers(experiment.schema, { unpack(arg) })[1])
local built = stage.build(experiment, 'pretrain', values, {})
collectgarbage()
local before = resident()
local s = session.new(built.graph, { device = values.device, seed = 1 })
s:run 'train'
s:sgd { lr = 1e-3, momentum = 0.9 }
print(('planned %.0f grown %.0f'):format(s:stats().planned_bytes, resident() - before))
END
    local knobs='width=32 batch=80 rgb.frames=8 rgb.size=56 rgb.resize=64,64'
    # shellcheck disable=SC2086
    avcl graph experiments/study.lua $knobs
    expect_status 0
    local shown_bytes planned grown
    shown_bytes=$(bytes_of "$(sed -n 's/^planned  *\([0-9.e+]* [kMG]*B\):.*/\1/p' <<<"$output")")
    # shellcheck disable=SC2086
    avcl lua step.lua $knobs
    expect_status 0
    read -r _ planned _ grown <<<"$output"
    printf '    planned %.1f MB, shown %.1f MB, the process grew by %.1f MB\n' \
        "$(awk "BEGIN { print $planned / 1e6 }")" "$(awk "BEGIN { print $shown_bytes / 1e6 }")" \
        "$(awk "BEGIN { print $grown / 1e6 }")"
    holds 'planned >= 4e8' planned="$planned" # else code and slack would drown the tensors
    holds 'shown > 0.99 * planned && shown < 1.01 * planned' shown="$shown_bytes" \
        planned="$planned"
    holds 'grown > (1 - t) * planned && grown < (1 + t) * planned' grown="$grown" \
        planned="$planned" t=$TOLERANCE
}

run_tests test_planned_bytes_are_what_a_step_takes
