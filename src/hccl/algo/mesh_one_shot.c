/* mesh_one_shot.c - each rank lays its input out in scratch memory, and the others take it from
 * there: one hand-over instead of two or three, since a rank that leaves takes nothing away that
 * others still read. For messages so small that copying does not matter. Sums have the order of
 * ranks on all of them. */
#include "hccl/plan.h"

static void lay_out(acn_plan *plan, uint32_t blocks) {
    plan->scratch_blocks = blocks;
    acn_plan_wait_before(plan);
    acn_plan_copy(plan, acn_mine(plan, ACN_SCRATCH, 0), acn_mine(plan, ACN_IN, 0), blocks);
    acn_plan_signal(plan, 1);
}

/* out = the sum of all ranks' |block|. */
static void reduce(acn_plan *plan, uint32_t block) {
    acn_place out = acn_mine(plan, ACN_OUT, 0), sum = acn_at(0, ACN_SCRATCH, block);
    for (uint32_t other = 1; other < plan->ranks; other++) {
        acn_plan_reduce(plan, out, sum, acn_at(other, ACN_SCRATCH, block), 1);
        sum = out;
    }
}

static void gather(acn_plan *plan, uint32_t block) {
    for (uint32_t i = 0; i < plan->ranks; i++) {
        uint32_t other = acn_around(plan, (int64_t)plan->rank + i);
        acn_buffer from = i == 0 ? ACN_IN : ACN_SCRATCH;
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, other), acn_at(other, from, block), 1);
    }
}

static void broadcast(acn_plan *plan) {
    plan->scratch_blocks = 1;
    if (plan->rank == plan->root) {
        lay_out(plan, 1);
        acn_plan_wait_all(plan, 0); /* calls that differ are found here */
        return;
    }
    acn_plan_wait_before(plan); /* all plans have the same rule */
    acn_plan_wait(plan, plan->root, 1);
    acn_plan_copy(plan, acn_mine(plan, ACN_OUT, 0), acn_at(plan->root, ACN_SCRATCH, 0), 1);
}

static void plan_one_shot(acn_plan *plan) {
    bool is_cut = plan->collective == ACN_REDUCE_SCATTER || plan->collective == ACN_ALL_TO_ALL;
    if (plan->collective == ACN_BROADCAST) {
        broadcast(plan);
        return;
    }
    lay_out(plan, is_cut ? plan->ranks : 1);
    acn_plan_wait_all(plan, 1);
    if (plan->collective == ACN_ALL_REDUCE) reduce(plan, 0);
    if (plan->collective == ACN_REDUCE_SCATTER) reduce(plan, plan->rank);
    if (plan->collective == ACN_ALL_GATHER) gather(plan, 0);
    if (plan->collective == ACN_ALL_TO_ALL) gather(plan, plan->rank);
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    double p = ranks;
    switch (collective) {
    case ACN_ALL_REDUCE:
        return (acn_terms){1, 1, p - 1, 1, 1};
    case ACN_REDUCE_SCATTER:
        return (acn_terms){1, 1 / p, (p - 1) / p, 1, 1};
    case ACN_ALL_GATHER:
        return (acn_terms){1, 1 / p, 0, 1, 1 / p + 1};
    case ACN_ALL_TO_ALL:
        return (acn_terms){1, 1 / p, 0, 1, 2};
    default:
        return (acn_terms){1, 1, 0, 1, 2};
    }
}

ACN_ALGORITHM(mesh_one_shot) = {
    .name = "mesh_one_shot",
    .doc = "every rank takes everything from a copy of the others': for small messages",
    .collectives = 1u << ACN_ALL_REDUCE | 1u << ACN_REDUCE_SCATTER | 1u << ACN_ALL_GATHER |
                   1u << ACN_ALL_TO_ALL | 1u << ACN_BROADCAST,
    .plan = plan_one_shot,
    .terms = terms,
};
