/* ring.c - each rank reads from the one before it only. Sums travel round once, results once more.
 */
#include "hccl/plan.h"

/* In step s every rank adds its input to what the one before it made of a block in step s - 1. */
static void all_reduce(acn_plan *plan) {
    uint32_t steps = plan->ranks - 1, prev = acn_around(plan, (int64_t)plan->rank - 1);
    plan->whole_blocks = plan->ranks;
    for (uint32_t s = 0; s < steps; s++) {
        uint32_t block = acn_around(plan, (int64_t)plan->rank - s - 1);
        acn_plan_wait(plan, prev, s);
        acn_plan_reduce(plan, acn_mine(plan, ACN_OUT, block), acn_mine(plan, ACN_IN, block),
                        acn_at(prev, s == 0 ? ACN_IN : ACN_OUT, block), 1);
        acn_plan_signal(plan, s + 1);
    }
    for (uint32_t s = 0; s < steps; s++) {
        uint32_t block = acn_around(plan, (int64_t)plan->rank - s);
        acn_plan_wait(plan, prev, steps + s);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, block), acn_at(prev, ACN_OUT, block), 1);
        acn_plan_signal(plan, steps + s + 1);
    }
    acn_plan_wait(plan, acn_around(plan, (int64_t)plan->rank + 1), 2 * steps);
}

static void reduce_scatter(acn_plan *plan) {
    uint32_t steps = plan->ranks - 1, prev = acn_around(plan, (int64_t)plan->rank - 1);
    plan->scratch_blocks = steps - 1;
    for (uint32_t s = 0; s < steps; s++) {
        uint32_t block = acn_around(plan, (int64_t)plan->rank - s - 2);
        acn_place sum = s == 0 ? acn_at(prev, ACN_IN, block) : acn_at(prev, ACN_SCRATCH, s - 1);
        acn_plan_wait(plan, prev, s);
        acn_plan_reduce(
            plan, acn_mine(plan, s + 1 < steps ? ACN_SCRATCH : ACN_OUT, s + 1 < steps ? s : 0),
            acn_mine(plan, ACN_IN, block), sum, 1);
        acn_plan_signal(plan, s + 1);
    }
    acn_plan_wait(plan, acn_around(plan, (int64_t)plan->rank + 1), steps);
}

static void all_gather(acn_plan *plan) {
    uint32_t steps = plan->ranks - 1, prev = acn_around(plan, (int64_t)plan->rank - 1);
    acn_plan_copy(plan, acn_mine(plan, ACN_OUT, plan->rank), acn_mine(plan, ACN_IN, 0), 1);
    for (uint32_t s = 0; s < steps; s++) {
        uint32_t block = acn_around(plan, (int64_t)plan->rank - s - 1);
        acn_place from = s == 0 ? acn_at(prev, ACN_IN, 0) : acn_at(prev, ACN_OUT, block);
        acn_plan_wait(plan, prev, s);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, block), from, 1);
        acn_plan_signal(plan, s + 1);
    }
    acn_plan_wait(plan, acn_around(plan, (int64_t)plan->rank + 1), steps);
}

static void broadcast(acn_plan *plan) {
    uint32_t hops = acn_around(plan, (int64_t)plan->rank - plan->root);
    uint32_t prev = acn_around(plan, (int64_t)plan->rank - 1);
    if (hops > 0) {
        acn_plan_wait(plan, prev, 1);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, 0),
                      acn_at(prev, hops == 1 ? ACN_IN : ACN_OUT, 0), 1);
    }
    acn_plan_signal(plan, 1);
    if (hops < plan->ranks - 1) acn_plan_wait(plan, acn_around(plan, (int64_t)plan->rank + 1), 1);
}

static void plan_ring(acn_plan *plan) {
    if (plan->collective == ACN_ALL_REDUCE) all_reduce(plan);
    if (plan->collective == ACN_REDUCE_SCATTER) reduce_scatter(plan);
    if (plan->collective == ACN_ALL_GATHER) all_gather(plan);
    if (plan->collective == ACN_BROADCAST) broadcast(plan);
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    double p = ranks, share = (p - 1) / p;
    if (collective == ACN_ALL_REDUCE)
        return (acn_terms){2 * (p - 1), 2 * share, share, 2 * p - 1, share};
    if (collective == ACN_REDUCE_SCATTER) return (acn_terms){p - 1, share, share, p, 0};
    if (collective == ACN_ALL_GATHER) return (acn_terms){p - 1, share, 0, p, 1};
    return (acn_terms){p - 1, p - 1, 0, p, p - 1};
}

ACN_ALGORITHM(ring) = {
    .name = "ring",
    .doc = "each rank reads from the one before it only",
    .collectives = 1u << ACN_ALL_REDUCE | 1u << ACN_REDUCE_SCATTER | 1u << ACN_ALL_GATHER |
                   1u << ACN_BROADCAST,
    .plan = plan_ring,
    .terms = terms,
};
