#!/bin/sh
# Builds the native library for another processor, if it is not built yet, and lets an emulator decode and encode golden files there:
#   cross.sh COMPILER EMULATOR BUILD_FOLDER PROGRAM ARGUMENTS, where PROGRAM is decode_golden (MODEL PIECE ...), decode_streams (STREAM ...),
#   code_chunks, code_bounds or levels (SEED few)
# e.g. cross.sh s390x-linux-gnu-gcc qemu-s390x build/s390x decode_golden gentle sky
set -eu
compiler=$1 emulator=$2 build=$3 program=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
native=$root/astrocodec/native
mkdir -p "$build"
[ -e "$native/shipped_models.h" ] && [ -e "$native/visibility/mixing_weights.h" ] || (cd "$root" && python3 setup.py --version >/dev/null)

# What looks for a host's HDF5 library is left out, and what fits a model, which none of the programs does, is compiled the quick way (not on
# s390x, where floats are doubles between operations until optimised).
flags="-std=c11 -D_GNU_SOURCE -O2 -fwrapv -ffp-contract=off -Wall -Wextra -Werror -I $native"
if [ ! -e "$build/complete" ]; then
    for source in "$native"/*.c "$native"/*/*.c; do
        level=
        case $compiler:$source in
        *:"$native"/hdf5/plugin.c | *:"$native"/hdf5/host.c | *:"$native"/hdf5/geometry.c) continue ;;
        s390x-*) ;;
        *:"$native"/tuning/*) level=-O0 ;;
        esac
        # shellcheck disable=SC2086
        "$compiler" $flags $level -c "$source" -o "$build/$(echo "${source#"$native"/}" | tr / _).o"
    done
    touch "$build/complete"
fi
tests=$root/tests/native
case $program in
levels) sources="$tests/levels.c $tests/oracle.c" ;;
code_chunks | code_bounds) sources=$here/$program.c ;;
*)
    sources=$here/$program.c
    set -- "$here/../../golden" "$@"
    ;;
esac
# shellcheck disable=SC2086
[ -x "$build/$program" ] || "$compiler" $flags -static -I "$tests" -o "$build/$program" $sources "$build"/*.o -lm
# shellcheck disable=SC2086
$emulator "$build/$program" "$@"
