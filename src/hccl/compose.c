/* compose.c - see compose.h. */
#include "hccl/compose.h"

/* Phases of one stage, whatever it is: those of all ranks must be alike. */
enum { STAGE_PHASES = 0x1000 };

static uint32_t rank_of(const acn_part *part, uint32_t member) {
    return part->first + member * part->stride;
}

static acn_place move(const acn_part *part, acn_place place) {
    acn_view scratch = {ACN_SCRATCH, 0, 0};
    const acn_view *view = place.buffer == ACN_IN    ? &part->in
                           : place.buffer == ACN_OUT ? &part->out
                                                     : &scratch;
    return acn_at(rank_of(part, place.rank), view->buffer,
                  view->first + place.rank * view->each + place.block * part->blocks);
}

void acn_plan_compose(acn_plan *plan, const acn_algorithm *algorithm, acn_collective collective,
                      const acn_part *part, uint32_t stage) {
    acn_plan inner;
    uint32_t base = stage * STAGE_PHASES, member = (plan->rank - part->first) / part->stride;
    if (acn_plan_make(algorithm, collective, member, part->count, 0, &inner) != ACN_OK) {
        plan->is_short_of_memory = true;
        return;
    }
    if (stage > 0) acn_plan_signal(plan, base); /* that it has entered this one */
    for (uint32_t i = 0; i < inner.count; i++) {
        const acn_step *s = &inner.steps[i];
        uint32_t blocks = s->blocks * part->blocks;
        if (s->kind == ACN_STEP_WAIT) acn_plan_wait(plan, rank_of(part, s->rank), base + s->phase);
        if (s->kind == ACN_STEP_SIGNAL) acn_plan_signal(plan, base + s->phase);
        if (s->kind == ACN_STEP_COPY)
            acn_plan_copy(plan, move(part, s->to), move(part, s->a), blocks);
        if (s->kind == ACN_STEP_REDUCE)
            acn_plan_reduce(plan, move(part, s->to), move(part, s->a), move(part, s->b), blocks);
    }
    uint32_t scratch = inner.scratch_blocks * part->blocks;
    if (scratch > plan->scratch_blocks) plan->scratch_blocks = scratch;
    acn_plan_free(&inner);
}
