/* pool.h - the process's one pool of kernel threads.
 *
 * Sized by affinity, cgroup and OMP_NUM_THREADS (ANYCANN_THREADS wins). The caller is worker 0, so
 * with one thread nothing is handed over at all. Each thread begins with its own part of the chunks
 * and then takes what others have left; chunk borders never depend on the number of threads:
 * results are the same for any number.
 */
#ifndef ACN_BASE_POOL_H
#define ACN_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

typedef void (*acn_chunk_fn)(void *context, int64_t chunk, int worker);

/* Runs |run| for every chunk in [0, |chunks|), and returns when all are done. Nested or concurrent
 * calls run on the calling thread alone. |worker| < acn_pool_size(). */
void acn_pool_run(int64_t chunks, acn_chunk_fn run, void *context);
int acn_pool_size(void);
/* For tests and benches; takes effect at the next acn_pool_run. */
void acn_pool_set_size(int threads);

#endif
