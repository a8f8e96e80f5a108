/* halving_doubling.c - partners share half of what they share so far, then everything twice as
 * much again. When the ranks are no power of two, each rank too many first gives its input to the
 * neighbour before it, and takes the result from there at the end. */
#include "hccl/plan.h"

typedef struct layout {
    uint32_t levels, size; /* of those who take part: 2^levels */
    uint32_t extra;        /* ranks too many: the odd ones below 2 * extra */
} layout;

static layout layout_of(uint32_t ranks) {
    layout l = {.size = 1};
    while (2 * l.size <= ranks) {
        l.size *= 2;
        l.levels++;
    }
    l.extra = ranks - l.size;
    return l;
}

static uint32_t rank_of(const layout *l, uint32_t member) {
    return member < l->extra ? 2 * member : member + l->extra;
}

/* Phases of a member: 1 its input is ready, then one more with each level, down and up. Phase 1 of
 * a rank too many: it has the result. */
static void plan_extra(acn_plan *plan, const layout *l) {
    uint32_t neighbour = plan->rank - 1;
    acn_plan_wait(plan, neighbour, 1 + 2 * l->levels);
    acn_plan_copy(plan, acn_mine(plan, ACN_OUT, 0), acn_at(neighbour, ACN_OUT, 0), l->size);
    acn_plan_signal(plan, 1);
}

static void plan_member(acn_plan *plan, const layout *l, uint32_t member) {
    bool has_extra = member < l->extra;
    uint32_t first = 0, phase = 1;
    if (has_extra) {
        acn_plan_wait(plan, plan->rank + 1, 0);
        acn_plan_reduce(plan, acn_mine(plan, ACN_OUT, 0), acn_mine(plan, ACN_IN, 0),
                        acn_at(plan->rank + 1, ACN_IN, 0), l->size);
    }
    acn_plan_signal(plan, phase);
    for (uint32_t half = l->size / 2; half > 0; half /= 2) {
        uint32_t partner = member ^ half;
        bool is_first = half == l->size / 2;
        acn_buffer mine = is_first && !has_extra ? ACN_IN : ACN_OUT;
        acn_buffer other = is_first && partner >= l->extra ? ACN_IN : ACN_OUT;
        first += member & half;
        acn_plan_wait(plan, rank_of(l, partner), phase);
        acn_plan_reduce(plan, acn_mine(plan, ACN_OUT, first), acn_mine(plan, mine, first),
                        acn_at(rank_of(l, partner), other, first), half);
        acn_plan_signal(plan, ++phase);
    }
    for (uint32_t half = 1; half < l->size; half *= 2) {
        uint32_t partner = rank_of(l, member ^ half), theirs = first ^ half;
        acn_plan_wait(plan, partner, phase);
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, theirs), acn_at(partner, ACN_OUT, theirs),
                      half);
        acn_plan_signal(plan, ++phase);
        first &= ~half;
    }
    for (uint32_t half = 1; half < l->size; half *= 2)
        acn_plan_wait(plan, rank_of(l, member ^ half), phase);
    if (has_extra) acn_plan_wait(plan, plan->rank + 1, 1);
}

static void plan_halving_doubling(acn_plan *plan) {
    layout l = layout_of(plan->ranks);
    plan->whole_blocks = l.size;
    if (plan->rank >= 2 * l.extra)
        plan_member(plan, &l, plan->rank - l.extra);
    else if (plan->rank % 2 == 0)
        plan_member(plan, &l, plan->rank / 2);
    else
        plan_extra(plan, &l);
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    layout l = layout_of(ranks);
    double k = l.levels, share = (l.size - 1.0) / l.size;
    if (l.extra == 0) return (acn_terms){2 * k, 2 * share, share, 2 * k + 1, share};
    return (acn_terms){2 * k + 2, 2 * share + 2, share + 1, 2 * k + 3, share + 1};
}

ACN_ALGORITHM(halving_doubling) = {
    .name = "H-D_R",
    .doc = "partners at doubling distances",
    .collectives = 1u << ACN_ALL_REDUCE,
    .plan = plan_halving_doubling,
    .terms = terms,
};
