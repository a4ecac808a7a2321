#!/usr/bin/env bash
# Stopped, killed or left alone: the same command ends with the same bits.
. "$(dirname "$0")/lib.sh"
set -m # every job in a group of its own; SIGINT is reset by env, for CI may have it ignored

STUDY='run experiments/study.lua pretrain.epochs=40 batch=2 --progress plain'

# start STORE: the study in the background; its pid is $pid, its output in the file log,
# what earlier attempts left behind in $before.
start() {
    before=$(epochs "$1")
    # shellcheck disable=SC2086
    env --default-signal=INT "$AVCL" $STUDY --store "$1" >log 2>&1 &
    pid=$!
}

finish() {
    wait "$pid"
    status=$?
    output=$(cat log)
    shown=0
}

# epochs STORE: the epochs its runs have behind them.
epochs() {
    cat "$1"/runs/*/*/epochs.jsonl 2>/dev/null | wc -l
}

has_epochs() {
    [ "$(epochs "$1")" -ge "$2" ]
}

# advance STORE: until the process started last has ended an epoch of its own; a count from
# zero may be there already, and the signal would then meet a process that is only starting.
advance() {
    wait_for 30 has_epochs "$1" $((before + 1))
}

uninterrupted() {
    # shellcheck disable=SC2086
    avcl $STUDY --store whole
    expect_status 0; expect_text '3 done'
}

expect_same_stores() {
    output=$("$E2E/compare_stores.py" "$1" "$2" 2>&1)
    status=$? shown=0
    expect_status 0; expect_text '3 runs, 4 checkpoints, 0 differences'
    expect_nothing_half_written "$2"
}

# The step within its epoch that a checkpoint stands at.
step_of() {
    echo "io.write(require 'avcl'.safetensors(arg[1]):text 'step')" >step.lua
    "$AVCL" lua step.lua "$1"
}

test_ctrl_c_in_an_epoch_then_the_same_command() {
    project ctrl-c
    synth_data
    uninterrupted
    local delay step n=1 within=0
    for delay in 0.05 0.1 0.16; do
        start cut
        advance cut
        sleep $delay
        kill -INT "$pid"
        finish
        expect_status 75; expect_text 'checkpoint written' 'stopped'
        expect_files 0 cut/runs result.yaml
        grep -q 'state: cancelled' cut/runs/*/*/attempt-$n.yaml ||
            complain 'not recorded as cancelled'
        step=$(step_of "$(find cut/work -name last.safetensors)")
        within=$((within + (step % 12 != 0)))
        n=$((n + 1))
    done
    holds 'n >= 1' n=$within # else all hit the end of an epoch
    start cut
    advance cut
    kill -TERM "$pid"
    finish
    expect_status 75; expect_text 'resumed from its checkpoint'
    # shellcheck disable=SC2086
    avcl $STUDY --store cut
    expect_status 0; expect_text 'resumed from its checkpoint' '3 done'
    expect_same_stores whole cut
}

test_kill_9_then_the_same_command() {
    project kill
    synth_data
    uninterrupted
    local n
    for n in 2 9; do
        start cut
        wait_for 30 has_epochs cut "$n"
        advance cut
        sleep 0.1
        kill -KILL "$pid"
        finish 2>/dev/null
        expect_status 137
    done
    # shellcheck disable=SC2086
    avcl $STUDY --store cut
    expect_status 0; expect_no_text 'elsewhere' 'blocked'
    expect_same_stores whole cut
}

test_equal_seeds_give_equal_bytes() {
    project seeds
    synth_data
    avcl run experiments/study.lua --store one
    expect_status 0
    avcl run experiments/study.lua --store two workers=2
    expect_status 0
    expect_same_stores one two
    avcl run experiments/study.lua --store three --seeds 2
    expect_status 0
    local first second
    first=$(grep -h -o 'sha256: [0-9a-f]*' one/runs/*/*/result.yaml | sort -u)
    second=$(grep -h -o 'sha256: [0-9a-f]*' three/runs/*/*/result.yaml | sort -u)
    [ -n "$first" ] || complain 'no checksum in result.yaml'
    expect_same '' "$(comm -12 <(echo "$first" | head -n2) <(echo "$second"))" 'weights of seed 2'
}

test_two_processes_share_the_work() {
    project two
    synth_data
    # shellcheck disable=SC2086
    "$AVCL" $STUDY --store both >log 2>&1 &
    pid=$!
    wait_for 30 has_epochs both 1 # the other has its claim
    # shellcheck disable=SC2086
    avcl $STUDY --store both
    expect_status 75 # not failed, and not all there yet
    expect_text 'another process runs it'
    expect_no_text 'stack traceback'
    finish
    expect_status 0
    expect_files 3 both/runs result.yaml
    expect_files 0 both/runs attempt-2.yaml
}

run_tests test_ctrl_c_in_an_epoch_then_the_same_command test_kill_9_then_the_same_command \
    test_equal_seeds_give_equal_bytes test_two_processes_share_the_work
