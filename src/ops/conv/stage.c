/* stage.c - tensors of any type and strides as contiguous f32: where they lie when they are that
 * already, else through a copy in the workspace. */
#include "ops/conv/conv.h"

acn_status acn_conv_stage_plan(acn_conv_stage *stage, const acn_tensor *t, bool is_output,
                               uint64_t *workspace_bytes) {
    *stage = (acn_conv_stage){.is_direct = t->dtype == ACN_F32 && acn_tensor_is_contiguous(t)};
    if (stage->is_direct) return ACN_OK;
    acn_tensor plain;
    acn_tensor_init(&plain, NULL, ACN_F32, t->rank, t->dims);
    stage->offset = *workspace_bytes;
    *workspace_bytes += ((uint64_t)acn_tensor_count(t) * sizeof(float) + 63) / 64 * 64;
    return is_output ? acn_copy_plan(&stage->copy, t, &plain)
                     : acn_copy_plan(&stage->copy, &plain, t);
}

float *acn_conv_stage_room(const acn_conv_stage *stage, const acn_tensor *t, void *workspace) {
    return stage->is_direct ? t->data : (float *)((char *)workspace + stage->offset);
}

float *acn_conv_stage_in(const acn_conv_stage *stage, const acn_tensor *t, void *workspace) {
    float *room = acn_conv_stage_room(stage, t, workspace);
    if (!stage->is_direct) acn_copy_run(&stage->copy, room, t->data);
    return room;
}

void acn_conv_stage_out(const acn_conv_stage *stage, const acn_tensor *t, void *workspace) {
    if (!stage->is_direct)
        acn_copy_run(&stage->copy, t->data, acn_conv_stage_room(stage, t, workspace));
}
