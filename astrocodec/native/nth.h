/* Selection: one of some numbers by its place among them in order (Hoare 1961, Commun. ACM 4, 321). */
#ifndef AC_NTH_H
#define AC_NTH_H

#include <stddef.h>

/* The one that n smaller or equal ones would precede, were they in order; they are moved. */
static inline double ac_nth(double *v, size_t count, size_t n)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        const double pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i >= j) break;
            const double held = v[i];
            v[i++] = v[j], v[j--] = held;
        }
        if (n <= j) high = j; else low = j + 1;
    }
    return v[n];
}

#endif
