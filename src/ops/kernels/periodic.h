/* periodic.h - micro-ops of periodic functions: a formula for arguments up to a limit; larger ones
 * need many more bits of pi and go through the C library, one by one. Private to this folder. */
#ifndef ACN_OPS_KERNELS_PERIODIC_H
#define ACN_OPS_KERNELS_PERIODIC_H

#include "ops/kernels/loops.h"
#include <math.h>
#include <string.h>

enum { PERIODIC_BLOCK = 256 };

#define ACN_MICRO_PERIODIC(klass, name, type, limit, exact, value)                                 \
    void ACN_KERNEL(klass##_##name)(void *d_, const void *a_, const void *b_, const void *c_,      \
                                    int64_t n) {                                                   \
        type *d = d_, copy[PERIODIC_BLOCK];                                                        \
        const type *a = a_;                                                                        \
        for (; n > 0; n -= PERIODIC_BLOCK, d += PERIODIC_BLOCK, a += PERIODIC_BLOCK) {             \
            int64_t m = n < PERIODIC_BLOCK ? n : PERIODIC_BLOCK;                                   \
            int is_large = 0;                                                                      \
            for (int64_t i = 0; i < m; i++)                                                        \
                is_large |= fabs(a[i]) > limit;                                                    \
            if (is_large) memcpy(copy, a, (size_t)m * sizeof(type)); /* d may be a */              \
            ACN_LOOP(i, m) {                                                                       \
                type x = a[i];                                                                     \
                d[i] = (value);                                                                    \
            }                                                                                      \
            for (int64_t i = 0; is_large && i < m; i++)                                            \
                if (fabs(copy[i]) > limit) d[i] = exact(copy[i]);                                  \
        }                                                                                          \
    }

#endif
