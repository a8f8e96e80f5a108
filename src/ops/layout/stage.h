/* stage.h - tensors of any type and strides as contiguous memory of one type: where they lie when
 * they are that already, else through a copy in the call's workspace. For operators whose inner
 * loops want plain arrays. */
#ifndef ACN_OPS_LAYOUT_STAGE_H
#define ACN_OPS_LAYOUT_STAGE_H

#include "ops/layout/copy.h"

typedef struct acn_stage {
    bool is_direct; /* the tensor's own memory serves */
    acn_copy copy;
    uint64_t offset; /* in the workspace */
} acn_stage;

/* Adds what |t| needs as |dtype| to |*workspace_bytes|. An output's copy is made afterwards. */
acn_status acn_stage_plan(acn_stage *stage, const acn_tensor *t, acn_dtype dtype, bool is_output,
                          uint64_t *workspace_bytes);
/* Memory in which |t| is (in), or is to be made (room) and then brought home (out). */
void *acn_stage_in(const acn_stage *stage, const acn_tensor *t, void *workspace);
void *acn_stage_room(const acn_stage *stage, const acn_tensor *t, void *workspace);
void acn_stage_out(const acn_stage *stage, const acn_tensor *t, void *workspace);

#endif
