#!/usr/bin/env bash
# The training step against PyTorch's (Debian's python3-torch) on this machine, side by side.
#
#   tests/bench/peer.sh                  agreement over 20 steps, then every row
#   tests/bench/peer.sh auto audio       these rows: direct auto bf16 audio small
#   tests/bench/peer.sh --quick small    one step each
#   tests/bench/peer.sh --no-agree bf16  after an agreement has been seen
#   tests/bench/peer.sh --backbone c3d   C3D's video tower, or r2plus1d's, 4 clips: rows video, video-tuned
#
# Networks, weights and batches are the same in both programs, and their losses must agree before
# anything is timed. PyTorch runs as installed and with malloc told to keep its pages ("tuned").
# Prints Markdown; core/doc/performance.md has such a table. Takes 4 minutes a row at full size.
set -euo pipefail
cd "$(dirname "$0")/../.."
. core/tools/need.sh

PYTHON=/usr/bin/python3 # Debian's own: another one on the path has another torch, or none
need_packages python3-torch python3-numpy
avcl=${AVCL_PROGRAM:-$PWD/build/release/bin/avcl}
if [ ! -x "$avcl" ]; then
    echo "no program $avcl: build it first (cmake --preset release && cmake --build --preset release)" >&2
    exit 1
fi
# Two programs that wait for work must not spin on the cores of the one that works.
unset OMP_WAIT_POLICY GOMP_SPINCOUNT OMP_NUM_THREADS
exec "$PYTHON" -B tests/bench/peer/table.py --avcl "$avcl" "$@"
