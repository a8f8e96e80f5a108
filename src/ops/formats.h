/* formats.h - the private formats of an NPU: where the elements of a tensor lie in memory.
 *
 * A dimension may be split into blocks of 16, the last of which is padded: its element i then lies
 * at i / 16 * block + i % 16 * inner. Names are CANN's; the values are aclFormat's.
 */
#ifndef ACN_OPS_FORMATS_H
#define ACN_OPS_FORMATS_H

#include "ops/tensor.h"

enum {
    ACN_FORMAT_NC1HWC0 = 3,
    ACN_FORMAT_FRACTAL_Z = 4,
    ACN_FORMAT_FRACTAL_NZ = 29,
    ACN_FORMAT_NDC1HWC0 = 32,
    ACN_FORMAT_FRACTAL_Z_3D = 33,
    ACN_FORMAT_BLOCK = 16,
    ACN_FORMAT_MAX_DIMS = ACN_MAX_DIMS
};

typedef struct acn_format_layout {
    int rank; /* of the tensor */
    bool is_split[ACN_MAX_DIMS];
    int64_t block[ACN_MAX_DIMS]; /* distance of blocks, or of elements where there is no split */
    int64_t inner[ACN_MAX_DIMS]; /* distance of elements in a block */
    int storage_rank;
    int64_t storage[ACN_MAX_DIMS]; /* the memory's own shape, padding included */
} acn_format_layout;

bool acn_format_is_known(int32_t format); /* one of those above */
/* Fails for ranks that the format has no place for. */
acn_status acn_format_layout_of(int32_t format, int rank, const int64_t *dims,
                                acn_format_layout *out);
int64_t acn_format_elements(const acn_format_layout *layout); /* padding included */

#endif
