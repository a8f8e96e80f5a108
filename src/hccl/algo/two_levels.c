/* two_levels.c - AllReduce of two levels, made of plans of one: groups of neighbours scatter their
 * sum by mesh, ranks of the same place in each group add theirs by NHR, and the groups gather by
 * mesh. Groups are as large as there are groups, or less: what has more levels than one is the
 * machine's business, and here it has one. */
#include "hccl/compose.h"
#include "hccl/plan.h"

/* The largest divisor whose square is no larger. */
static uint32_t group_of(uint32_t ranks) {
    uint32_t size = 1;
    for (uint32_t d = 2; d * d <= ranks; d++)
        if (ranks % d == 0) size = d;
    return size;
}

static void plan_two_levels(acn_plan *plan) {
    const acn_algorithm *inner = acn_algorithm_find("mesh"), *outer = acn_algorithm_find("NHR");
    uint32_t size = group_of(plan->ranks), place = plan->rank % size;
    if (size == 1) {
        outer->plan(plan);
        return;
    }
    uint32_t groups = plan->ranks / size, blocks = groups; /* of a share: as NHR cuts it */
    acn_part group = {.first = plan->rank - place, .stride = 1, .count = size};
    acn_part peers = {.first = place, .stride = size, .count = groups};
    plan->whole_blocks = size * blocks;
    group.blocks = blocks;
    group.in = (acn_view){ACN_IN, 0, 0};
    group.out = (acn_view){ACN_OUT, 0, blocks};
    acn_plan_compose(plan, inner, ACN_REDUCE_SCATTER, &group, 0);
    peers.blocks = 1;
    peers.in = peers.out = (acn_view){ACN_OUT, place * blocks, 0};
    acn_plan_compose(plan, outer, ACN_ALL_REDUCE, &peers, 1);
    group.in = (acn_view){ACN_OUT, 0, blocks};
    group.out = (acn_view){ACN_OUT, 0, 0};
    acn_plan_compose(plan, inner, ACN_ALL_GATHER, &group, 2);
}

/* The sum of the stages, each of its part of the bytes. */
static acn_terms terms(acn_collective collective, uint32_t ranks) {
    const acn_algorithm *inner = acn_algorithm_find("mesh"), *outer = acn_algorithm_find("NHR");
    uint32_t size = group_of(ranks);
    if (size == 1) return outer->terms(collective, ranks);
    acn_terms a = inner->terms(ACN_REDUCE_SCATTER, size);
    acn_terms b = outer->terms(ACN_ALL_REDUCE, ranks / size);
    acn_terms c = inner->terms(ACN_ALL_GATHER, size);
    double part = 1.0 / size;
    return (acn_terms){a.alpha + b.alpha + c.alpha, a.beta + b.beta * part + c.beta,
                       a.gamma + b.gamma * part, a.handovers + b.handovers + c.handovers,
                       b.copied * part + c.copied};
}

ACN_ALGORITHM(two_levels) = {
    .name = "mesh+NHR",
    .doc = "mesh in groups, NHR between them",
    .collectives = 1u << ACN_ALL_REDUCE,
    .plan = plan_two_levels,
    .terms = terms,
};
