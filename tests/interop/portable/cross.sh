#!/bin/sh
# Builds the native library for another processor, if it is not built yet, and lets an emulator decode and encode golden files there:
#   cross.sh COMPILER EMULATOR BUILD_FOLDER PROGRAM ARGUMENTS, where PROGRAM is decode_golden (MODEL PIECE ...), decode_streams (STREAM ...) or
#   levels (SEED few)
# e.g. cross.sh s390x-linux-gnu-gcc qemu-s390x build/s390x decode_golden gentle sky
set -eu
compiler=$1 emulator=$2 build=$3 program=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
native=$root/astrocodec/native
mkdir -p "$build"
[ -e "$native/shipped_models.h" ] || (cd "$root" && python3 setup.py --version >/dev/null)

# The HDF5 plugin needs a host library and decodes nothing itself.
flags="-std=c11 -O2 -fwrapv -ffp-contract=off -Wall -Wextra -Werror -I $native"
if [ ! -e "$build/complete" ]; then
    for source in "$native"/*.c "$native"/*/*.c; do
        case $source in
        "$native"/hdf5/*) ;;
        # shellcheck disable=SC2086
        *) "$compiler" $flags -c "$source" -o "$build/$(echo "${source#"$native"/}" | tr / _).o" ;;
        esac
    done
    touch "$build/complete"
fi
tests=$root/tests/native
if [ "$program" = levels ]; then
    sources="$tests/levels.c $tests/oracle.c"
else
    sources=$here/$program.c
    set -- "$here/../../golden" "$@"
fi
# shellcheck disable=SC2086
[ -x "$build/$program" ] || "$compiler" $flags -static -I "$tests" -o "$build/$program" $sources "$build"/*.o -lm
# shellcheck disable=SC2086
$emulator "$build/$program" "$@"
