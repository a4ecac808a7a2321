#!/usr/bin/env bash
# What the store, the runner and the command line cost beside training.
#
#   tests/bench/store.sh [RUNS]      of invented finished runs; 100000 without, 0.5 GB on disk
#
# 1,000 runs of a model of one convolution: their time less that of their training. Readers of a
# store of many runs: cold is without the reader's cache, with the files in the kernel's. Everything
# is in $TMPDIR; its disk decides what an fdatasync costs.
set -euo pipefail
cd "$(dirname "$0")/../.."
avcl=${AVCL_PROGRAM:-$PWD/build/release/bin/avcl}
[ -x "$avcl" ] || { echo "no program $avcl: build it first" >&2; exit 1; }
runs=${1:-100000}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache OMP_WAIT_POLICY=passive NO_COLOR=1
fixtures=$PWD/tests/e2e/fixtures many=$PWD/tests/support/many_runs.lua

# measure TIMES WHAT COMMAND...: the fastest of so many, in wall and CPU seconds and MiB.
measure() {
    python3 - "$@" <<'PY'
import resource, subprocess, sys, time
times, what, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
best = None
for _ in range(times):
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit('%s: exit %d\n%s' % (' '.join(command), done.returncode, done.stderr.decode()))
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    best = min(best or (wall, cpu), (wall, cpu))
print('%-46s %8.3f s wall %8.3f s cpu %6d MiB' % (what, *best, after.ru_maxrss // 1024))
PY
}

mkdir -p "$work/experiments/_base" "$work/data"
cp "$fixtures/base.lua" "$work/experiments/_base/avcl.lua"
cp "$fixtures/tiny.lua" "$work/experiments/"
cd "$work"
"$avcl" data synth data/synth --clips 24 --train 12 --val 12 --test 12 --seconds 1 --size 40x32 >/dev/null 2>&1
tiny=(run tiny --threads 1 --progress none --only narrow)

measure 1 '1,002 tiny runs, -j 1' "$avcl" "${tiny[@]}" --seeds 1-334 --store tiny
trained=$(cat tiny/runs/*/*/result.yaml | sed -n 's/.*wall_s: *\([0-9.e+-]*\).*/\1/p' |
    awk '{ sum += $1 } END { print sum }')
printf '  of which %.3f s inside the runs: training, testing, checkpoints\n' "$trained"
measure 5 'the same again: 1,002 skipped' "$avcl" "${tiny[@]}" --seeds 1-334 --store tiny
measure 5 'table of 1,002 runs' "$avcl" table tiny --only narrow --seeds 1-334 --store tiny
measure 20 'Tab: a key of a script' "$avcl" __complete run tiny wid
measure 20 'Tab: a run id' env AVCL_STORE=tiny "$avcl" __complete show 0

[ "$runs" -gt 0 ] || exit 0
"$avcl" lua "$many" many "$runs"
"$avcl" "${tiny[@]}" --seeds 1-2 --store many >/dev/null 2>&1
query='state=="done" and config.tau<=0.05 and test.top1>99'
rm -rf cache
measure 1 "ls with a filter, $runs runs, cold" "$avcl" ls "$query" --store many
measure 5 'the same, warm' "$avcl" ls "$query" --store many
mv data data-away # so that the table has to look for the data set in the records
rm -rf cache
table=(table tiny --only narrow --seeds 1-2 --store many)
measure 1 'table of 6 of them, without the data set, cold' "$avcl" "${table[@]}"
measure 5 'the same, warm' "$avcl" "${table[@]}"
mv data-away data
measure 1 'one more run' "$avcl" "${tiny[@]}" --seeds 3 --store many
measure 1 'ls after it' "$avcl" ls "$query" --store many
