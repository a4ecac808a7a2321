#!/usr/bin/env bash
# The synthetic set: stopped and completed, the same seed gives the same bytes.
. "$(dirname "$0")/lib.sh"
set -m # every job in a group of its own; SIGINT is reset by env, for CI may have it ignored

SIZE='--clips 240 --train 12 --val 12 --test 12 --seconds 1 --size 40x32'

sums() {
    (cd "$1" && find . -type f -exec sha256sum {} + | sort)
}

videos_in() {
    [ "$(find "$1" -name '*.mp4' 2>/dev/null | wc -l)" -ge "$2" ]
}

test_stopped_and_completed_is_the_same_set() {
    cd "$ROOT" || exit 2
    # shellcheck disable=SC2086
    avcl data synth whole $SIZE
    expect_status 0; expect_text 'whole/manifest.csv'
    local pid
    # shellcheck disable=SC2086
    env --default-signal=INT "$AVCL" data synth cut $SIZE --workers 1 >log 2>&1 &
    pid=$!
    wait_for 30 videos_in cut 10
    kill -INT "$pid"
    wait "$pid"
    status=$? output=$(cat log) shown=0
    expect_status 75; expect_text 'the same command completes it'
    holds 'n < 276' n="$(find cut -name '*.mp4' | wc -l)"
    [ ! -e cut/manifest.csv ] || complain 'a manifest of files that are not there'
    # shellcheck disable=SC2086
    env --default-signal=INT "$AVCL" data synth cut $SIZE --workers 1 >log 2>&1 &
    pid=$!
    wait_for 30 videos_in cut 60
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    # shellcheck disable=SC2086
    avcl data synth cut $SIZE
    expect_status 0; expect_text 'cut/manifest.csv'
    expect_nothing_half_written cut
    expect_same "$(sums whole)" "$(sums cut)" 'sets'
    # A complete set stays as it is.
    # shellcheck disable=SC2086
    avcl data synth cut $SIZE
    expect_status 0
    expect_same "$(sums whole)" "$(sums cut)" 'sets'
    # More workers make the same, another seed another set.
    # shellcheck disable=SC2086
    avcl data synth single $SIZE --workers 1
    expect_same "$(sums whole)" "$(sums single)" 'sets of one worker'
    # shellcheck disable=SC2086
    avcl data synth other $SIZE --seed 1
    expect_same 0 "$(comm -12 <(sums whole | grep mp4 | cut -d' ' -f1 | sort) \
        <(sums other | grep mp4 | cut -d' ' -f1 | sort) | wc -l)" 'videos of seed 1'
}

test_wrong_sizes_are_refused() {
    cd "$ROOT" || exit 2
    avcl data synth odd --train 13
    expect_status 3; expect_sentence; expect_text '13' '12'
    [ ! -e odd/manifest.csv ] || complain 'a manifest was made'
    avcl data synth odd --difficulty 9
    expect_status 3; expect_sentence; expect_text '9' '1.5'
    avcl data synth odd --clips many
    expect_status 2; expect_sentence 2; expect_text 'many'
    avcl data synth /proc/none --clips 1
    [ "$status" = 4 ] || [ "$status" = 5 ] || complain "exit status $status, expected 4 or 5"
    expect_sentence; expect_text '/proc/none'
    make_synth begun
    avcl data synth begun --clips 30 --train 12 --val 12 --test 12 --seconds 1 \
        --size 44x32
    expect_status 5; expect_sentence; expect_text 'begun'
}

run_tests test_stopped_and_completed_is_the_same_set test_wrong_sizes_are_refused
