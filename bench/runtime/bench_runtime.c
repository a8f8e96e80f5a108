/* bench_runtime.c - what the runtime adds: calls in nanoseconds, hand-over to a stream's thread
 * against a bare futex ping-pong, copies against the best plain copy. Ratios are ours / plain; at
 * or below 1.00 ours is no slower. */
#include "acl/acl.h"
#include "base/pool.h"
#include "base/slab.h"
#include "base/thread.h"
#include "runtime/context.h"
#include "runtime/stream.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 21, CALLS = 2000, MAX_PINGS = 400 };

static void must(int code, const char *what) {
    if (code == 0) return;
    const char *text = aclGetRecentErrMsg();
    fprintf(stderr, "%s answered %d: %s\n", what, code, text != NULL ? text : "");
    exit(1);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

/* Nanoseconds of one call of |run|, which makes |calls|. */
static double time_calls(void (*run)(void *), void *data, int calls) {
    double times[ROUNDS];
    run(data);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = acn_clock_ns();
        run(data);
        times[i] = (double)(acn_clock_ns() - start) / calls;
    }
    return median(times, ROUNDS);
}

static aclrtStream stream;
static aclrtEvent event, timed;
static acn_slab slab = ACN_SLAB("bench", 64, 1024);

static void record(void *data) {
    for (int i = 0; i < CALLS; i++)
        aclrtRecordEvent(event, stream);
}

static void record_timed(void *data) {
    for (int i = 0; i < CALLS; i++)
        aclrtRecordEvent(timed, stream);
}

static void wait_done(void *data) {
    for (int i = 0; i < CALLS; i++)
        aclrtStreamWaitEvent(NULL, event);
}

static void synchronize(void *data) {
    for (int i = 0; i < CALLS; i++)
        aclrtSynchronizeStream(stream);
}

static void set_device(void *data) {
    for (int i = 0; i < CALLS; i++)
        aclrtSetDevice(0);
}

static void slab_pair(void *data) {
    for (int i = 0; i < CALLS; i++) {
        void *object = acn_slab_alloc(&slab);
        __asm__ volatile("" : : "r"(object) : "memory");
        acn_slab_free(&slab, object);
    }
}

static void malloc_small(void *data) {
    void *blocks[16];
    for (int i = 0; i < CALLS / 16; i++) {
        for (int j = 0; j < 16; j++)
            aclrtMallocAlign32(&blocks[j], 512u << (j & 3), 0);
        for (int j = 0; j < 16; j++)
            aclrtFree(blocks[j]);
    }
}

static void memset_small(void *data) {
    for (int i = 0; i < CALLS; i++)
        aclrtMemsetAsync(data, 64, 0, 64, stream);
}

static void no_chunk(void *context, int64_t chunk, int worker) {}

static void pool_run(void *data) {
    for (int i = 0; i < CALLS; i++)
        acn_pool_run(2, no_chunk, NULL);
}

static void bench_calls(void) {
    void *memory;
    must(aclrtMalloc(&memory, 4096, 0), "aclrtMalloc");
    const struct {
        const char *name;
        void (*run)(void *);
        double limit_ns;
    } rows[] = {
        {"slab alloc + free", slab_pair, 20},
        {"aclrtRecordEvent", record, 1000},
        {"aclrtRecordEvent with time", record_timed, 1000},
        {"aclrtStreamWaitEvent (reached)", wait_done, 1000},
        {"aclrtSynchronizeStream (idle)", synchronize, 1000},
        {"aclrtSetDevice (again)", set_device, 200},
        {"aclrtMalloc + aclrtFree, small", malloc_small, 500},
        {"aclrtMemsetAsync of 64 bytes", memset_small, 1000},
        {"acn_pool_run of two empty chunks", pool_run, 0},
    };
    printf("%-36s %10s %10s\n", "call", "ns", "limit");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double ns = time_calls(rows[i].run, memory, CALLS);
        printf("%-36s %10.1f ", rows[i].name, ns);
        if (rows[i].limit_ns > 0)
            printf("%10.0f%s\n", rows[i].limit_ns, ns > rows[i].limit_ns ? "  over" : "");
        else
            printf("%10s\n", "-");
    }
    must(aclrtFree(memory), "aclrtFree");
}

/* Hand-over: to another thread and back. */

typedef struct pair {
    _Atomic uint32_t ping __attribute__((aligned(64)));
    _Atomic uint32_t pong __attribute__((aligned(64)));
    int spin;
} pair;

static void await_word(_Atomic uint32_t *word, uint32_t seen, int spin) {
    for (int i = 0; i < spin; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen) return;
        acn_pause();
    }
    while (atomic_load_explicit(word, memory_order_acquire) == seen)
        acn_futex_wait(word, seen, -1);
}

static void *answer(void *data) {
    pair *p = data;
    for (uint32_t seen = 0;; seen++) {
        await_word(&p->ping, seen, p->spin);
        atomic_store(&p->pong, seen + 1);
        acn_futex_wake(&p->pong, 1);
    }
    return NULL;
}

static acn_status nothing(void *data) { return ACN_OK; }

