/* Loops that gain by AVX2 are built twice: WIDE_VECTORS marks the second one, which HAS_WIDE_VECTORS allows. A vector has so many doubles: gcc compares those that the
 * processor has not one by one. */
#ifndef AC_WIDE_VECTORS_H
#define AC_WIDE_VECTORS_H

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE_VECTORS __attribute__((target("avx2")))
#define AC_WIDE_DOUBLES 4
#define HAS_WIDE_VECTORS __builtin_cpu_supports("avx2")
#else
#define AC_WIDE_DOUBLES 2
#define WIDE_VECTORS
#define HAS_WIDE_VECTORS 0
#endif

#endif
