#!/bin/sh
# Builds the native library for another processor and lets an emulator decode and encode the golden tiles there:
#   cross.sh COMPILER EMULATOR BUILD_FOLDER MODEL TILE [MODEL TILE ...]
# e.g. cross.sh s390x-linux-gnu-gcc qemu-s390x build/s390x gentle sky
set -eu
compiler=$1 emulator=$2 build=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
native=$here/../../../astrocodec/native
mkdir -p "$build"

# The HDF5 plugin looks for a host library, which a static program cannot; it decodes nothing itself.
sources=
for source in "$native"/*.c; do
    case $source in
    */hdf5_*.c) ;;
    *) sources="$sources $source" ;;
    esac
done
# shellcheck disable=SC2086
"$compiler" -std=c11 -O2 -Wall -Wextra -Werror -static -I "$native" -o "$build/decode_golden" "$here/decode_golden.c" $sources -lm
"$emulator" "$build/decode_golden" "$here/../../golden" "$@"
