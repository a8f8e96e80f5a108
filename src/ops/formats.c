/* formats.c - see formats.h. */
#include "ops/formats.h"

static int64_t blocks(int64_t size) { return (size + ACN_FORMAT_BLOCK - 1) / ACN_FORMAT_BLOCK; }

bool acn_format_is_known(int32_t format) {
    return format == ACN_FORMAT_NC1HWC0 || format == ACN_FORMAT_FRACTAL_Z ||
           format == ACN_FORMAT_FRACTAL_NZ || format == ACN_FORMAT_NDC1HWC0 ||
           format == ACN_FORMAT_FRACTAL_Z_3D;
}

/* Dimensions of the storage, outermost first. |place| says where dimension d of the image (batch,
 * channels, depth, height, width) has its outer, and |inner| where its inner index. */
typedef struct pattern {
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    int place[5], inner[5]; /* inner -1: not split */
} pattern;

static pattern image_pattern(int32_t format, const int64_t *n) {
    const int64_t c1 = blocks(n[1]), n1 = blocks(n[0]);
    switch (format) {
    case ACN_FORMAT_NC1HWC0:
        return (pattern){5, {n[0], c1, n[3], n[4], 16}, {0, 1, 0, 2, 3}, {-1, 4, -1, -1, -1}};
    case ACN_FORMAT_NDC1HWC0:
        return (pattern){6, {n[0], n[2], c1, n[3], n[4], 16}, {0, 2, 1, 3, 4}, {-1, 5, -1, -1, -1}};
    default: /* filters: depth, channel blocks, height, width, batch blocks, 16, 16 */
        return (pattern){
            7, {n[2], c1, n[3], n[4], n1, 16, 16}, {4, 1, 0, 2, 3}, {5, 6, -1, -1, -1}};
    }
}

/* The image's dimension that tensor dimension |d| is: short tensors lack the batch first. */
static int image_dim(int rank, bool has_depth, int d) {
    int at = rank < 4 ? d + 1 : d; /* of batch, channels, (depth,) height, width */
    return !has_depth && at >= 2 ? at + 1 : at;
}

static acn_status image_layout(int32_t format, int rank, const int64_t *dims,
                               acn_format_layout *out) {
    bool has_depth = format == ACN_FORMAT_NDC1HWC0 || format == ACN_FORMAT_FRACTAL_Z_3D;
    if (has_depth ? rank != 5 : rank > 4)
        return acn_fail(ACN_INVALID_ARGUMENT, "format %d holds %s dimensions, not %d", format,
                        has_depth ? "5" : "up to 4", rank);
    int64_t image[5] = {1, 1, 1, 1, 1}, stride[ACN_MAX_DIMS];
    for (int d = 0; d < rank; d++)
        image[image_dim(rank, has_depth, d)] = dims[d];
    pattern p = image_pattern(format, image);
    int64_t step = 1;
    for (int d = p.rank - 1; d >= 0; d--) {
        stride[d] = step;
        step *= p.dims[d];
    }
    for (int d = 0; d < rank; d++) {
        int at = image_dim(rank, has_depth, d);
        out->is_split[d] = p.inner[at] >= 0;
        out->block[d] = stride[p.place[at]];
        if (out->is_split[d]) out->inner[d] = stride[p.inner[at]];
    }
    if (p.rank == 7) { /* filters are described with their first four dimensions as one */
        p.dims[3] *= p.dims[0] * p.dims[1] * p.dims[2];
        for (int d = 0; d < 4; d++)
            p.dims[d] = p.dims[d + 3];
        p.rank = 4;
    }
    out->storage_rank = p.rank;
    for (int d = 0; d < p.rank; d++)
        out->storage[d] = p.dims[d];
    return ACN_OK;
}

/* Matrices: [..., columns / 16, rows / 16, 16 rows, 16 columns]. A vector is a column. */
static acn_status matrix_layout(int rank, const int64_t *dims, acn_format_layout *out) {
    if (rank > ACN_MAX_DIMS - 2)
        return acn_fail(ACN_INVALID_ARGUMENT, "format %d holds up to %d dimensions, not %d",
                        ACN_FORMAT_FRACTAL_NZ, ACN_MAX_DIMS - 2, rank);
    int row = rank < 2 ? 0 : rank - 2, column = row + 1, batches = row;
    int64_t m1 = blocks(rank ? dims[row] : 1), n1 = blocks(rank < 2 ? 1 : dims[column]);
    int64_t step = m1 * n1 * ACN_FORMAT_BLOCK * ACN_FORMAT_BLOCK;
    out->is_split[row] = out->is_split[column] = true;
    out->block[row] = ACN_FORMAT_BLOCK * ACN_FORMAT_BLOCK;
    out->inner[row] = ACN_FORMAT_BLOCK;
    out->block[column] = m1 * ACN_FORMAT_BLOCK * ACN_FORMAT_BLOCK;
    out->inner[column] = 1;
    for (int d = batches - 1; d >= 0; d--) {
        out->block[d] = step;
        step *= dims[d];
    }
    for (int d = 0; d < batches; d++)
        out->storage[d] = dims[d];
    const int64_t tail[4] = {n1, m1, ACN_FORMAT_BLOCK, ACN_FORMAT_BLOCK};
    for (int d = 0; d < 4; d++)
        out->storage[batches + d] = tail[d];
    out->storage_rank = batches + 4;
    return ACN_OK;
}

acn_status acn_format_layout_of(int32_t format, int rank, const int64_t *dims,
                                acn_format_layout *out) {
    *out = (acn_format_layout){.rank = rank};
    if (!acn_format_is_known(format))
        return acn_fail(ACN_INVALID_ARGUMENT, "format is %d; expected a format known here", format);
    if (format == ACN_FORMAT_FRACTAL_NZ) return matrix_layout(rank, dims, out);
    return image_layout(format, rank, dims, out);
}

int64_t acn_format_elements(const acn_format_layout *layout) {
    int64_t count = 1;
    for (int d = 0; d < layout->storage_rank; d++)
        count *= layout->storage[d];
    return count;
}
