/* star.c - one step between the root and every other rank. */
#include "hccl/plan.h"

static void plan_star(acn_plan *plan) {
    uint32_t root = plan->root;
    acn_place out = acn_mine(plan, ACN_OUT, 0), sum = acn_mine(plan, ACN_IN, 0);
    if (plan->collective == ACN_BROADCAST && plan->rank != root) {
        acn_plan_wait(plan, root, 0);
        acn_plan_copy(plan, out, acn_at(root, ACN_IN, 0), 1);
        acn_plan_signal(plan, 1);
    } else if (plan->collective == ACN_BROADCAST) {
        acn_plan_wait_all(plan, 1);
    } else if (plan->rank != root) {
        acn_plan_wait(plan, root, 1);
    } else {
        acn_plan_wait_all(plan, 0);
        for (uint32_t i = 1; i < plan->ranks; i++) {
            uint32_t other = acn_around(plan, (int64_t)root + i);
            acn_plan_reduce(plan, out, sum, acn_at(other, ACN_IN, 0), 1);
            sum = out;
        }
        acn_plan_signal(plan, 1);
    }
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    if (collective == ACN_REDUCE) return (acn_terms){1, 1, ranks - 1, 2, 0};
    return (acn_terms){1, 1, 0, 2, 1};
}

ACN_ALGORITHM(star) = {
    .name = "star",
    .doc = "one step between the root and every other rank",
    .collectives = 1u << ACN_BROADCAST | 1u << ACN_REDUCE,
    .plan = plan_star,
    .terms = terms,
};
