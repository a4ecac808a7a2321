#!/bin/sh
# Builds the plugin and checks it: sh test.sh. For your continuous integration.
set -e
cd "$(dirname "$0")"
make -s tiny.avcl.so
"${AVCL_PROGRAM:-avcl}" plugin check ./tiny.avcl.so
