#!/bin/sh
# The speed of the kernels and of a model here, with one thread and with all. Usage: tools/bench.sh
# BUILD [MODEL]
set -eu
cd "$(dirname "$0")/.."
build=$1
model=${2-models/starter-chat.gguf}

threads=$(nproc)
for t in 1 "$threads"; do
    "$build/bench/bench_kernels" -t "$t"
    "$build/hence" bench -m "$model" -p 512 -n 128 -t "$t"
    [ "$threads" -gt 1 ] || break
done
