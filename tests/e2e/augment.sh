#!/usr/bin/env bash
# Augmented runs: the same for any number of loader threads, and other runs than plain ones.
. "$(dirname "$0")/lib.sh"

ALL=$("$AVCL" help transforms | sed -n 's/^\([a-z_][a-z_]*\) .*/transforms.\1.p=0.5/p')

# Metrics of every epoch, without times.
metrics() {
    find "$1/runs" -name epochs.jsonl | sort | xargs sed 's/,"clips_per_s.*//' | sha256sum
}

test_workers_do_not_matter() {
    project augmented
    synth_data
    expect_same 9 "$(wc -l <<<"$ALL")" transforms
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $ALL workers=1 --store one
    expect_status 0; expect_text '3 done'
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $ALL workers=4 --store many
    expect_status 0; expect_text '3 done'
    expect_same "$(metrics one)" "$(metrics many)" metrics
    avcl run experiments/study.lua --store one
    expect_status 0; expect_text '3 done'
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $ALL --store one
    expect_status 0; expect_text '3 skipped'
}

# A cache of spectrograms has no sound to change; one with the waveform gives the same run.
test_prepared_sets() {
    project augmented-cache
    synth_data
    local with='transforms.gain.p=1 transforms.flip.p=1 data=data/set.avclcache'
    local recipe='--for experiments/study.lua'
    # shellcheck disable=SC2086
    avcl data prepare data/synth/manifest.csv data/set.avclcache --audio mel --codec yuv $recipe
    expect_status 0
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $with
    [ "$status" != 0 ] || complain 'ran on a cache without a waveform'
    expect_text 'holds no waveform' '--audio both'
    rm data/set.avclcache
    # shellcheck disable=SC2086
    avcl data prepare data/synth/manifest.csv data/set.avclcache --audio both --codec yuv $recipe
    # shellcheck disable=SC2086
    avcl run experiments/study.lua $with
    expect_status 0; expect_text '3 done'
}

run_tests test_workers_do_not_matter test_prepared_sets
