#!/usr/bin/env bash
# Every YAML document of a store, and of a writer's edge cases, means the same to two parsers that share no code with ours.
. "$(dirname "$0")/lib.sh"

test_other_parsers_see_the_same_values() {
    project yaml
    cp "$E2E/fixtures/tiny.lua" experiments/
    synth_data
    # Labels that other readers take for something else, and texts with line ends, in a failure.
    cat >rows.lua <<'LUA'
local labels = { 'no', 'on', '12:30', '1e3', '0x10', '1_000', '=', '<<', '2026-11-25', 'null', '~', '.inf',
  '1.', '+1', "it's", '"quoted"', 'a: b', '# c', '- d', 'λ_cor ≤ ½', 'two\nlines', '{x}', ' blank ' }
local rows = {}
for i, label in ipairs(labels) do rows[i] = { label = label, width = i } end
LUA
    {
        sed '/^return avcl.experiment/,$d' experiments/tiny.lua
        cat rows.lua
        sed -n '/^return avcl.experiment/,$p' experiments/tiny.lua |
            sed 's/rows = avcl.rows.*/rows = avcl.rows(rows),/'
    } >experiments/odd.lua
    avcl run experiments/odd.lua --threads 1 --progress none --seeds 1
    expect_status 0
    avcl run experiments/tiny.lua --threads 1 --progress none --seeds 1 sign=-1 --retries 1
    expect_status 1
    avcl table experiments/odd.lua --seeds 1 --write
    expect_status 0
    local files
    mapfile -t files < <(find results -name '*.yaml' -o -path '*/claims/*' -type f)
    for kind in store.yaml log/ claims/ run.yaml result.yaml attempt-2.yaml lock.yaml; do
        case "${files[*]}" in *"$kind"*) ;; *) complain "no $kind" ;; esac
    done
    output=$("$E2E/compare_yaml.py" "$AVCL" "${files[@]}" 2>&1)
    status=$? shown=0
    expect_status 0; expect_text '3 readers, 0 differences'
    # The comparison can fail: words that YAML 1.1 and 1.2 read as different things.
    printf 'a: no\n' >differs.yaml
    output=$("$E2E/compare_yaml.py" "$AVCL" differs.yaml 2>&1)
    status=$? shown=0
    expect_status 1; expect_text "PyYAML differs.yaml 0 ('a',) sees ('bool', 'false')"
}

test_the_readers_of_yaml_agree() {
    if [ ! -x "$BUILD/bin/test_doc" ]; then
        echo '    (skipped: this build has no unit tests)'
        return
    fi
    output=$(cd "$BUILD" && AVCL_BUILD_DIR=. bin/test_doc 2>&1 && "$E2E/test_yaml_readers.py" "$BUILD" 2>&1)
    status=$?
    expect_status 0; expect_text 'values, ' ' 0 differences'
}

run_tests test_other_parsers_see_the_same_values test_the_readers_of_yaml_agree
