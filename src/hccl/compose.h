/* compose.h - algorithms of several levels, made of plans of one level among some of the ranks. */
#ifndef ACN_HCCL_COMPOSE_H
#define ACN_HCCL_COMPOSE_H

#include "hccl/plan.h"

/* Where a buffer of the smaller plan lies in the larger one: from |first| on, and |each| blocks
 * further with each member, for buffers of which a member has its own part. */
typedef struct acn_view {
    acn_buffer buffer;
    uint32_t first, each;
} acn_view;

/* Members first, first + stride ...; each of their blocks is |blocks| of ours. */
typedef struct acn_part {
    uint32_t first, stride, count, blocks;
    acn_view in, out;
} acn_part;

/* Appends what |algorithm| does among the part that this rank is of. Stages are numbered; all ranks
 * have the same ones. Algorithms that alternate cannot be stages. */
void acn_plan_compose(acn_plan *plan, const acn_algorithm *algorithm, acn_collective collective,
                      const acn_part *part, uint32_t stage);

#endif
