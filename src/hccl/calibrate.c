/* calibrate.c - what copies, sums and hand-overs cost here; see simulate.h. */
#include "hccl/combine.h"
#include "hccl/simulate.h"

#include "base/thread.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20, ROUNDS = 9, PINGS = 500, SPINS = 4000 };

typedef struct side {
    struct test *test;
    int index;
    char *in, *out;
    double copied_byte_s[ACN_RATES], reduced_byte_s[ACN_RATES];
} side;

typedef struct test {
    _Atomic uint32_t words[2][16]; /* each on its line */
    side sides[2];
    double handover_s;
} test;

/* Both have come here as often. */
static void meet(test *t, int index) {
    uint32_t mine = atomic_fetch_add(&t->words[index][0], 1) + 1;
    for (int i = 0; (int32_t)(atomic_load(&t->words[!index][0]) - mine) < 0; i++) {
        if (i < SPINS)
            acn_pause();
        else
            sched_yield();
    }
}

static double least(double a, double b) { return a == 0 || b < a ? b : a; }

/* Each on a CPU of its own, if there are two; they may be moved on from there. */
static void part(int index) {
    cpu_set_t allowed, chosen;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    CPU_ZERO(&chosen);
    for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && seen++ == index) CPU_SET(cpu, &chosen);
    if (sched_setaffinity(0, sizeof chosen, &chosen) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
}

/* Each meeting is one hand-over; the least, since others may use the CPUs. */
static void measure_handover(side *s) {
    for (int round = 0; round < 4 * ROUNDS; round++) {
        part(s->index);
        int64_t begun_ns = acn_clock_ns();
        for (int i = 0; i < PINGS; i++)
            meet(s->test, s->index);
        double each_s = (double)(acn_clock_ns() - begun_ns) * 1e-9 / PINGS;
        if (s->index == 0) s->test->handover_s = least(s->test->handover_s, each_s);
    }
}

/* Each from the other's memory to its own, at the same time. */
static void measure_work(side *s, int rate, size_t bytes) {
    const char *from = s->test->sides[!s->index].in;
    int calls = bytes < 1 << 20 ? (int)((1 << 20) / bytes) : 1;
    for (int round = 0; round < ROUNDS; round++) {
        meet(s->test, s->index);
        int64_t begun_ns = acn_clock_ns();
        for (int i = 0; i < calls; i++)
            memcpy(s->out, from, bytes);
        int64_t copied_ns = acn_clock_ns();
        for (int i = 0; i < calls; i++)
            acn_combine(ACN_COMBINE_SUM, ACN_F32, s->out, s->in, from, bytes / sizeof(float));
        int64_t reduced_ns = acn_clock_ns();
        double scale = 1e-9 / ((double)bytes * calls);
        s->copied_byte_s[rate] =
            least(s->copied_byte_s[rate], (double)(copied_ns - begun_ns) * scale);
        s->reduced_byte_s[rate] =
            least(s->reduced_byte_s[rate], (double)(reduced_ns - copied_ns) * scale);
    }
}

static void *measure(void *data) {
    side *s = data;
    part(s->index);
    memset(s->in, 0, MOST_BYTES);
    memset(s->out, 0, MOST_BYTES);
    measure_handover(s);
    for (int rate = 0; rate < ACN_RATES; rate++)
        measure_work(s, rate, (size_t)1024 << 2 * rate);
    return NULL;
}

static acn_status run(test *t) {
    pthread_t other;
    for (int i = 0; i < 2; i++) {
        side *s = &t->sides[i];
        s->test = t;
        s->index = i;
        s->in = aligned_alloc(4096, MOST_BYTES);
        s->out = aligned_alloc(4096, MOST_BYTES);
        if (s->in == NULL || s->out == NULL)
            return acn_fail(ACN_BAD_ALLOC, "no memory to measure this machine");
    }
    if (pthread_create(&other, NULL, measure, &t->sides[1]) != 0)
        return acn_fail(ACN_BAD_ALLOC, "no thread to measure this machine");
    measure(&t->sides[0]);
    pthread_join(other, NULL);
    return ACN_OK;
}

acn_status acn_machine_calibrate(acn_machine *machine) {
    test *t = calloc(1, sizeof *t);
    if (t == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory to measure this machine");
    acn_status status = run(t);
    for (int i = 0; status == ACN_OK && i < ACN_RATES; i++) {
        const side *a = &t->sides[0], *b = &t->sides[1];
        machine->copied_byte_s[i] = (a->copied_byte_s[i] + b->copied_byte_s[i]) / 2;
        machine->reduced_byte_s[i] = (a->reduced_byte_s[i] + b->reduced_byte_s[i]) / 2;
    }
    if (status == ACN_OK) machine->handover_s = t->handover_s;
    for (int i = 0; i < 2; i++) {
        free(t->sides[i].in);
        free(t->sides[i].out);
    }
    free(t);
    return status;
}
