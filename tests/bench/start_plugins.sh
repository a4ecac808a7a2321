#!/usr/bin/env bash
# What plugins on the path cost at start: tests/bench/start_plugins.sh [BUILD_DIR] [N]
#
# The same command with no plugin and with N of them (200), side by side in one run, caches warm:
# a command that makes a host and finds a module by name, and one that lists everything. Medians of
# 21 runs in milliseconds. The design's limit is 50 ms for 200.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${1:-build/release}" && pwd) n=${2:-200}
avcl=$build/bin/avcl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache OMP_WAIT_POLICY=passive
mkdir "$work/none" "$work/many"

# One plugin under N ids of one length: the id is text in the file.
cc -O1 -shared -fPIC -fvisibility=hidden -Icore/include plugins/template/loss.c -o "$work/one.so"
for i in $(seq -w 0 $((n - 1))); do
    sed "s/org\.example\.tiny/org.example.t$(printf %03d "$((10#$i))")/g" "$work/one.so" \
        >"$work/many/t$i.avcl.so"
done
echo "local g = require 'avcl'.graph() g:backbone('r3d', { clip = g:input('x', { 1, 3, 4, 32, 32 }) }, { width = 2 })" \
    >"$work/find.lua"

median() {
    for _ in $(seq 21); do
        local from=$EPOCHREALTIME
        "$@" >/dev/null
        local to=$EPOCHREALTIME
        echo $(((${to/./} - ${from/./})))
    done | sort -n | sed -n 11p
}

row() {
    local name=$1
    shift
    AVCL_PLUGIN_PATH=$work/many "$@" >/dev/null # the registry learns them
    local none many
    none=$(AVCL_PLUGIN_PATH=$work/none median "$@")
    many=$(AVCL_PLUGIN_PATH=$work/many median "$@")
    awk -v name="$name" -v a="$none" -v b="$many" 'BEGIN {
        printf "%-28s %8.1f %8.1f %+8.1f\n", name, a / 1000, b / 1000, (b - a) / 1000 }'
}

printf '%-28s %8s %8s %8s\n' 'milliseconds, warm' none "$n" more
row 'a module found by name' "$avcl" lua "$work/find.lua"
row 'plugin list' "$avcl" plugin list
