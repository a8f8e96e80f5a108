/* stage.h - buffers of aclrtMapMem whose pieces do not follow one another in the device's memory:
 * another rank cannot read those where they lie, so they get a copy that it can. */
#ifndef ACN_HCCL_STAGE_H
#define ACN_HCCL_STAGE_H

#include "base/status.h"

typedef struct acn_stage {
    void *memory; /* NULL: the buffer itself is in reach */
    void *client;
    uint64_t bytes;
} acn_stage;

/* Where |address| or its copy lies in the memory of |device|. Fails as acn_peer_locate does. */
acn_status acn_stage_locate(acn_stage *stage, int device, const char *what, const void *address,
                            uint64_t bytes, uint64_t *out_offset);
/* The buffer, or its copy. */
static inline void *acn_stage_address(const acn_stage *stage, const void *client) {
    return stage->memory != NULL ? stage->memory : (void *)(uintptr_t)client;
}
void acn_stage_fill(const acn_stage *stage);   /* the copy from the client's memory */
void acn_stage_return(const acn_stage *stage); /* and back */
void acn_stage_end(acn_stage *stage);

#endif
