#!/usr/bin/env bash
# Weights in and out under PyTorch's names; with PyTorch here, the same features on both sides.
. "$(dirname "$0")/lib.sh"

NETS="r3d r2plus1d c3d"
PYTHON=/usr/bin/python3 # Debian's own: another one on the path has another torch, or none

# Features of a backbone, with the weights of a file under `net` or random ones that are saved.
write_features() {
    cat >features.lua <<'END'
local avcl = require 'avcl'
local net, inputs, weights, out = arg[1], avcl.safetensors(arg[2]), arg[3], arg[4]
local found = {}
for _, name in ipairs { 'clip', 'mel' } do
  local x = inputs:get(name)
  local g = avcl.graph()
  local taps = g:backbone(net, { clip = g:input('x', x.shape), name = 'net' }, { width = 8 })
  g:keep('pool', taps.pool)
  local s = avcl.session(g, { device = 'cpu', seed = 5, gradients = false })
  if weights == 'random' then s:save(out .. '.weights') else s:restore(weights, { 'net' }) end
  s:set('x', x):run 'eval'
  local data, shape = s:array 'pool'
  found[name] = { data = data, shape = shape }
end
avcl.save_safetensors(out, found)
END
}

test_features_are_pytorchs() {
    mkdir "$ROOT/torch"
    cd "$ROOT/torch" || exit 2
    write_features
    for net in $NETS; do
        output=$("$PYTHON" -B "$SOURCE/tests/support/published_nets.py" make . $net 2>&1)
        status=$?; expect_status 0
        avcl weights import $net.safetensors $net.imported --scope net other
        expect_status 0; expect_text "$net, width 8"
        avcl lua features.lua $net inputs $net.imported $net.ours
        expect_status 0
        avcl weights export $net.imported $net.back --scope other
        expect_status 0
        avcl lua features.lua $net inputs random $net.own
        avcl weights export $net.own.weights $net.exported --scope net
        expect_status 0
        output=$("$PYTHON" -B "$SOURCE/tests/support/published_nets.py" check . $net 2>&1)
        status=$?; expect_status 0
    done
}

# The sentence that refuses a pickle holds the command that converts it.
test_pickles_are_refused_with_their_conversion() {
    cd "$ROOT/torch" || exit 2
    avcl weights import r3d.pt r3d.from-pt --scope net
    expect_status 3; expect_text 'PyTorch pickle' 'convert it once'
    line=${output#*convert it once: }
    rm r3d.safetensors
    output=$(eval "${line/python3/$PYTHON}" 2>&1)
    status=$?; expect_status 0
    avcl weights import r3d.safetensors r3d.from-pt --scope net --head
    expect_status 0; expect_text 'and the classifier'
    avcl lua features.lua r3d inputs r3d.from-pt r3d.again
    cmp -s r3d.again r3d.ours || complain 'other features after the conversion'
}

make_checkpoint() {
    cat >make.lua <<'END'
local avcl = require 'avcl'
local g = avcl.graph()
local taps = g:backbone(arg[1], { clip = g:input('x', { 1, tonumber(arg[3]), 1, 32, 32 }),
  name = 'audio' }, { width = 2 })
g:keep('pool', taps.pool)
avcl.session(g, { seed = 3, gradients = false }):save(arg[2])
END
    avcl lua make.lua "$@"
}

test_every_network_there_and_back() {
    mkdir "$ROOT/names"
    cd "$ROOT/names" || exit 2
    for net in $NETS; do
        for channels in 1 3; do
            make_checkpoint $net first.avcl $channels
            avcl weights export first.avcl there.safetensors --scope audio
            expect_status 0; expect_text "$net, width 2" "$channels channel"
            avcl weights import there.safetensors back.avcl --scope audio
            expect_status 0
            avcl weights export back.avcl again.safetensors --scope audio
            cmp -s there.safetensors again.safetensors || complain "$net: other bytes"
        done
    done
}

test_misfits_are_named() {
    cd "$ROOT/names" || exit 2
    make_checkpoint c3d first.avcl 3
    avcl weights export first.avcl x --scope audoi
    expect_status 4; expect_text "no weights under 'audoi'" "'audio'"
    avcl weights export first.avcl x --scope audio --head
    expect_status 4; expect_text 'no classifier'
    avcl weights import first.avcl x
    expect_status 3; expect_text 'none of the networks' 'r2plus1d'
    printf '\200\002}q\000.' >old.pt
    avcl weights import old.pt x
    expect_status 3; expect_text 'PyTorch pickle' "old.pt old.safetensors"
    avcl weights export first.avcl there.safetensors --scope audio
    sed 's/"bn3a.bias"/"bn3x.bias"/' there.safetensors >other.safetensors
    avcl weights import other.safetensors x
    [ "$status" != 0 ] || complain 'took a file with another name in it'
    expect_text "lacks 'bn3a.bias'"
}

# Both towers of a run begin with a file; what is in it counts, not where it lies.
test_a_run_begins_with_them() {
    project weights
    synth_data
    make_checkpoint r3d first.avcl 3
    avcl weights export first.avcl there.safetensors --scope audio
    avcl weights import there.safetensors start.avcl --scope video audio
    short='pretrain.epochs=1 finetune.epochs=1'
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $short pretrain.init=start.avcl pretrain.optim.lr=1e-9
    expect_status 0; expect_text '3 done'
    pretrained=$("$AVCL" ls -q 'stage == "pretrain"' --limit 1)
    avcl weights export "$pretrained" trained.safetensors --scope audio
    expect_status 0; expect_text 'r3d, width 2'
    # At a rate of 1e-9 nothing moves but the running statistics.
    cat >moved.lua <<'END'
local avcl = require 'avcl'
local a, b = avcl.safetensors(arg[1]), avcl.safetensors(arg[2])
local worst = 0
for _, name in ipairs(a:names()) do
  if name:match 'conv.weight$' then
    local x, y = a:get(name):list(), b:get(name):list()
    for i = 1, #x do worst = math.max(worst, math.abs(x[i] - y[i])) end
  end
end
print(worst < 1e-6 and 'as they were' or worst)
END
    avcl lua moved.lua there.safetensors trained.safetensors
    expect_text 'as they were'
    cp start.avcl elsewhere.avcl
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $short pretrain.init=elsewhere.avcl pretrain.optim.lr=1e-9
    expect_status 0; expect_text '3 skipped'
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $short pretrain.optim.lr=1e-9
    expect_status 0; expect_text '3 done'
    avcl run experiments/study.lua pretrain.init=nothing.avcl
    [ "$status" != 0 ] || complain 'began with a file that is not there'
    expect_text 'nothing.avcl'
    avcl run experiments/study.lua width=3 pretrain.init=start.avcl
    expect_status 1; expect_text "in the file" "in the model"
}

tests="test_every_network_there_and_back test_misfits_are_named test_a_run_begins_with_them"
if "$PYTHON" -c 'import torch' 2>/dev/null; then
    tests="test_features_are_pytorchs test_pickles_are_refused_with_their_conversion $tests"
else
    echo 'skipped  features_are_pytorchs: no python3-torch here (./tests/run.sh weights installs it)'
fi
# shellcheck disable=SC2086
run_tests $tests
