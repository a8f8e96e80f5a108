/* pool.c - see pool.h.
 *
 * One word, |gate|, holds the generation of the current job, whether it is open to join, and how
 * many workers are inside. A worker touches a job's fields only while it is counted inside, so the
 * caller returns as soon as all chunks are done and nobody is inside: a worker that is still
 * waking up is not waited for, which matters because a wake-up costs more than many a job.
 */
#include "base/pool.h"

#include "base/env.h"
#include "base/thread.h"
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 1024, SPIN_ROUNDS = 400 };

#define GATE_OPEN   0x10000u
#define GATE_INSIDE 0x0ffffu
/* The generation is in the upper 32 bits. */

/* What a job needs is on one line, which a waiting worker fetches once. */
static struct {
    _Atomic uint64_t gate __attribute__((aligned(64)));
    acn_chunk_fn run;
    void *context;
    int64_t chunks;
    int job_threads;
    _Atomic uint32_t bell; /* futex word: rung once for each job */
    atomic_int sleepers;
    atomic_flag busy __attribute__((aligned(64)));
    int started; /* threads made, guarded by |busy| */
    atomic_int wanted;
    _Atomic uint32_t done; /* futex word for a caller that waits for the last worker */
} pool = {.busy = ATOMIC_FLAG_INIT};

/* The chunks of a job in as many equal parts as it has threads. Each thread claims its own part
 * first and then helps with the others': a job over the same data then finds in each core's cache
 * what the last one left there. */
static struct part { _Atomic int64_t next __attribute__((aligned(64))); } parts[MAX_THREADS];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool inside_job;

/* cpu.max of this process's cgroup and its parents: "max 100000" or "200000 100000". */
static int cgroup_cpus(void) {
    char line[512], path[640] = "";
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) return INT_MAX;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, sizeof path, "/sys/fs/cgroup%s", strcmp(line + 3, "/") ? line + 3 : "");
        }
    fclose(file);
    int cpus = INT_MAX;
    while (strlen(path) >= strlen("/sys/fs/cgroup")) {
        char name[700];
        snprintf(name, sizeof name, "%s/cpu.max", path);
        long long quota, period;
        if ((file = fopen(name, "re")) != NULL) {
            if (fscanf(file, "%lld %lld", &quota, &period) == 2 && period > 0 && quota > 0) {
                long long allowed = (quota + period - 1) / period;
                if (allowed < cpus) cpus = (int)allowed;
            }
            fclose(file);
        }
        *strrchr(path, '/') = '\0';
    }
    return cpus;
}

static int affinity_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than cpu_set_t can hold */
    return online > 0 ? (int)online : 1;
}

static int default_size(void) {
    int64_t asked = acn_env_int(ACN_ENV_THREADS);
    if (asked <= 0) asked = strtol(acn_env_text(ACN_ENV_OMP_THREADS), NULL, 10);
    if (asked > 0) return asked < MAX_THREADS ? (int)asked : MAX_THREADS;
    int cpus = affinity_cpus(), quota = cgroup_cpus();
    if (quota < cpus) cpus = quota;
    return cpus < 1 ? 1 : cpus < MAX_THREADS ? cpus : MAX_THREADS;
}

/* The child has none of the threads and may be in the middle of a job of the parent's. */
static void on_fork_child(void) {
    atomic_store(&pool.gate, 0);
    atomic_store(&pool.sleepers, 0);
    atomic_flag_clear(&pool.busy);
    pool.started = 0;
    inside_job = false;
}

static void initialize(void) {
    int none = 0; /* a size asked for by acn_pool_set_size stays */
    atomic_compare_exchange_strong(&pool.wanted, &none, default_size());
    pthread_atfork(NULL, NULL, on_fork_child);
}

int acn_pool_size(void) {
    pthread_once(&once, initialize);
    return atomic_load_explicit(&pool.wanted, memory_order_relaxed);
}

void acn_pool_set_size(int threads) {
    pthread_once(&once, initialize);
    atomic_store(&pool.wanted, threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads);
}

static int64_t part_begin(int64_t chunks, int part, int threads) { return chunks * part / threads; }

