/* format_cast.c - the memory that a cast to a private format needs. The cast itself is a row of
 * api/aclnn.tsv. */
#include "aclnn/acl_meta.h"
#include "doors/door.h"
#include "doors/nnopbase/objects.h"
#include "ops/formats.h"
#include "ops/object.h"
#include <stdlib.h>
#include <string.h>

static acn_status tell(const aclTensor *src, int format, int64_t **shape, uint64_t *rank,
                       int *actual) {
    if (!shape || !rank || !actual)
        return acn_fail(ACN_NULL_POINTER, "dstShape, dstShapeSize or actualFormat is NULL");
    if (!acn_object_tensor_is_live(src))
        return acn_fail(ACN_INVALID_ARGUMENT, "srcTensor is %p, which is no live aclTensor",
                        (const void *)src);
    const acn_tensor *t = &((const acn_object_tensor *)(const void *)src)->view;
    acn_format_layout layout = {.storage_rank = t->rank};
    memcpy(layout.storage, t->dims, sizeof t->dims);
    if (acn_format_is_private(format))
        ACN_TRY(acn_format_layout_of(format, t->rank, t->dims, &layout));
    /* The caller frees it by C++'s delete[], which is free. */
    int64_t *copy = malloc(sizeof *copy * (size_t)(layout.storage_rank + 1));
    if (!copy) return acn_fail(ACN_BAD_ALLOC, "no host memory for a shape");
    memcpy(copy, layout.storage, sizeof *copy * (size_t)layout.storage_rank);
    *shape = copy;
    *rank = (uint64_t)layout.storage_rank;
    *actual = format;
    return ACN_OK;
}

aclnnStatus aclnnNpuFormatCastCalculateSizeAndFormat(const aclTensor *srcTensor,
                                                     const int dstFormat, const int additionalDtype,
                                                     int64_t **dstShape, uint64_t *dstShapeSize,
                                                     int *actualFormat) {
    return ACN_ACLNN(tell(srcTensor, dstFormat, dstShape, dstShapeSize, actualFormat));
}
