#!/usr/bin/env bash
# Every method of the shipped model pre-trains, fine-tunes and tests; baselines only test.
. "$(dirname "$0")/lib.sh"

# The shipped model on a protocol small enough for tests, one row a method.
methods_study() {
    cp -r "$SOURCE/experiments/_base/." experiments/_base
    cp "$E2E/fixtures/base.lua" experiments/_base/avcl.lua
    cat >experiments/study.lua <<'END'
local avcl = require 'avcl'
return avcl.experiment {
  name = 'study', base = require 'experiments._base.avcl',
  model = require 'experiments._base.model',
  defaults = {
    moco = { queue = 16 }, byol = { hidden = 32, out = 16 }, barlow_twins = { width = 32 },
    ['simsiam.out'] = 32, ['simsiam.predictor'] = 8, ['iic.negatives'] = 8,
  },
  stages = { pretrain = { val_split = 'val', select = 'min val/loss' } },
  rows = avcl.rows { avcl.list { method = {
    'avcl', 'simclr', 'moco', 'byol', 'simsiam', 'barlow_twins', 'iic', 'baseline-r', 'baseline-a',
    'baseline-ra',
  } } },
  columns = { avcl.metric { 'synth', metric = 'test/top1' } },
  seeds = { 1 },
}
END
}

test_every_method_reaches_the_table() {
    project methods
    synth_data
    methods_study
    avcl run experiments/study.lua
    expect_status 0; expect_text '27 done' # seven of three stages, three of two
    avcl table study
    expect_status 0; expect_text 'method=iic' 'method=baseline-ra'
}

# A compared method's features are ungated: no AMFM, no head of pre-training under a classifier.
test_what_a_classifier_gets() {
    project inside
    synth_data
    methods_study
    avcl graph experiments/study.lua method=byol --stage pretrain
    expect_status 0; expect_text 'ema/video/conv1' 'method/video/target'
    avcl graph experiments/study.lua method=byol --stage finetune
    expect_status 0; expect_no_text 'ema/' 'method/' 'fusion/'
    avcl graph experiments/study.lua method=baseline-r --stage finetune
    expect_status 0; expect_no_text 'audio/' 'fusion/'
    avcl graph experiments/study.lua method=baseline-r --stage pretrain
    expect_status 3; expect_text "method 'baseline-r' has no pre-training"
    avcl graph experiments/study.lua method=simclrr --stage pretrain
    expect_status 4; expect_text "no method 'simclrr'" 'simclr'
    avcl plan experiments/study.lua moco.queue=1
    expect_status 3; expect_text 'queue = 1 is shorter than a batch of 4'
}

run_tests test_every_method_reaches_the_table test_what_a_classifier_gets
