/* log_ring.c - NB and NHR: a ring walked in strides of powers of two, for any number of ranks, with
 * no more traffic than a ring has. A block travels to the rank d places on by the bits of d, the
 * largest first, so that most of the traffic is between neighbours; sums travel the same ways back.
 * The two walk in opposite directions. */
#include "hccl/plan.h"

typedef struct walk {
    acn_plan *plan;
    int64_t direction;
    uint32_t levels; /* 2^levels is at least the number of ranks */
} walk;

static walk walk_of(acn_plan *plan, int64_t direction) {
    walk w = {.plan = plan, .direction = direction};
    while ((uint32_t)1 << w.levels < plan->ranks)
        w.levels++;
    return w;
}

/* The rank |places| after ours, or before it. */
static uint32_t after(const walk *w, int64_t places) {
    return acn_around(w->plan, (int64_t)w->plan->rank + w->direction * places);
}

/* Sums: step k reads from the rank 2^k places on. Of block b, which lies e places before us, the
 * other has the sum of all who are 2^k to 2^(k+1) - 1 further from b. Sums grow in |sums|; the last
 * one goes to |last|, which is ours. */
static void reduce_scatter(const walk *w, acn_buffer sums, acn_place last) {
    acn_plan *plan = w->plan;
    for (uint32_t k = 0; k < w->levels; k++) {
        uint32_t stride = (uint32_t)1 << k, other = after(w, stride);
        acn_plan_wait(plan, other, k);
        for (uint32_t e = 0; e + stride < plan->ranks; e += 2 * stride) {
            uint32_t block = after(w, -(int64_t)e);
            bool other_has_sum = k > 0 && e + stride < plan->ranks - 1;
            acn_place mine = acn_mine(plan, k > 0 ? sums : ACN_IN, block);
            acn_place theirs = acn_at(other, other_has_sum ? sums : ACN_IN, block);
            bool is_last = e == 0 && k + 1 == w->levels;
            acn_plan_reduce(plan, is_last ? last : acn_mine(plan, sums, block), mine, theirs, 1);
        }
        acn_plan_signal(plan, k + 1);
    }
}

/* Everything: step by step from the rank 2^k places before, the largest k first. |own| is the block
 * that a rank begins with. */
static void all_gather(const walk *w, acn_buffer own, uint32_t phase) {
    acn_plan *plan = w->plan;
    for (uint32_t k = w->levels; k-- > 0; phase++) {
        uint32_t stride = (uint32_t)1 << k, other = after(w, -(int64_t)stride);
        acn_plan_wait(plan, other, phase);
        for (uint32_t d = stride; d < plan->ranks; d += 2 * stride) {
            uint32_t block = after(w, -(int64_t)d);
            acn_place from = acn_at(other, ACN_OUT, block);
            if (d == stride && own == ACN_IN) from = acn_at(other, ACN_IN, 0);
            acn_plan_copy(plan, acn_mine(plan, ACN_OUT, block), from, 1);
        }
        acn_plan_signal(plan, phase + 1);
    }
}

static void plan_walk(acn_plan *plan, int64_t direction) {
    walk w = walk_of(plan, direction);
    uint32_t me = plan->rank;
    if (plan->collective == ACN_REDUCE_SCATTER) {
        plan->scratch_blocks = plan->ranks;
        reduce_scatter(&w, ACN_SCRATCH, acn_mine(plan, ACN_OUT, 0));
        for (uint32_t k = 0; k < w.levels; k++)
            acn_plan_wait(plan, after(&w, -((int64_t)1 << k)), k + 1);
        return;
    }
    uint32_t phase = 0;
    if (plan->collective == ACN_ALL_REDUCE) {
        plan->whole_blocks = plan->ranks;
        reduce_scatter(&w, ACN_OUT, acn_mine(plan, ACN_OUT, me));
        phase = w.levels;
    } else {
        acn_plan_copy(plan, acn_mine(plan, ACN_OUT, me), acn_mine(plan, ACN_IN, 0), 1);
    }
    all_gather(&w, phase > 0 ? ACN_OUT : ACN_IN, phase);
    for (uint32_t k = 0; k < w.levels; k++)
        acn_plan_wait(plan, after(&w, (int64_t)1 << k), phase + w.levels - k);
}

static acn_terms terms(acn_collective collective, uint32_t ranks) {
    double p = ranks, share = (p - 1) / p, levels = 0;
    while ((double)((uint64_t)1 << (uint32_t)levels) < p)
        levels++;
    if (collective == ACN_ALL_REDUCE)
        return (acn_terms){2 * levels, 2 * share, share, 2 * levels + 1, share};
    if (collective == ACN_REDUCE_SCATTER) return (acn_terms){levels, share, share, levels + 1, 0};
    return (acn_terms){levels, share, 0, levels + 1, 1};
}

static void plan_nb(acn_plan *plan) { plan_walk(plan, 1); }
static void plan_nhr(acn_plan *plan) { plan_walk(plan, -1); }

#define COLLECTIVES 1u << ACN_ALL_REDUCE | 1u << ACN_REDUCE_SCATTER | 1u << ACN_ALL_GATHER

ACN_ALGORITHM(nb) = {
    .name = "NB",
    .doc = "a ring in strides of powers of two, upwards",
    .collectives = COLLECTIVES,
    .plan = plan_nb,
    .terms = terms,
};

ACN_ALGORITHM(nhr) = {
    .name = "NHR",
    .doc = "a ring in strides of powers of two, downwards",
    .collectives = COLLECTIVES,
    .plan = plan_nhr,
    .terms = terms,
};
