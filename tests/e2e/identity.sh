#!/usr/bin/env bash
# When a run counts as the same: the declared computation decides, not the text.
. "$(dirname "$0")/lib.sh"

# Ids of the plan, one a line.
plan() {
    avcl run -n experiments/study.lua "$@"
    expect_status 0
    ids=$(printf '%s\n' "$output" | awk 'NR > 1 && !/^[0-9]+ runs: / { print $1 }')
}

test_a_second_run_skips_all_and_says_so() {
    project again
    synth_data
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 done'
    local before
    before=$(find results/runs -type f -exec sha256sum {} + | sort)
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 skipped' 'already done'; expect_no_text ' done  '
    expect_same "$before" "$(find results/runs -type f -exec sha256sum {} + | sort)" 'records'
    plan
    expect_same 3 "$(printf '%s\n' "$output" | grep -c ' skip .* done$')" 'runs that are done'
}

test_a_changed_term_is_a_new_run() {
    project term
    synth_data
    avcl run experiments/study.lua
    expect_text '3 done'
    plan
    local before=$ids
    sed -i 's/g:square(f.video - f.audio)/g:abs(f.video - f.audio)/' experiments/_base/model.lua
    plan
    # All three: the others descend from the changed pre-training.
    expect_same '' "$(comm -12 <(sort <<<"$before") <(sort <<<"$ids"))" 'ids kept'
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 done'; expect_no_text 'skipped'
    expect_files 6 results/runs result.yaml
    # A factor is a term, too.
    before=$ids
    sed -i 's/g:minimize(p.lambda_self, near)/g:minimize(2 * p.lambda_self, near)/' \
        experiments/_base/model.lua
    plan
    expect_same '' "$(comm -12 <(sort <<<"$before") <(sort <<<"$ids"))" 'ids kept'
}

test_comments_and_white_space_are_not() {
    project comment
    synth_data
    avcl run experiments/study.lua
    expect_text '3 done'
    plan
    local before=$ids
    sed -i -e '1i -- a remark' -e 's/  local near = /\n\n    local near    =    /' \
        -e 's/$/ -- so/' experiments/_base/model.lua
    sed -i -e '1i --[[ more\nremarks ]]' experiments/study.lua
    plan
    expect_same "$before" "$ids" 'ids'
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 skipped'
    # Nor is a local's name, nor where things are done.
    sed -i 's/near/distance/g; s/g:log(.distance./g:log("near"/' experiments/_base/model.lua
    plan workers=1 device=cpu
    expect_same "$before" "$ids" 'ids'
}

test_seed_data_and_keys_are_part_of_it() {
    project keys
    synth_data
    plan
    local first=$ids way
    for way in '--seeds 2' 'width=3' 'batch=2' 'pretrain.epochs=3' 'lambda_self=0.2'; do
        # shellcheck disable=SC2086
        plan $way
        expect_same '' "$(comm -12 <(sort <<<"$first") <(sort <<<"$ids"))" "ids kept by $way"
    done
    # What only fine-tuning reads leaves the pre-training as it is.
    plan finetune.epochs=3
    expect_same 1 "$(comm -12 <(sort <<<"$first") <(sort <<<"$ids") | grep -c .)" 'ids kept'
    expect_same "$(head -n1 <<<"$first")" "$(head -n1 <<<"$ids")" 'pre-training'
    cp -rL data/synth data/other
    plan data=other
    expect_same "$first" "$ids" 'ids of a copy'
    rm data/other/synth.yaml
    truncate -s -1 "$(find data/other/unlab -name '*.mp4' | head -n1)"
    plan data=other
    expect_same '' "$(comm -12 <(sort <<<"$first") <(sort <<<"$ids"))" 'ids kept by other data'
}

run_tests test_a_second_run_skips_all_and_says_so test_a_changed_term_is_a_new_run \
    test_comments_and_white_space_are_not test_seed_data_and_keys_are_part_of_it
