#!/usr/bin/env bash
# The whole test suite; installs what is missing. ./tests/run.sh [--full] [STEP...]
#
#   ./tests/run.sh                everything CI runs, under 20 minutes on 2 cores
#   ./tests/run.sh unit lua       these steps only (./tests/run.sh --list names them)
#   ./tests/run.sh --full         also the long campaigns
set -uo pipefail
cd "$(dirname "$0")/.."
. core/tools/need.sh

step_style() { tests/support/check_style.sh; }
step_arrows() { tests/support/check_arrows.sh; }
step_build() { build release; }
# tests PRESET ARGUMENTS...: of an up-to-date build; no test at all is a failure.
tests() {
    local preset=$1
    shift
    build "$preset" && ctest --preset "$preset" --no-tests=error -j2 "$@"
}

step_unit() { tests release -L 'unit|abi'; }
step_ops() { tests release -L 'ops|golden'; }
step_lua() { tests release -L lua; }
step_e2e() {
    build release && tests/e2e/run.sh build/release &&
        tests/e2e/run.sh build/release sweep kill_sweep watch
}
step_install() { build release && tests/install/run.sh build/release; }
step_readme() { build release && tests/support/check_readme.sh build/release; }
# Also run where the compiler could bring another OpenMP runtime along.
step_clang() { tests clang -R '^test_(threads|cores)$'; }
step_asan() { tests asan -L 'unit|abi|ops|golden'; }
# Seconds for each fuzzer: short here, long behind --full.
fuzz_s=20
step_fuzz() { build fuzz fuzz && tests/fuzz/run.sh build/fuzz "$fuzz_s"; }
# Committed tables say what the committed records say.
step_tables() { build release && build/release/bin/avcl table --check; }
step_quickstart() { tests/e2e/quickstart_check.sh; }
# Every row of the paper's tables, as small as can be.
step_paper() { tests/e2e/paper_check.sh; }
step_tsan() { tests tsan -R '^test_(loader|loader_samplers|loader_files|prepare|synth|plan|graph|graph_memory|trainer|evaluate)$'; }
step_clips() { build release && tests/e2e/debian_clips.sh build/release; }
step_weights() { need_packages python3-torch && build release && tests/e2e/run.sh build/release weights; }
step_kill() {
    build release && tests/e2e/kill_campaign.sh build/release &&
        AVCL_BUILD=build/release E2E_KILLS=200 tests/e2e/kill_sweep.sh &&
        AVCL_BUILD=build/release E2E_ONLY=eight E2E_CLAIMS=334 tests/e2e/sweep.sh
}

steps="style arrows build unit ops lua e2e tables install readme clang asan fuzz quickstart paper"
full="tsan clips kill weights"

case ${1:-} in
    --list) printf '%s\n' $steps $full; exit 0 ;;
    --full) shift; steps="$steps $full" fuzz_s=600 ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
[ $# -gt 0 ] && steps=$*

# A slip costs nothing: names are checked before anything is installed or built.
for step in $steps; do
    if ! declare -F "step_$step" >/dev/null; then
        printf "no step '%s'; ./tests/run.sh --list names them\n" "$step" >&2
        exit 2
    fi
done

need_tests
mkdir -p build
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
passed=0 failed=0 failures=""
for step in $steps; do
    started=$SECONDS
    if "step_$step" >"build/test-$step.log" 2>&1; then
        passed=$((passed + 1)) verdict=ok
    else
        failed=$((failed + 1)) verdict=FAILED failures="$failures $step"
    fi
    printf '%-12s %-6s %4d s\n' "$step" "$verdict" $((SECONDS - started))
    if [ $verdict = FAILED ]; then tail -n 60 "build/test-$step.log"; fi
done
[ -z "$failures" ] || printf 'failed:%s (logs: build/test-STEP.log)\n' "$failures"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
