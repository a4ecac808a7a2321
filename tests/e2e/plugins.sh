#!/usr/bin/env bash
# Plugins as a stranger builds them: one .c file, one cc line, a folder on AVCL_PLUGIN_PATH.
. "$(dirname "$0")/lib.sh"

TEMPLATE=$SOURCE/plugins/template/backbone.c

# compile SOURCE OUTPUT: the line that the template shows.
compile() {
    output=$(${CC:-cc} -Wall -Wextra -Wpedantic -Werror -shared -fPIC -fvisibility=hidden \
        -I"$INCLUDE" "$1" -o "$2" 2>&1)
    status=$?
    expect_status 0
}

test_template_trains_from_a_script() {
    project template
    synth_data
    mkdir plugins
    compile "$TEMPLATE" plugins/tiny.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    sed -i "s/width = 2,/width = 2, backbone = 'tiny',/" experiments/_base/avcl.lua
    avcl run experiments/study.lua
    expect_status 0; expect_text '3 done'
    grep -qF 'org.example.tiny' "$(run_of results run.yaml)/run.yaml" ||
        complain 'the record does not name the plugin'
    avcl graph experiments/study.lua --check-gradients
    expect_status 0
    unset AVCL_PLUGIN_PATH
    avcl run experiments/study.lua --store other
    expect_status 4; expect_text "'tiny'"
}

test_template_works_from_avcl_lua() {
    project template-lua
    mkdir plugins
    compile "$TEMPLATE" plugins/tiny.avcl.so
    cat >use.lua <<'END'
local avcl = require 'avcl'
local g = avcl.graph()
local taps = g:backbone('tiny', { clip = g:input('x', { 2, 3, 4, 16, 16 }), name = 'net' },
  { width = 5 })
g:keep('pool', taps.pool)
g:minimize(1, g:mean(g:square(taps.pool)))
local s = avcl.session(g, { device = 'reference', precision = 'f64', seed = 1 })
local x = {}
for i = 1, 2 * 3 * 4 * 16 * 16 do x[i] = math.sin(i) end
s:set('x', x):run 'train'
local pool, shape = s:array 'pool'
local norm = 0
for _, v in ipairs(s:array 'grad/net/conv1/weight') do norm = norm + v * v end
print(table.concat(shape, 'x'), #pool, norm > 0 and norm < math.huge and 'gradient')
END
    AVCL_PLUGIN_PATH=$PWD/plugins avcl lua use.lua
    expect_status 0; expect_text "2x10	20	gradient"
}

test_parameters_of_a_plugin_are_checked() {
    project template-params
    mkdir plugins
    compile "$TEMPLATE" plugins/tiny.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    avcl plugin info tiny --param width=0
    expect_status 3; expect_sentence; expect_text 'width = 0 is below 1'
    avcl plugin info tiny --param widht=4
    expect_status 3; expect_sentence; expect_text "did you mean 'width'?"
    avcl plugin info tiny --json --param width=4
    expect_status 0
    # 4 x 3 x 27 + 8 x 4 x 27 weights, and a scale and a shift for 4 and 8 channels.
    expect_text '"parameters":1212' '"state":24'
}

test_wrong_abi_is_refused_with_both_numbers() {
    project abi
    mkdir plugins
    local theirs=41.2 ours
    ours=$(sed -n 's/^#define AVCL_ABI_M[AI][JN]OR \([0-9]*\).*/\1/p' "$INCLUDE/avcl/plugin.h" |
        paste -sd.)
    mkdir -p include/avcl
    cp "$INCLUDE"/avcl/*.h include/avcl/
    sed -i 's/^#define AVCL_ABI_MAJOR .*/#define AVCL_ABI_MAJOR 41/
            s/^#define AVCL_ABI_MINOR .*/#define AVCL_ABI_MINOR 2/' include/avcl/plugin.h
    INCLUDE=$PWD/include compile "$TEMPLATE" plugins/old.avcl.so
    export AVCL_PLUGIN_PATH=$PWD/plugins
    avcl plugin list
    expect_status 0; expect_text 'refused' 'old.avcl.so' "ABI $theirs" "$ours" 'r3d'
    avcl plugin info tiny
    expect_status 4; expect_sentence; expect_text 'old.avcl.so' "ABI $theirs" "$ours"
    avcl plugin list --json
    expect_status 0; expect_text '"state":"refused"'
}

test_files_that_are_no_plugins_are_refused() {
    project nonsense
    mkdir plugins
    echo 'not an object' >plugins/text.avcl.so
    : >plugins/empty.avcl.so
    head -c 2000 "$BUILD/lib/avcl/plugins-0/r3d.avcl.so" >plugins/cut.avcl.so
    AVCL_PLUGIN_PATH=$PWD/plugins avcl plugin list
    expect_status 0
    expect_text text.avcl.so empty.avcl.so cut.avcl.so
    expect_same 3 "$(printf '%s\n' "$output" | grep -c '^refused')" 'refused files'
    AVCL_PLUGIN_PATH=$PWD/nowhere avcl plugin info r3d
    expect_status 0
}

test_info_of_r3d_is_the_papers() {
    avcl plugin info r3d --json --input 3,16,112,112
    expect_status 0
    expect_text '"parameters":14361792' '{"name":"conv5","shape":[512,2,7,7]}' \
        '{"name":"pool","shape":[512]}'
    printf '%s' "$output" | python3 -m json.tool >/dev/null || complain 'it is not JSON'
    avcl plugin info r3d --input 3,16
    expect_status 3; expect_sentence
}

run_tests test_template_trains_from_a_script test_template_works_from_avcl_lua \
    test_parameters_of_a_plugin_are_checked test_wrong_abi_is_refused_with_both_numbers \
    test_files_that_are_no_plugins_are_refused test_info_of_r3d_is_the_papers
