/* plan.c - see plan.h. */
#include "hccl/plan.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *acn_collective_name(acn_collective collective) {
    static const char *const names[ACN_COLLECTIVES] = {
        "AllReduce", "AllGather", "ReduceScatter", "Broadcast",
        "Reduce",    "Scatter",   "AlltoAll",      "Barrier",
    };
    return (unsigned)collective < ACN_COLLECTIVES ? names[collective] : "unknown";
}

bool acn_collective_has_root(acn_collective collective) {
    return collective == ACN_BROADCAST || collective == ACN_REDUCE || collective == ACN_SCATTER;
}

bool acn_collective_is_whole(acn_collective collective) {
    return collective == ACN_ALL_REDUCE || collective == ACN_BROADCAST || collective == ACN_REDUCE;
}

static bool is_anothers_buffer(const acn_plan *plan, const acn_place *place) {
    return place->rank != plan->rank && place->buffer != ACN_SCRATCH;
}

static void append(acn_plan *plan, const acn_step *step) {
    if (step->kind == ACN_STEP_COPY || step->kind == ACN_STEP_REDUCE)
        plan->reads_buffers |=
            is_anothers_buffer(plan, &step->a) || is_anothers_buffer(plan, &step->b);
    if (plan->count == plan->room) {
        uint32_t room = plan->room == 0 ? 16 : 2 * plan->room;
        acn_step *steps = realloc(plan->steps, room * sizeof *steps);
        if (steps == NULL) {
            plan->is_short_of_memory = true;
            return;
        }
        plan->steps = steps;
        plan->room = room;
    }
    plan->steps[plan->count++] = *step;
}

void acn_plan_wait(acn_plan *plan, uint32_t rank, uint32_t phase) {
    append(plan, &(acn_step){.kind = ACN_STEP_WAIT, .rank = (uint16_t)rank, .phase = phase});
}

void acn_plan_wait_all(acn_plan *plan, uint32_t phase) {
    for (uint32_t i = 1; i < plan->ranks; i++)
        acn_plan_wait(plan, acn_around(plan, (int64_t)plan->rank + i), phase);
}

void acn_plan_wait_before(acn_plan *plan) {
    plan->alternates = true;
    acn_plan_wait_all(plan, ACN_PHASE_BEFORE);
}

void acn_plan_signal(acn_plan *plan, uint32_t phase) {
    append(plan, &(acn_step){.kind = ACN_STEP_SIGNAL, .phase = phase});
}

void acn_plan_copy(acn_plan *plan, acn_place to, acn_place from, uint32_t blocks) {
    append(plan,
           &(acn_step){.kind = ACN_STEP_COPY, .to = to, .a = from, .b = from, .blocks = blocks});
}

void acn_plan_reduce(acn_plan *plan, acn_place to, acn_place a, acn_place b, uint32_t blocks) {
    append(plan, &(acn_step){.kind = ACN_STEP_REDUCE, .to = to, .a = a, .b = b, .blocks = blocks});
}

const acn_algorithm *acn_algorithm_find(const char *name) {
    ACN_FOR_EACH(algorithm, algorithm) {
        if (strcmp(algorithm->name, name) == 0) return algorithm;
    }
    return NULL;
}

/* What one rank alone does is the same for all algorithms. */
static void plan_alone(acn_plan *plan) {
    if (plan->collective == ACN_BARRIER) return;
    acn_plan_copy(plan, acn_mine(plan, ACN_OUT, 0), acn_mine(plan, ACN_IN, 0), 1);
}

acn_status acn_plan_make(const acn_algorithm *algorithm, acn_collective collective, uint32_t rank,
                         uint32_t ranks, uint32_t root, acn_plan *out) {
    acn_plan plan = {.algorithm = algorithm,
                     .collective = collective,
                     .rank = rank,
                     .ranks = ranks,
                     .root = root,
                     .whole_blocks = 1};
    if (ranks == 1)
        plan_alone(&plan);
    else
        algorithm->plan(&plan);
    if (plan.is_short_of_memory) {
        free(plan.steps);
        return acn_fail(ACN_BAD_ALLOC, "no memory for the steps of %s among %u ranks",
                        acn_collective_name(collective), ranks);
    }
    *out = plan;
    return ACN_OK;
}

void acn_plan_free(acn_plan *plan) {
    free(plan->steps);
    *plan = (acn_plan){0};
}

uint32_t acn_plan_blocks(const acn_plan *plan, acn_buffer buffer) {
    if (buffer == ACN_SCRATCH) return plan->scratch_blocks;
    if (plan->collective == ACN_BARRIER) return 0;
    if (acn_collective_is_whole(plan->collective)) return plan->whole_blocks;
    bool is_one = plan->collective == (buffer == ACN_IN ? ACN_ALL_GATHER : ACN_REDUCE_SCATTER) ||
                  (plan->collective == ACN_SCATTER && buffer == ACN_OUT);
    return is_one ? 1 : plan->ranks;
}

/* Of shared memory: what a core copies and adds, and a hand-over between threads that are awake, or
 * that have to wake one another because there are more of them than CPUs. They only decide where
 * one algorithm takes over from another. */
static const double awake_s = 0.2e-6, woken_s = 4e-6, copied_byte_s = 0.06e-9,
                    reduced_byte_s = 0.08e-9;

static double handover_s(uint32_t ranks) {
    static atomic_long cpus; /* asking takes a while */
    long known = atomic_load_explicit(&cpus, memory_order_relaxed);
    if (known == 0) {
        known = sysconf(_SC_NPROCESSORS_CONF);
        atomic_store_explicit(&cpus, known, memory_order_relaxed);
    }
    return (long)ranks <= known ? awake_s : woken_s;
}

acn_status acn_algorithm_choose(acn_collective collective, uint32_t ranks, uint64_t bytes,
                                const char *wanted, const acn_algorithm **out) {
    const acn_algorithm *best = NULL;
    double best_s = 0;
    ACN_FOR_EACH(algorithm, algorithm) {
        if ((algorithm->collectives >> collective & 1u) == 0) continue;
        if (wanted != NULL && strcmp(algorithm->name, wanted) == 0) return *out = algorithm, ACN_OK;
        acn_terms t = algorithm->terms(collective, ranks);
        double n = (double)bytes;
        double s = t.handovers * handover_s(ranks) +
                   n * (t.copied * copied_byte_s + t.gamma * reduced_byte_s);
        if (best == NULL || s < best_s) {
            best = algorithm;
            best_s = s;
        }
    }
    if (best == NULL)
        return acn_fail(ACN_INTERNAL, "no algorithm for %s", acn_collective_name(collective));
    *out = best;
    return ACN_OK;
}
