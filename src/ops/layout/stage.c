/* stage.c - see stage.h. */
#include "ops/layout/stage.h"

acn_status acn_stage_plan(acn_stage *stage, const acn_tensor *t, acn_dtype dtype, bool is_output,
                          uint64_t *workspace_bytes) {
    *stage = (acn_stage){.is_direct = t->dtype == dtype && acn_tensor_is_contiguous(t)};
    if (stage->is_direct) return ACN_OK;
    acn_tensor plain;
    acn_tensor_init(&plain, NULL, dtype, t->rank, t->dims);
    stage->offset = *workspace_bytes;
    *workspace_bytes += ((uint64_t)acn_tensor_count(t) * acn_dtype_bytes(dtype) + 63) / 64 * 64;
    return is_output ? acn_copy_plan(&stage->copy, t, &plain)
                     : acn_copy_plan(&stage->copy, &plain, t);
}

void *acn_stage_room(const acn_stage *stage, const acn_tensor *t, void *workspace) {
    return stage->is_direct ? t->data : (char *)workspace + stage->offset;
}

void *acn_stage_in(const acn_stage *stage, const acn_tensor *t, void *workspace) {
    void *room = acn_stage_room(stage, t, workspace);
    if (!stage->is_direct) acn_copy_run(&stage->copy, room, t->data);
    return room;
}

void acn_stage_out(const acn_stage *stage, const acn_tensor *t, void *workspace) {
    if (!stage->is_direct) acn_copy_run(&stage->copy, t->data, acn_stage_room(stage, t, workspace));
}
