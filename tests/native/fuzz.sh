#!/bin/sh
# Decodes damaged pieces, streams and HDF5 chunks, and encodes any array within any bound, under AddressSanitizer and UndefinedBehaviorSanitizer.
# Usage: tests/native/fuzz.sh [seconds of each] [seed]; CC chooses the compiler (default clang).
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e astrocodec/native/shipped_models.h ] && [ -e astrocodec/native/visibility/mixing_weights.h ] || python3 setup.py --version >/dev/null
sources=$(ls astrocodec/native/*.c astrocodec/native/*/*.c)
build() {
    # shellcheck disable=SC2086
    "${CC:-clang}" -std=c11 -D_GNU_SOURCE -O1 -g -fwrapv -ffp-contract=off -fsanitize=address,undefined -fno-sanitize-recover=all \
        -I astrocodec/native -I tests/native "$@" $sources -lm
}
build tests/native/fuzz.c tests/native/oracle.c -o "$work/pieces"
build tests/native/fuzz_streams.c -o "$work/streams"
build tests/native/fuzz_bounds.c -o "$work/bounds"
build tests/native/fuzz_visibilities.c -o "$work/visibilities"
build tests/native/fuzz_chunks.c -lpthread -o "$work/chunks"
"$work/pieces" "${1:-60}" "${2:-$(date +%s)}"
"$work/streams" "${1:-60}" "${2:-$(date +%s)}"
"$work/bounds" "${1:-60}" "${2:-$(date +%s)}"
"$work/visibilities" "${1:-60}" "${2:-$(date +%s)}"
"$work/chunks" "${1:-60}" "${2:-$(date +%s)}"
