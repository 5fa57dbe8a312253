/* Eighths of an octave: 2^(52 + i/8), rounded. docs/format.md section "Steps of visibilities". */
#ifndef AC_VISIBILITY_EIGHTHS_H
#define AC_VISIBILITY_EIGHTHS_H

static const double ac_eighths[8] = {4503599627370496.0, 4911210218475899.0, 5355712719992597.0, 5840446135085607.0, 6369051672525773.0, 6945500098633947.0, 7574121564787629.0, 8259638134547591.0};

#endif
