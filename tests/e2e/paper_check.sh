#!/usr/bin/env bash
# Every row of the paper's four tables and the figure at scale = smoke: trained, fine-tuned, tested
# and in its cell. paper_check.sh [--keep]     --keep: go on with the records of an earlier check
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
AVCL=build/release/bin/avcl
WORK=$PWD/build/paper-check

[ "${1:-}" = --keep ] || rm -rf "$WORK"
mkdir -p "$WORK"
export AVCL_STORE=$WORK/store XDG_CACHE_HOME=$WORK/cache

fail() {
    printf 'FAILED  %s\n' "$1"
    exit 1
}

./experiments/tables.sh --scale smoke --seeds 1 >"$WORK/tables.md" ||
    fail "experiments/tables.sh ended with status $?"
cat "$WORK/tables.md"

# Cells that have a number of their one seed, and those that lack it.
n=0
for name in table1 table2 table3 table4; do
    "$AVCL" table "$name" scale=smoke --seeds 1 --format csv >"$WORK/$name.csv" ||
        fail "$name does not tabulate"
    python3 - "$WORK/$name.csv" >"$WORK/$name.count" <<'PY' || fail "$name lacks a cell"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
bad = [r for r in rows if r["n"] != "1" or not 0 <= float(r["mean"]) <= 100]
print(len(rows))
if bad: print(bad, file=sys.stderr)
sys.exit(bool(bad) or not rows)
PY
    n=$((n + $(cat "$WORK/$name.count")))
    grep -q 'Synthetic data' "$AVCL_STORE/tables/$name-smoke.md" || fail "$name hides that it is synthetic"
done
[ $n = 42 ] || fail "$n cells, not 42"

ls "$AVCL_STORE"/tables/fig2-smoke/*.png "$AVCL_STORE"/tables/fig2-smoke/*.mp4 >/dev/null ||
    fail 'no maps of Fig. 2'
# Pre-training with memories of its own is looked into as well.
iic=$("$AVCL" ls -q 'stage == "pretrain" and label == "IIC"' --limit 1)
"$AVCL" cam "$iic" --clips 1 --out "$WORK/maps" || fail 'no maps of a pre-trained network'
"$AVCL" table --check || fail 'the written tables are not what the records say'

# Again: nothing is left to do, and it says the same.
./experiments/tables.sh --scale smoke --seeds 1 2>"$WORK/again.err" >"$WORK/again.md" ||
    fail 'a second time it ends in an error'
grep -q '  done  ' "$WORK/again.err" && fail 'a second time it trained something'
cmp -s "$WORK/tables.md" "$WORK/again.md" || fail 'a second time it says something else'
printf 'ok: 42 cells\n'
