#!/bin/sh
# The speed of the kernels and of a model here. Usage: tools/bench.sh HENCE [MODEL]
set -eu
cd "$(dirname "$0")/.."
hence=$1
model=${2-models/starter-chat.gguf}

threads=$(nproc)
for t in 1 "$threads"; do
    "$hence" bench -m "$model" -p 512 -n 128 -t "$t"
    [ "$threads" -gt 1 ] || break
done
