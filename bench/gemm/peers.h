/* peers.h - the libraries that bench_gemm compares: C (m, n) = A (m, k) * B (k, n), f32, row-major,
 * contiguous. */
#ifndef ACN_BENCH_PEERS_H
#define ACN_BENCH_PEERS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct peer {
    /* |file|: the library, or NULL for its usual names. False: absent. */
    bool (*open)(const char *file);
    /* Everything that a caller would do once for a shape. */
    void (*prepare)(int64_t m, int64_t n, int64_t k, float *a, float *b, float *c, int threads);
    void (*run)(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c);
} peer;

extern const peer peer_own, peer_openblas, peer_dnnl_sgemm, peer_dnnl_matmul;

#endif