/* With |pause_us| between, both sides have fallen asleep. */
static double ping_plain(pair *p, int pings, int pause_us) {
    double times[MAX_PINGS];
    for (int i = 0; i < pings; i++) {
        if (pause_us != 0) usleep((useconds_t)pause_us);
        int64_t start = acn_clock_ns();
        uint32_t seen = atomic_load(&p->pong);
        atomic_fetch_add(&p->ping, 1);
        acn_futex_wake(&p->ping, 1);
        await_word(&p->pong, seen, p->spin);
        times[i] = (double)(acn_clock_ns() - start);
    }
    return median(times, pings);
}

static double ping_stream(int pings, int pause_us) {
    double times[MAX_PINGS];
    acn_task task = {.run = nothing, .flags = ACN_TASK_CAN_BLOCK, .name = "ping"};
    for (int i = 0; i < pings; i++) {
        if (pause_us != 0) usleep((useconds_t)pause_us);
        int64_t start = acn_clock_ns();
        acn_stream_submit(stream, &task);
        acn_stream_synchronize(stream, -1);
        times[i] = (double)(acn_clock_ns() - start);
    }
    return median(times, pings);
}

static void bench_hand_over(void) {
    static pair spinning = {.spin = 600}, sleeping = {.spin = 0};
    pthread_t thread;
    pthread_create(&thread, NULL, answer, &spinning);
    pthread_create(&thread, NULL, answer, &sleeping);
    printf("\n%-36s %10s %10s %10s\n", "hand-over and back", "ours us", "futex us", "ratio");
    const struct {
        const char *name;
        pair *plain;
        int pings, pause_us;
    } rows[] = {
        {"other side awake", &spinning, MAX_PINGS, 0},
        {"other side asleep", &sleeping, 100, 2000},
    };
    for (size_t i = 0; i < 2; i++) {
        double plain_us[ROUNDS], ours_us[ROUNDS];
        for (int r = 0; r < ROUNDS; r++) { /* in turns: a machine's sleep is now deep, now light */
            plain_us[r] = ping_plain(rows[i].plain, rows[i].pings, rows[i].pause_us) / 1000;
            ours_us[r] = ping_stream(rows[i].pings, rows[i].pause_us) / 1000;
        }
        double plain = median(plain_us, ROUNDS), ours = median(ours_us, ROUNDS);
        printf("%-36s %10.2f %10.2f %10.2f\n", rows[i].name, ours, plain, ours / plain);
    }
}

/* Copies. */

typedef struct copy {
    void *to, *from;
    size_t bytes;
} copy;

static void copy_ours(void *data) {
    const copy *c = data;
    aclrtMemcpy(c->to, c->bytes, c->from, c->bytes, ACL_MEMCPY_DEVICE_TO_DEVICE);
}

static void copy_libc(void *data) {
    const copy *c = data;
    memcpy(c->to, c->from, c->bytes);
}

static void *half_copy(void *data) {
    copy_libc(data);
    return NULL;
}

/* Two threads, the best that a client could do on two cores without a pool. */
static void copy_two(void *data) {
    copy c = *(const copy *)data, upper = c;
    pthread_t thread;
    c.bytes /= 2;
    upper.to = (char *)upper.to + c.bytes;
    upper.from = (char *)upper.from + c.bytes;
    upper.bytes -= c.bytes;
    pthread_create(&thread, NULL, half_copy, &upper);
    copy_libc(&c);
    pthread_join(thread, NULL);
}

/* The rivals take turns, so that a busy machine hurts all alike. */
static void bench_copy(const copy *c) {
    void (*const rivals[])(void *) = {copy_ours, copy_libc, copy_two};
    double times[3][ROUNDS], rate[3];
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < 3; i++) {
            int64_t start = acn_clock_ns();
            rivals[i]((void *)c);
            times[i][round] = (double)(acn_clock_ns() - start);
        }
    for (int i = 0; i < 3; i++)
        rate[i] = (double)c->bytes / median(times[i], ROUNDS);
    double best = rate[1] > rate[2] ? rate[1] : rate[2];
    printf("%-36zu %10.2f %10.2f %10.2f %10.2f\n", c->bytes, rate[0], rate[1], rate[2],
           best / rate[0]);
}

static void bench_copies(void) {
    static const size_t sizes[] = {4 << 10, 64 << 10, 1 << 20, 16 << 20, 64 << 20, 256 << 20};
    printf("\n%-36s %10s %10s %10s %10s\n", "aclrtMemcpy, bytes", "ours GB/s", "memcpy",
           "2 threads", "ratio");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        copy c = {.bytes = sizes[i]};
        must(aclrtMalloc(&c.to, c.bytes, 0), "aclrtMalloc");
        must(aclrtMalloc(&c.from, c.bytes, 0), "aclrtMalloc");
        memset(c.from, 1, c.bytes);
        memset(c.to, 2, c.bytes);
        bench_copy(&c);
        aclrtFree(c.to);
        aclrtFree(c.from);
    }
}

int main(void) {
    must(aclInit(NULL), "aclInit");
    must(aclrtSetDevice(0), "aclrtSetDevice");
    must(aclrtCreateStream(&stream), "aclrtCreateStream");
    must(aclrtCreateEventExWithFlag(&event, ACL_EVENT_SYNC), "aclrtCreateEventExWithFlag");
    must(aclrtCreateEventExWithFlag(&timed, ACL_EVENT_SYNC | ACL_EVENT_TIME_LINE), "event");
    must(aclrtRecordEvent(event, stream), "aclrtRecordEvent");
    bench_calls();
    bench_hand_over();
    bench_copies();
    return 0;
}
