/* pairwise.c - AlltoAll in steps: in the k-th each rank reads from the one k before it, when that
 * has done its own k - 1 steps, so that every link carries one block at a time. */
#include "hccl/plan.h"

static void plan_pairwise(acn_plan *plan) {
    uint32_t me = plan->rank;
    acn_plan_copy(plan, acn_mine(plan, ACN_OUT, me), acn_mine(plan, ACN_IN, me), 1);
    for (uint32_t k = 1; k < plan->ranks; k++) {
        uint32_t other = acn_around(plan, (int64_t)me - k);
        acn_plan_wait(plan, other, k - 1);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, other), acn_at(other, ACN_IN, me), 1);
        acn_plan_signal(plan, k);
    }
    for (uint32_t k = 1; k < plan->ranks; k++)
        acn_plan_wait(plan, acn_around(plan, (int64_t)me + k), k);
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    double p = ranks, share = (p - 1) / p;
    return (acn_terms){p - 1, share, 0, p, 1};
}

ACN_ALGORITHM(pairwise) = {
    .name = "pairwise",
    .doc = "each rank reads from one other at a time",
    .collectives = 1u << ACN_ALL_TO_ALL,
    .plan = plan_pairwise,
    .terms = terms,
};
