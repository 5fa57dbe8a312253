/* NEON with dot products of four bytes (ARMv8.2, FEAT_DotProd) */
#define VECTOR_DOT
#define KERNEL ac_kernel_neondot
#include "kernels/neon.c"
