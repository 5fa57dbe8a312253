/* For files whose loops choose between floats: gcc then computes both ways in vectors, which it does not where an operation could trap. Results are the same. To be
 * included behind all other headers. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif
