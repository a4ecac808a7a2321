#!/usr/bin/env bash
# Runs the quickstart afresh and asserts what its records show. quickstart_check.sh [--keep]
#
# --keep: go on with the records of an earlier check; only what is missing is trained.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
AVCL=build/release/bin/avcl
WORK=build/quickstart-check
STUDY=experiments/quickstart.lua

[ "${1:-}" = --keep ] || rm -rf "$WORK"
mkdir -p "$WORK"

fail() {
    printf 'FAILED  %s\n' "$1"
    exit 1
}

# The whole of it as a user starts it, with records of its own.
AVCL_STORE=$PWD/$WORK/store ./experiments/quickstart.sh >"$WORK/table.md" ||
    fail "experiments/quickstart.sh ended with status $?"
cat "$WORK/table.md"
for row in 'audio only' 'RGB only' 'RGB + audio' 'AVCL'; do
    grep -qF "| $row |" "$WORK/table.md" || fail "the table has no row '$row'"
done
grep -q 'Synthetic data' "$WORK/table.md" || fail 'the table does not say that it is synthetic'

# The control: the same, pre-trained on sounds that belong to other videos.
"$AVCL" run "$STUDY" control=shuffled --only AVCL --seeds 1 --store "$WORK/control" ||
    fail "the control ended with status $?"
"$AVCL" plan --json "$STUDY" --store "$WORK/store" >"$WORK/plan.json" &&
    "$AVCL" plan --json "$STUDY" control=shuffled --only AVCL --seeds 1 \
        --store "$WORK/control" >"$WORK/control.json" || fail 'no plan'
python3 tests/e2e/quickstart_facts.py "$WORK/plan.json" "$WORK/store" \
    "$WORK/control.json" "$WORK/control"