static void work(int worker) {
    acn_chunk_fn run = pool.run;
    void *context = pool.context;
    int64_t chunks = pool.chunks;
    int threads = pool.job_threads;
    for (int i = 0, at = worker; i < threads; i++, at = at + 1 < threads ? at + 1 : 0) {
        _Atomic int64_t *next = &parts[at].next;
        int64_t end = part_begin(chunks, at + 1, threads), chunk;
        if (atomic_load_explicit(next, memory_order_relaxed) >= end) continue;
        while ((chunk = atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < end)
            run(context, chunk, worker);
    }
}

static bool enter(int worker) {
    uint64_t gate = atomic_load_explicit(&pool.gate, memory_order_relaxed);
    while ((gate & GATE_OPEN) != 0)
        if (atomic_compare_exchange_weak_explicit(&pool.gate, &gate, gate + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

static void leave(void) {
    uint64_t before = atomic_fetch_sub_explicit(&pool.gate, 1, memory_order_release);
    if ((before & (GATE_OPEN | GATE_INSIDE)) == 1) { /* closed, and the last one */
        atomic_fetch_add_explicit(&pool.done, 1, memory_order_release);
        acn_futex_wake(&pool.done, 1);
    }
}

/* Spins a little, then sleeps, until the bell no longer says |heard|. */
static uint32_t listen_for_bell(uint32_t heard) {
    uint32_t bell = heard;
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if ((bell = atomic_load_explicit(&pool.bell, memory_order_acquire)) != heard) return bell;
        acn_pause();
    }
    atomic_fetch_add(&pool.sleepers, 1);
    while ((bell = atomic_load(&pool.bell)) == heard)
        acn_futex_wait(&pool.bell, heard, -1);
    atomic_fetch_sub(&pool.sleepers, 1);
    return bell;
}

static void *worker_main(void *argument) {
    int worker = (int)(intptr_t)argument;
    inside_job = true; /* what a chunk starts runs on this thread alone */
    for (uint32_t heard = 0;;) {
        if (enter(worker)) {
            if (worker < pool.job_threads) work(worker);
            leave();
        }
        heard = listen_for_bell(heard);
    }
    return NULL;
}

static void start_threads(int wanted) {
    while (pool.started < wanted - 1) {
        void *worker = (void *)(intptr_t)(pool.started + 1);
        if (!acn_thread_start("acn-kernel", worker_main, worker)) break;
        pool.started++;
    }
}

static void wait_until_empty(void) {
    for (int round = 0;; round++) {
        uint32_t done = atomic_load_explicit(&pool.done, memory_order_acquire);
        uint64_t gate = atomic_load_explicit(&pool.gate, memory_order_acquire);
        if ((gate & GATE_INSIDE) == 0) return;
        if (round < SPIN_ROUNDS)
            acn_pause();
        else
            acn_futex_wait(&pool.done, done, -1);
    }
}

static void run_alone(int64_t chunks, acn_chunk_fn run, void *context) {
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        run(context, chunk, 0);
}

void acn_pool_run(int64_t chunks, acn_chunk_fn run, void *context) {
    int threads = chunks > 1 && !inside_job ? acn_pool_size() : 1;
    if (threads == 1 || atomic_flag_test_and_set_explicit(&pool.busy, memory_order_acquire)) {
        run_alone(chunks, run, context);
        return;
    }
    start_threads(threads);
    inside_job = true;
    pool.run = run;
    pool.context = context;
    pool.chunks = chunks;
    pool.job_threads = threads;
    for (int i = 0; i < threads; i++)
        atomic_store_explicit(&parts[i].next, part_begin(chunks, i, threads), memory_order_relaxed);
    uint64_t generation = atomic_load_explicit(&pool.gate, memory_order_relaxed) >> 32;
    atomic_store_explicit(&pool.gate, (generation + 1) << 32 | GATE_OPEN, memory_order_release);
    atomic_fetch_add(&pool.bell, 1);
    int64_t helpers = chunks - 1 < threads - 1 ? chunks - 1 : threads - 1;
    if (atomic_load(&pool.sleepers) > 0) acn_futex_wake(&pool.bell, (int)helpers);
    work(0);
    atomic_fetch_and_explicit(&pool.gate, ~(uint64_t)GATE_OPEN, memory_order_relaxed);
    wait_until_empty();
    inside_job = false;
    atomic_flag_clear_explicit(&pool.busy, memory_order_release);
}
