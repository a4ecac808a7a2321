#!/usr/bin/env bash
# What a model can be fed (Table 1 of the paper): one row for each, from files and prepared.
. "$(dirname "$0")/lib.sh"

# Each row names what differs from the base and nothing else.
make_study() {
    sed -i 's/frames = 4, size/frames = 4, span = 4, size/' experiments/_base/avcl.lua
    cat >experiments/inputs.lua <<'END'
local avcl = require 'avcl'
local one_frame = { ['rgb.frames'] = 1, ['rgb.normalise'] = 'clip' }
local window = { ['mel.mode'] = 'window', ['mel.seconds'] = 0.32, ['mel.hop'] = 120 }
local function row(label, ...)
  local out = { label = label }
  for _, keys in ipairs { ... } do
    for key, value in pairs(keys) do out[key] = value end
  end
  return out
end
return avcl.experiment {
  name = 'inputs', base = require 'experiments._base.avcl',
  model = require 'experiments._base.model',
  rows = avcl.rows {
    row('clip, whole', {}), row('frame, whole', one_frame),
    row('clip, wave', { ['mel.mode'] = 'wave' }),
    row('frame, window', one_frame, window), row('clip, window', window),
    row('resized', { ['mel.resize'] = { 24, 18 } }), row('deep', { ['audio.depth'] = 4 }),
  },
  columns = {
    avcl.describe { 'RGB length', of = 'rgb.frames' }, avcl.describe { 'Audio', of = 'mel.mode' },
    avcl.metric { 'synth', metric = 'test/top1' },
  },
  seeds = { 1 },
}
END
}

losses() { sed 's/,"clips_per_s.*//' "$1"; }
short='pretrain.epochs=1 finetune.epochs=1'

test_every_input_of_table_1_trains() {
    project inputs
    synth_data
    make_study
    # shellcheck disable=SC2086
    avcl run experiments/inputs.lua $short workers=1
    expect_status 0; expect_text '21 done'
    # shellcheck disable=SC2086
    avcl run experiments/inputs.lua $short --only 'frame, window' workers=4 --store many
    expect_status 0; expect_text '3 done'
    local n=0 run
    for run in $(find many/runs -name epochs.jsonl); do
        expect_same "$(losses "results/${run#many/}")" "$(losses "$run")" "metrics of $run"
        n=$((n + 1))
    done
    expect_same 2 $n 'stages that were compared'
}

test_prepared_sets_feed_them_or_say_why_not() {
    project inputs-cache
    synth_data
    make_study
    avcl data prepare data/synth/manifest.csv data/mel.avclcache --for experiments/inputs.lua
    expect_status 0
    avcl run experiments/inputs.lua --only wave data=data/mel.avclcache
    [ "$status" != 0 ] || complain 'ran on a cache without a waveform'
    expect_text 'holds no waveform' '--audio both'
    avcl data prepare data/synth/manifest.csv data/all.avclcache --for experiments/inputs.lua \
        --set mel.mode=window
    expect_status 0
    # shellcheck disable=SC2086
    avcl run experiments/inputs.lua $short --only wave data=data/all.avclcache
    expect_status 0; expect_text '3 done'
    # shellcheck disable=SC2086
    avcl run experiments/inputs.lua $short --only 'clip, window' data=data/all.avclcache
    expect_status 0; expect_text '3 done'
}

test_what_cannot_be_fed_is_refused() {
    project inputs-refused
    synth_data
    avcl run experiments/study.lua rgb.frames=1 rgb.normalise=tmean
    expect_status 3; expect_text 'tmean' 'rgb.frames = 1' "'clip'"
    avcl run experiments/study.lua mel.resize=[12,40]
    [ "$status" != 0 ] || complain 'a crop larger than the picture was cut'
    expect_text 'mel_crop is 16, expected 0 to 12'
    avcl run experiments/study.lua mel.mode=windows
    expect_status 3; expect_text "'windows'" 'window'
}

# The silent split's files have no sound track: zeros, or none of them.
test_missing_sound_is_zeros_or_passed_over() {
    project inputs-silent
    mkdir data
    "$AVCL" data synth data/synth --clips 12 --train 12 --val 12 --test 12 --seconds 1 \
        --size 40x32 --silent 4 >/dev/null 2>&1 || complain 'no data'
    sed 's/,silent$/,train/' data/synth/manifest.csv >data/synth/mixed.csv
    avcl run experiments/study.lua data=data/synth/mixed.csv pretrain.split=train
    expect_status 0; expect_text '3 done'
    grep -rq '"mute":[1-9]' results/runs && complain 'a row was passed over'
    avcl run experiments/study.lua data=data/synth/mixed.csv pretrain.split=train \
        mel.missing=skip
    expect_status 0; expect_text '3 done'
    # Four in each of two epochs; a worker that reads ahead counts for the epoch before.
    holds 'n >= 8' n="$(cat results/runs/*/*/epochs.jsonl | grep -o '"mute":[0-9]*' |
        awk -F: '{ n += $2 } END { print n + 0 }')"
}

run_tests test_every_input_of_table_1_trains test_prepared_sets_feed_them_or_say_why_not \
    test_what_cannot_be_fed_is_refused test_missing_sound_is_zeros_or_passed_over
