/* Loops that gain by AVX2 are built twice: WIDE_VECTORS marks the second one, which HAS_WIDE_VECTORS allows. A vector has so many doubles: gcc compares those that the
 * processor has not one by one. Those that gain by AVX-512 too are built thrice: LOOPS_OF_AVX512 marks the third one, which HAS_AVX512 allows, as it does what is written for that. */
#ifndef AC_WIDE_VECTORS_H
#define AC_WIDE_VECTORS_H

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE_VECTORS __attribute__((target("avx2")))
#define AC_WIDE_DOUBLES 4
#define HAS_WIDE_VECTORS __builtin_cpu_supports("avx2")
#define FOR_AVX512 "avx2,avx512f,avx512bw,avx512dq,avx512vl"
#define HAS_AVX512 (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
#define AVX512 __attribute__((target(FOR_AVX512)))
#if defined(__clang__)
#define LOOPS_OF_AVX512 __attribute__((target(FOR_AVX512)))
#else
#define LOOPS_OF_AVX512 __attribute__((target(FOR_AVX512 ",prefer-vector-width=512")))
#endif
#else
#define AC_WIDE_DOUBLES 2
#define WIDE_VECTORS
#define HAS_WIDE_VECTORS 0
#define LOOPS_OF_AVX512
#define AVX512
#define HAS_AVX512 0
#endif

#endif
