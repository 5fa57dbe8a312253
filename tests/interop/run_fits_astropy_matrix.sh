#!/bin/sh
# Runs the FITS tests against several releases of astropy, each in its own throw-away environment.
# Usage: tests/interop/run_fits_astropy_matrix.sh [VERSION...]     (default: 7.0.2 7.2.0 8.0.2)
# PYTHON names the interpreter (default python3), PYTEST_ARGS further arguments for pytest.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for version in "${@:-7.0.2 7.2.0 8.0.2}"; do
    for release in $version; do
        "${PYTHON:-python3}" -m venv "$work/$release"
        # astropy 7.0 uses names that NumPy 2.4 no longer has.
        case $release in 7.0.*) numpy='numpy<2.4' ;; *) numpy=numpy ;; esac
        "$work/$release/bin/pip" install --quiet "astropy==$release" "$numpy" pytest pytest-xdist hypothesis fitsio click rich
        echo "astropy $release"
        (cd "$root" && "$work/$release/bin/python" -m pytest -q -p no:cacheprovider ${PYTEST_ARGS:-} \
            tests/unit/test_fits_*.py tests/interop/test_fits_*.py tests/e2e/test_fits_*.py) || status=1
    done
done
exit "$status"
