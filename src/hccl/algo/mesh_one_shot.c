/* mesh_one_shot.c - each rank lays its input out and reduces all of them itself: one hand-over
 * instead of two, for messages so small that the bytes do not matter. All add in the order of
 * ranks, so that all have the same result. */
#include "hccl/plan.h"

static void plan_one_shot(acn_plan *plan) {
    acn_place out = acn_mine(plan, ACN_OUT, 0), sum = acn_at(0, ACN_SCRATCH, 0);
    plan->scratch_blocks = 1;
    acn_plan_copy(plan, acn_mine(plan, ACN_SCRATCH, 0), acn_mine(plan, ACN_IN, 0), 1);
    acn_plan_signal(plan, 1);
    acn_plan_wait_all(plan, 1);
    for (uint32_t other = 1; other < plan->ranks; other++) {
        acn_plan_reduce(plan, out, sum, acn_at(other, ACN_SCRATCH, 0), 1);
        sum = out;
    }
    acn_plan_signal(plan, 2);
    acn_plan_wait_all(plan, 2);
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    return (acn_terms){1, 1, ranks - 1};
}

ACN_ALGORITHM(mesh_one_shot) = {
    .name = "mesh_one_shot",
    .doc = "every rank reduces everything itself: for small messages",
    .collectives = 1u << ACN_ALL_REDUCE,
    .plan = plan_one_shot,
    .terms = terms,
};
