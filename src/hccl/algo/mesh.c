/* mesh.c - every rank reads directly from every other. Each block is reduced by one rank, so the
 * result is the same on all; what a rank adds first is its own, which makes in-place calls safe. */
#include "hccl/plan.h"

/* to = the sum of all ranks' input |block|, beginning with our own. */
static void reduce_block(acn_plan *plan, acn_place to, uint32_t block) {
    acn_place sum = acn_mine(plan, ACN_IN, block);
    for (uint32_t i = 1; i < plan->ranks; i++) {
        uint32_t other = acn_around(plan, (int64_t)plan->rank + i);
        acn_plan_reduce(plan, to, sum, acn_at(other, ACN_IN, block), 1);
        sum = to;
    }
}

/* Whoever leaves may overwrite its buffers: all others must have read them. */
static void part(acn_plan *plan, uint32_t phase) {
    acn_plan_signal(plan, phase);
    acn_plan_wait_all(plan, phase);
}

static void all_reduce(acn_plan *plan) {
    uint32_t me = plan->rank;
    plan->whole_blocks = plan->ranks;
    acn_plan_wait_all(plan, 0);
    reduce_block(plan, acn_mine(plan, ACN_OUT, me), me);
    acn_plan_signal(plan, 1);
    acn_plan_wait_all(plan, 1);
    for (uint32_t i = 1; i < plan->ranks; i++) {
        uint32_t other = acn_around(plan, (int64_t)me + i);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, other), acn_at(other, ACN_OUT, other), 1);
    }
    part(plan, 2);
}

static void reduce_scatter(acn_plan *plan) {
    acn_plan_wait_all(plan, 0);
    reduce_block(plan, acn_mine(plan, ACN_OUT, 0), plan->rank);
    part(plan, 1);
}

/* Of all ranks' inputs, block |block|. */
static void gather(acn_plan *plan, uint32_t block) {
    acn_plan_wait_all(plan, 0);
    for (uint32_t i = 0; i < plan->ranks; i++) {
        uint32_t other = acn_around(plan, (int64_t)plan->rank + i);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, other), acn_at(other, ACN_IN, block), 1);
    }
    part(plan, 1);
}

/* Each rank takes its block from the root, and the others' blocks from them. */
static void broadcast(acn_plan *plan) {
    uint32_t me = plan->rank, root = plan->root;
    plan->whole_blocks = plan->ranks;
    if (me != root) {
        acn_plan_wait(plan, root, 0);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, me), acn_at(root, ACN_IN, me), 1);
        acn_plan_signal(plan, 1);
        for (uint32_t i = 1; i < plan->ranks; i++)
            if (acn_around(plan, (int64_t)me + i) != root)
                acn_plan_wait(plan, acn_around(plan, (int64_t)me + i), 1);
        for (uint32_t i = 1; i < plan->ranks; i++) {
            uint32_t other = acn_around(plan, (int64_t)me + i);
            acn_buffer from = other == root ? ACN_IN : ACN_OUT;
            acn_plan_copy(plan, acn_mine(plan, ACN_OUT, other), acn_at(other, from, other), 1);
        }
    }
    part(plan, 2);
}

static void reduce(acn_plan *plan) {
    uint32_t me = plan->rank, root = plan->root;
    plan->whole_blocks = plan->ranks;
    plan->scratch_blocks = 1;
    acn_plan_wait_all(plan, 0);
    reduce_block(plan, acn_mine(plan, me == root ? ACN_OUT : ACN_SCRATCH, me == root ? me : 0), me);
    acn_plan_signal(plan, 1);
    acn_plan_wait_all(plan, 1);
    if (me != root) {
        acn_plan_wait(plan, root, 2);
        return;
    }
    for (uint32_t other = 0; other < plan->ranks; other++)
        if (other != root)
            acn_plan_copy(plan, acn_mine(plan, ACN_OUT, other), acn_at(other, ACN_SCRATCH, 0), 1);
    acn_plan_signal(plan, 2);
}

static void scatter(acn_plan *plan) {
    if (plan->rank != plan->root) acn_plan_wait(plan, plan->root, 0);
    acn_plan_copy(plan, acn_mine(plan, ACN_OUT, 0), acn_at(plan->root, ACN_IN, plan->rank), 1);
    acn_plan_signal(plan, 1);
    if (plan->rank == plan->root) acn_plan_wait_all(plan, 1);
}

static void plan_mesh(acn_plan *plan) {
    switch (plan->collective) {
    case ACN_ALL_REDUCE:
        all_reduce(plan);
        return;
    case ACN_REDUCE_SCATTER:
        reduce_scatter(plan);
        return;
    case ACN_ALL_GATHER:
        gather(plan, 0);
        return;
    case ACN_ALL_TO_ALL:
        gather(plan, plan->rank);
        return;
    case ACN_BROADCAST:
        broadcast(plan);
        return;
    case ACN_REDUCE:
        reduce(plan);
        return;
    case ACN_SCATTER:
        scatter(plan);
        return;
    default:
        acn_plan_wait_all(plan, 0); /* ACN_BARRIER: all have come */
    }
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    double p = ranks, share = (p - 1) / p;
    switch (collective) {
    case ACN_ALL_REDUCE:
    case ACN_REDUCE:
        return (acn_terms){2, 2 / p, share, 3, share};
    case ACN_BROADCAST:
        return (acn_terms){2, 2 / p, 0, ranks == 2 ? 2 : 3, 1};
    case ACN_REDUCE_SCATTER:
        return (acn_terms){1, 1 / p, share, 2, 0};
    case ACN_BARRIER:
        return (acn_terms){0, 0, 0, 1, 0};
    case ACN_SCATTER:
        return (acn_terms){1, 1 / p, 0, 2, 1 / p};
    default:
        return (acn_terms){1, 1 / p, 0, 2, 1};
    }
}

ACN_ALGORITHM(mesh) = {
    .name = "mesh",
    .doc = "every rank reads directly from every other",
    .collectives = (1u << ACN_COLLECTIVES) - 1,
    .plan = plan_mesh,
    .terms = terms,
};
