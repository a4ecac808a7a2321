#!/usr/bin/env bash
# What a user does, from the command line. tests/e2e/run.sh [BUILD_DIR [SCRIPT...]]
#
#   tests/e2e/run.sh build/release                 all of them, under 150 s on 2 cores
#   E2E_ONLY=sigint tests/e2e/run.sh build/release resume    tests whose names match
cd "$(dirname "$0")/../.." || exit 2
AVCL_BUILD=$(cd "${1:-build/release}" && pwd) || exit 2
export AVCL_BUILD
[ $# -gt 0 ] && shift
[ -x "$AVCL_BUILD/bin/avcl" ] || { echo "no $AVCL_BUILD/bin/avcl: build it first" >&2; exit 2; }
scripts=${*:-bad_input plugins lua identity losses yaml methods resume disk memory own_data synth import stats augment inputs weights samples}

E2E_DATA=$(mktemp -d "${TMPDIR:-/tmp}/avcl-e2e-data.XXXXXX") || exit 2
trap 'rm -rf "$E2E_DATA"' EXIT
export E2E_DATA
. tests/e2e/lib.sh
trap 'rm -rf "$E2E_DATA" "$ROOT"' EXIT
make_synth "$E2E_DATA" || { echo 'avcl data synth failed' >&2; exit 1; }

passed=0 failed=0
for script in $scripts; do
    printf -- '-- %s\n' "$script"
    bash "tests/e2e/$script.sh" | tee "$ROOT/verdict"
    read -r n_passed _ n_failed _ < <(tail -n1 "$ROOT/verdict")
    case $n_passed$n_failed in
        '' | *[!0-9]*) n_passed=0 n_failed=1 ;; # it ended before its sum
    esac
    passed=$((passed + n_passed)) failed=$((failed + n_failed))
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
