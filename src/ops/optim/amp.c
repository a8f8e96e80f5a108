/* amp.c - AmpUpdateScale: the next scale of losses, from whether gradients were all finite. */
#include "ops/op.h"
#include <math.h>

enum { CURRENT, TRACKER, FOUND_INF, NEXT = 0, NEXT_TRACKER = 1 };
enum { ATTR_GROWTH, ATTR_BACKOFF, ATTR_INTERVAL };

static double number(const acn_tensor *t) { return acn_load_value(t->data, t->dtype).f; }

static acn_status update_infer(acn_call *call) {
    for (int slot = CURRENT; slot <= FOUND_INF; slot++)
        if (acn_tensor_count(acn_in(call, slot)) != 1)
            return acn_bad_input(call, slot, "expected one number");
    acn_out_like(call, NEXT, acn_in(call, CURRENT)->dtype, acn_in(call, CURRENT));
    acn_out_like(call, NEXT_TRACKER, acn_in(call, TRACKER)->dtype, acn_in(call, TRACKER));
    return ACN_OK;
}

static acn_status update_plan(acn_call *call) {
    call->plan->cost_us = 0;
    return ACN_OK;
}

static acn_status update_run(acn_call *call) {
    const acn_tensor *tracker = acn_in(call, TRACKER), *next = acn_out(call, NEXT);
    double scale = number(acn_in(call, CURRENT));
    int64_t steps = acn_load_value(tracker->data, tracker->dtype).i + 1;
    if (number(acn_in(call, FOUND_INF)) != 0) {
        scale *= acn_attr_float(call, ATTR_BACKOFF);
        steps = 0;
    } else if (steps == acn_attr_int(call, ATTR_INTERVAL)) {
        float grown = (float)(scale * acn_attr_float(call, ATTR_GROWTH));
        if (isfinite(grown)) scale = grown; /* it grows until it cannot */
        steps = 0;
    }
    acn_store_value(next->data, next->dtype, (acn_value){.f = scale});
    acn_store_value(acn_out(call, NEXT_TRACKER)->data, tracker->dtype, (acn_value){.i = steps});
    return ACN_OK;
}

ACN_OP(AmpUpdateScale) = {
    .name = "AmpUpdateScale",
    .doc = "The next loss scale: smaller after an overflow, larger after enough steps without.",
    .in = {{"current_scale", ACN_T(ACN_F32)},
           {"growth_tracker", ACN_T(ACN_I32)},
           {"found_inf", ACN_T(ACN_F32)}},
    .out = {{"updated_scale", ACN_T(ACN_F32)}, {"updated_growth_tracker", ACN_T(ACN_I32)}},
    .attr = {{.name = "growth_factor", .kind = ACN_ATTR_FLOAT, .is_required = true},
             {.name = "backoff_factor", .kind = ACN_ATTR_FLOAT, .is_required = true},
             {.name = "growth_interval", .kind = ACN_ATTR_INT, .is_required = true}},
    .infer = update_infer,
    .plan = update_plan,
    .run = update_run,
    .run0 = update_run,
    .cases = "[]@4..4,i32[]@2..2,f32[]@0..0|growth_factor=2,backoff_factor=0.5,growth_interval=3 "
             "[1]@4..4,i32[1]@1..1,f32[1]@0..0|growth_factor=2,backoff_factor=0.5,"
             "growth_interval=3 "
             "[]@4..4,i32[]@2..2,f32[]@1..1|growth_factor=2,backoff_factor=0.5,growth_interval=3",
};
