#!/usr/bin/env bash
# A loss written only in Lua: checked by finite differences, and traced when it goes wrong.
. "$(dirname "$0")/lib.sh"

# model_with LINES: a model whose loss is what LINES leave in `loss`.
model_with() {
    {
        cat <<'END'
return function(g, p)
  local v = g:backbone(p.backbone, { clip = g:input 'rgb', name = 'video' }, { width = p.width })
  local a = g:backbone(p.backbone, { clip = g:input 'mel', name = 'audio' }, { width = p.width })
  local loss
END
        printf '%s\n' "$1"
        cat <<'END'
  g:minimize(1, loss)
  return { features = { v.pool, a.pool }, taps = { video = v, audio = a } }
end
END
    } >experiments/_base/model.lua
}

# InfoNCE over the batch, with an entropy term for company.
INFO_NCE='
  g:scope("nce", function()
    local x, y = g:l2_normalise(v.pool), g:l2_normalise(a.pool)
    local similar = g:matmul(x, y, { transpose_b = true }) / p.tau
    local own = g:sum(similar * g:eye { n = similar.shape[1] }, { axes = { 1 } })
    local nce = g:mean(g:logsumexp(similar) - own)
    local q = g:sigmoid(v.pool)
    loss = nce - 0.1 * g:mean(q * g:log(q))
  end)'

test_gradients_of_a_loss_in_lua() {
    project gradients
    synth_data
    model_with "$INFO_NCE"
    avcl graph experiments/study.lua --check-gradients
    expect_status 0; expect_text 'worst relative error' ': ok'; expect_no_text ' off'
    avcl graph experiments/study.lua --check-gradients --stage finetune
    expect_status 0; expect_text 'head/fc1/weight'
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 done'
}

# The check is no formality: hide a part of the loss from the gradient and it fails.
test_a_gradient_that_is_off_is_found() {
    project off
    model_with "$INFO_NCE
  loss = loss + g:stop_gradient(g:mean(g:square(v.pool)))"
    avcl graph experiments/study.lua --check-gradients --stage pretrain
    expect_status 1; expect_text ' off'
}

# A counter makes the logarithm's argument negative in the fifth step and not before.
BREAKS='
  g:scope("pairs", function()
    local steps = g:state("steps", { 1 }, { "fill", 0 })
    g:assign(steps, steps + 1, "forward")
    g:scope("left", function()
      loss = g:mean(g:square(v.pool - a.pool)) + g:mean(g:log(4.5 - steps))
    end)
  end)'

test_a_nan_is_traced_to_its_line_step_and_samples() {
    project nan
    synth_data
    model_with "$BREAKS"
    local line attempt message samples
    line=$(grep -n 'g:log' experiments/_base/model.lua | cut -d: -f1)
    avcl run experiments/study.lua
    expect_status 1
    expect_text '1 failed, 2 blocked' "experiments/_base/model.lua:$line: log 'pairs/left'" \
        'not finite' 'epoch 1 step 5'
    expect_no_text 'stack traceback'
    samples=$(grep -o 'samples .*' <<<"$output" | head -n1 | grep -o '[a-z]*/[0-9]*\.mp4' | sort -u)
    expect_same 4 "$(wc -l <<<"$samples")" 'samples of the batch of 4'
    for sample in $samples; do
        grep -q "^$sample," data/synth/manifest.csv || complain "no sample $sample"
    done
    attempt=$(find results/runs -name attempt-1.yaml)
    output=$(python3 - "$attempt" <<'END' 2>&1
import sys, yaml
start, stop = yaml.safe_load_all(open(sys.argv[1]))
print(start['kind'], stop['kind'], stop['state'], stop['phase'])
print(stop['message'])
END
)
    expect_text 'start stop failed train' "model.lua:$line: log 'pairs/left'" 'step 5'
    expect_files 0 results/runs result.yaml
    expect_nothing_half_written results
    message=$(sed -n 2p <<<"$output")
    # Again, on the other device and with other workers: the same step and samples.
    avcl run experiments/study.lua --store other device=reference workers=1
    expect_status 1; expect_text "$message"
    # Asked again the failure is tried again, as another attempt.
    avcl run experiments/study.lua
    expect_status 1; expect_files 1 results/runs attempt-2.yaml
}

run_tests test_gradients_of_a_loss_in_lua test_a_gradient_that_is_off_is_found \
    test_a_nan_is_traced_to_its_line_step_and_samples
