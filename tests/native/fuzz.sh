#!/bin/sh
# Decodes damaged streams under AddressSanitizer and UndefinedBehaviorSanitizer.
# Usage: tests/native/fuzz.sh [seconds] [seed]; CC chooses the compiler (default clang).
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-clang}" -std=c11 -D_GNU_SOURCE -O1 -g -fwrapv -fsanitize=address,undefined -fno-sanitize-recover=all \
    -I astrocodec/native -I tests/native tests/native/fuzz.c tests/native/oracle.c astrocodec/native/*.c -lm -o "$work/fuzz"
"$work/fuzz" "${1:-60}" "${2:-$(date +%s)}"
