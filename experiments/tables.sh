#!/usr/bin/env bash
# The paper's four tables and its Fig. 2 on synthetic videos: makes the data, trains what is missing,
# writes STORE/tables. Stop it as you like; the same command goes on where it stopped.
#
#   ./experiments/tables.sh                 scale=small, an hour or more on two cores (an estimate)
#   ./experiments/tables.sh --seeds 1       one seed everywhere: 40 minutes, measured beside other work
#   ./experiments/tables.sh --scale smoke   every row in seconds; its numbers mean nothing
#   ./experiments/tables.sh KEY=VALUE...    with other settings, as for avcl run
#   AVCL_STORE=DIR ./experiments/tables.sh  records elsewhere: results/ comes with the runs of ours,
#                                           which are not done again
set -euo pipefail
cd "$(dirname "$0")/.."
. core/tools/need.sh

scale=small seeds=() keys=()
while [ $# -gt 0 ]; do
    case $1 in
        --scale) scale=$2; shift ;;
        --seeds) seeds=(--seeds "$2"); shift ;;
        -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *=*) keys+=("$1") ;;
        *) printf "tables.sh: no option '%s'; --help lists them\n" "$1" >&2; exit 2 ;;
    esac
    shift
done
case $scale in small | smoke) ;; *)
    printf "tables.sh: --scale %s is neither small nor smoke\n" "$scale" >&2; exit 2 ;;
esac

store=${AVCL_STORE:-results}
export AVCL_STORE=$store
tables="table1 table2 table3 table4"
say() { printf '%s\n' "$*" >&2; }
started=$SECONDS
need_build
build release program
avcl=build/release/bin/avcl

# ---- data ----------------------------------------------------------------------------------------
synth() { # NAME CLASSES CLIPS TRAIN VAL TEST SIZE SECONDS
    "$avcl" data synth "data/$1" --classes "$2" --clips "$3" --train "$4" --val "$5" --test "$6" \
        --size "$7" --seconds "$8" --difficulty 1.0 --seed 1 --masks >/dev/null
}
# Decoded once; with the wave, because Table 1 cuts it in three ways.
prepare() {
    "$avcl" data prepare "data/$1" "data/$1.avclcache" --for experiments/table1.lua \
        --set scale=small --audio both --codec yuv >/dev/null
}
if [ $scale = small ]; then
    synth synth12 12 2000 180 60 600 76x56 2
    synth synth24 24 2000 360 120 600 76x56 2
    prepare synth12
    prepare synth24
else
    synth smoke12 12 8 12 12 12 32x24 0.5
    synth smoke24 24 8 24 24 24 32x24 0.5
fi
say "synthetic data: $((SECONDS - started)) s"

# ---- runs ------------------------------------------------------------------------------------------
# A run that failed (status 1) is a result: the literal setting diverges now and then, and the tables
# show it. Anything else ends this.
run() {
    local status=0
    "$avcl" run "experiments/$1.lua" "scale=$scale" "${keys[@]}" "${@:2}" || status=$?
    [ $status -le 1 ] || exit $status
}
for table in $tables fig2; do run "$table" --seeds 1; done # one seed of everything first
say "one seed of every row: $((SECONDS - started)) s"
for table in $tables; do run "$table" "${seeds[@]}"; done
if [ $scale = small ]; then
    run few_labels "${seeds[@]}"
    for table in table2 table3; do run "$table" preset=paper --seeds 1; done # the literal setting
fi

# ---- what came out ---------------------------------------------------------------------------------
cost="$store/tables/cost-$scale.txt"
mkdir -p "$store/tables"
: >"$cost"
write() { # SCRIPT NAME ARGUMENTS...
    local said
    said=$("$avcl" table "experiments/$1.lua" "scale=$scale" "${keys[@]}" "${@:3}" --write --as "$2" 2>&1)
    printf '%s: %s\n' "$2" "$(grep computing <<<"$said")" >>"$cost"
    printf '\n## %s\n\n' "$2"
    cat "$store/tables/$2.md"
}
for table in $tables; do write "$table" "$table-$scale" "${seeds[@]}"; done
write fig2 "fig2-$scale"
if [ $scale = small ]; then
    write few_labels few_labels-small "${seeds[@]}"
    for table in table2 table3; do write "$table" "$table-small-literal" preset=paper --seeds 1; done
fi

# What is better than what, in the paper and here.
orderings="$store/tables/orderings-$scale.txt"
for table in $tables; do
    "$avcl" table "experiments/$table.lua" "scale=$scale" "${keys[@]}" "${seeds[@]}" --orderings
    echo
done >"$orderings"
printf '\n## orderings\n\n```text\n%s\n```\n' "$(cat "$orderings")"

# What pre-training did to the features: core/doc/run.md says what the columns mean.
columns=label,preset,data,seed,diag.match,diag.match_shuffled,diag.leak,diag.dead_channels,diag.spread,wall_s
diagnostics="$store/tables/diagnostics-$scale.txt"
"$avcl" ls "stage == 'pretrain' and state == 'done' and scale == '$scale'" --columns $columns \
    --sort label >"$diagnostics"
printf '\n## diagnostics of pre-training\n\n```text\n%s\n```\n' "$(cat "$diagnostics")"

maps="$store/tables/fig2-$scale"
fig2=$("$avcl" why fig2 AVCL "scale=$scale" "${keys[@]}" --json | grep -o '"run": *"[0-9a-f]*"' | head -n 1 |
    grep -o '[0-9a-f]\{32\}')
printf '\n## Fig. 2\n\n```text\n'
status=0
"$avcl" cam "$fig2" --clips 4 --out "$maps" || status=$?
case $status in
    0) [ $scale = smoke ] || "$avcl" cam "$fig2" --score | tee "$maps/score.txt" ;;
    4) say "no maps: a clone has the records of a run, not its weights" ;;
    *) exit $status ;;
esac
printf '```\n\n## cost\n\n```text\n%s\n```\n' "$(cat "$cost")"
say "done in $((SECONDS - started)) s; tables in $store/tables"
