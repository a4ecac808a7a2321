#!/usr/bin/env bash
# From a fresh clone to an accuracy table: installs what is missing, builds, makes a synthetic
# data set of real mp4 files, pre-trains and fine-tunes AVCL, prints the table.
#
#   ./experiments/quickstart.sh [KEY=VALUE...]     as for avcl run, e.g. pretrain.epochs=2
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
. core/tools/need.sh

say() { printf '%s\n' "$*" >&2; }
need_build
started=$SECONDS
say "building (log: build/release.log)"
build release program
avcl=build/release/bin/avcl
say "built in $((SECONDS - started)) s"

data_started=$SECONDS
"$avcl" data synth data/quickstart --clips 2100 --train 60 --val 60 --test 600 \
    --size 76x56 --seconds 2 --difficulty 1.0 --seed 1 >/dev/null
say "2,820 synthetic videos in data/quickstart: $((SECONDS - data_started)) s"

"$avcl" run experiments/quickstart.lua "$@"
"$avcl" table experiments/quickstart.lua --per-seed "$@"
printf '\n'
"$avcl" table experiments/quickstart.lua "$@"
say "done in $((SECONDS - started)) s; records in results/, videos in data/quickstart/"
