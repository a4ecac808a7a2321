#!/usr/bin/env bash
# `avcl data stats` and `check`: figures and faults of a set, by split and class.
. "$(dirname "$0")/lib.sh"

# A copy of the small set with one file cut, one gone, one without sound.
hurt_set() {
    mkdir -p "$ROOT/hurt"
    cp -r "${E2E_DATA:?}/." "$ROOT/hurt"
    cd "$ROOT/hurt" || exit 2
    head -c 700 train/000002.mp4 >x && mv x train/000002.mp4
    rm test/000003.mp4
    ffmpeg -v error -i val/000001.mp4 -an -c copy mute.mp4 && mv mute.mp4 val/000001.mp4
}

# json EXPRESSION: of the output, as d.
json() { python3 -c "import json,sys; d=json.loads(sys.stdin.read()); print($1)" <<<"$output"; }

test_figures_are_right() {
    hurt_set
    mkdir -p "$ROOT/other" && cd "$ROOT/other" || exit 2
    avcl data stats ../hurt --json
    expect_status 0
    expect_same "[('unlab', 24, 0), ('train', 12, 1), ('val', 12, 0), ('test', 12, 1)]" \
        "$(json "[(s['name'], s['clips'], s['faults']) for s in d['splits']]")" splits
    expect_same '1 1 0' "$(json "d['all']['no_audio'], d['all']['missing'], d['all']['corrupt']" | tr -d '(),')" counts
    expect_same '58 1' "$(json "d['all']['sizes']['40x32'], len(d['all']['sizes'])" | tr -d '(),')" sizes
    # The clips are one second each: 58 of 60 can be read.
    holds 's > 57.9 && s < 58.1' s="$(json "d['all']['seconds']['sum']")"
    expect_same 12 "$(json "sum(c['splits']['test']['clips'] for c in d['classes'] if 'test' in c['splits'])")" 'test clips'
    # Against ffprobe, a stranger.
    local rate
    rate=$(ffprobe -v error -select_streams a -show_entries stream=sample_rate -of csv=p=0 ../hurt/val/000002.mp4)
    expect_same 57 "$(json "d['all']['sound']['aac $rate Hz 1 ch']")" 'tracks of that rate'
    avcl data stats ../hurt/manifest.csv --split test
    expect_status 0; expect_text 'test' 'h264 in' 'fps: 11'; expect_no_text 'unlab'
    avcl data stats ../hurt --split tets
    expect_status 4; expect_sentence; expect_text 'there are'
}

test_check_fails_and_says_why() {
    hurt_set
    cd "$ROOT" || exit 2
    avcl data check hurt
    expect_status 1; expect_text 'train/000002.mp4: unreadable' 'test/000003.mp4: missing' \
        '2 of 60 clips cannot be used'
    avcl data check hurt --quick --json
    expect_status 1; expect_same 2 "$(json "len(d['bad'])")" 'bad files'
    avcl data check hurt --split val
    expect_status 0; expect_text '0 of 12 clips cannot be used'
    avcl data check nowhere
    expect_status 4; expect_sentence
    # A name of a data set of the project one is in.
    mkdir -p named/experiments && cd named || exit 2
    echo "return { data = { mine = '../hurt/manifest.csv' } }" >avcl.lua
    avcl data stats mine
    expect_status 0; expect_text 'unlab'
}

run_tests test_figures_are_right test_check_fails_and_says_why
