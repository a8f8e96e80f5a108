/* The pool of kernel threads: every chunk once, any number of threads, nested, concurrent, forked.
 */
#include "unit.h"

#include "base/pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNKS = 1000 };

typedef struct job {
    atomic_int done[CHUNKS];
    atomic_int worst_worker;
} job;

static void count(void *context, int64_t chunk, int worker) {
    job *j = context;
    atomic_fetch_add(&j->done[chunk], 1);
    int worst = atomic_load(&j->worst_worker);
    while (worker > worst && !atomic_compare_exchange_weak(&j->worst_worker, &worst, worker)) {
    }
}

static void *run_jobs(void *argument) {
    for (int round = 0; round < 200; round++) {
        job j = {0};
        acn_pool_run(1 + round * 5 % CHUNKS, count, &j);
        for (int i = 0; i < 1 + round * 5 % CHUNKS; i++)
            if (j.done[i] != 1) return (void *)1;
        if (j.worst_worker >= 8) return (void *)2;
    }
    return NULL;
}

static void every_chunk_runs_once(void **state) {
    static const int sizes[] = {1, 2, 4, 8, 3};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        acn_pool_set_size(sizes[i]);
        assert_int_equal(acn_pool_size(), sizes[i]);
        assert_null(run_jobs(NULL));
    }
    acn_pool_run(0, count, NULL);
}

static void nest(void *context, int64_t chunk, int worker) {
    job j = {0};
    acn_pool_run(100, count, &j);
    for (int i = 0; i < 100; i++)
        if (j.done[i] != 1) return;
    atomic_fetch_add((atomic_int *)context, 1);
}

static void nested_jobs_run(void **state) {
    acn_pool_set_size(4);
    atomic_int good = 0;
    acn_pool_run(50, nest, &good);
    assert_int_equal(good, 50);
}

static void several_callers_at_once(void **state) {
    acn_pool_set_size(4);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_create(&threads[i], NULL, run_jobs, NULL);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

static void a_child_of_fork_has_a_pool_too(void **state) {
#ifdef __SANITIZE_THREAD__
    skip(); /* the sanitizer ends a child of a threaded process that makes threads */
#endif
    acn_pool_set_size(4);
    assert_null(run_jobs(NULL));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(run_jobs(NULL) != NULL);
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_null(run_jobs(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_runs_once),
        cmocka_unit_test(nested_jobs_run),
        cmocka_unit_test(several_callers_at_once),
        cmocka_unit_test(a_child_of_fork_has_a_pool_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
