/* unfold.c - Im2col: each window of an image as a column; and Col2im, its transposed map, which
 * adds columns up into an image. Convolutions here do not use them. */
#include "base/pool.h"
#include "ops/layout/stage.h"
#include "ops/op.h"
#include <string.h>

enum { KERNEL, DILATION, PADDING, STRIDE, SIZE }; /* attributes; SIZE: the image's, of Col2im */

typedef struct unfolding {
    int64_t images, channels, size[2], kernel[2], dilation[2], padding[2], stride[2], out[2];
    bool is_fold;
    acn_stage from, to;
} unfolding;

static acn_status read_pair(const acn_call *c, int slot, int64_t least, int64_t fallback,
                            int64_t *out) {
    int64_t count;
    const int64_t *items = acn_attr_ints(c, slot, &count);
    if (count > 2) return acn_bad_attr(c, slot, "has %lld numbers; expected 2", (long long)count);
    for (int d = 0; d < 2; d++) {
        out[d] = count == 0 ? fallback : items[count == 1 ? 0 : d];
        if (out[d] < least || out[d] > INT32_MAX / 4)
            return acn_bad_attr(c, slot, "has %lld; expected at least %lld", (long long)out[d],
                                (long long)least);
    }
    return ACN_OK;
}

static acn_status read_windows(const acn_call *c, unfolding *u) {
    ACN_TRY(read_pair(c, KERNEL, 1, 1, u->kernel));
    ACN_TRY(read_pair(c, DILATION, 1, 1, u->dilation));
    ACN_TRY(read_pair(c, PADDING, 0, 0, u->padding));
    ACN_TRY(read_pair(c, STRIDE, 1, 1, u->stride));
    for (int d = 0; d < 2; d++) {
        int64_t room = u->size[d] + 2 * u->padding[d] - u->dilation[d] * (u->kernel[d] - 1) - 1;
        if (room < 0) return acn_bad_attr(c, KERNEL, "is larger than the padded image");
        u->out[d] = room / u->stride[d] + 1;
    }
    return ACN_OK;
}

static acn_status read_unfold(const acn_call *c, unfolding *u) {
    const acn_tensor *x = acn_in(c, 0);
    if (x->rank != 3 && x->rank != 4) return acn_bad_input(c, 0, "expected 3 or 4 dimensions");
    *u = (unfolding){.images = x->rank == 4 ? x->dims[0] : 1, .channels = x->dims[x->rank - 3]};
    u->size[0] = x->dims[x->rank - 2];
    u->size[1] = x->dims[x->rank - 1];
    return read_windows(c, u);
}

static acn_status read_fold(const acn_call *c, unfolding *u) {
    const acn_tensor *x = acn_in(c, 0);
    if (x->rank != 2 && x->rank != 3) return acn_bad_input(c, 0, "expected 2 or 3 dimensions");
    *u = (unfolding){.images = x->rank == 3 ? x->dims[0] : 1, .is_fold = true};
    ACN_TRY(read_pair(c, SIZE, 1, 1, u->size));
    ACN_TRY(read_windows(c, u));
    int64_t taps = u->kernel[0] * u->kernel[1], rows = x->dims[x->rank - 2];
    if (rows % taps != 0 || x->dims[x->rank - 1] != u->out[0] * u->out[1])
        return acn_bad_input(c, 0, "expected a multiple of %lld rows and %lld columns",
                             (long long)taps, (long long)(u->out[0] * u->out[1]));
    u->channels = rows / taps;
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    unfolding u;
    ACN_TRY(read_unfold(c, &u));
    const int64_t dims[3] = {u.images, u.channels * u.kernel[0] * u.kernel[1], u.out[0] * u.out[1]};
    bool is_batched = acn_in(c, 0)->rank == 4;
    acn_out_is(c, 0, acn_in(c, 0)->dtype, is_batched ? 3 : 2, dims + !is_batched);
    return ACN_OK;
}

static acn_status infer_fold(acn_call *c) {
    unfolding u;
    ACN_TRY(read_fold(c, &u));
    const int64_t dims[4] = {u.images, u.channels, u.size[0], u.size[1]};
    bool is_batched = acn_in(c, 0)->rank == 3;
    acn_out_is(c, 0, ACN_UNDEFINED, is_batched ? 4 : 3, dims + !is_batched);
    return ACN_OK;
}

static acn_status finish_plan(acn_call *c, const unfolding *read, acn_dtype dtype) {
    unfolding *u = acn_plan_alloc(c, sizeof *u);
    if (!u) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    *u = *read;
    uint64_t bytes = 0;
    ACN_TRY(acn_stage_plan(&u->from, acn_in(c, 0), dtype, false, &bytes));
    ACN_TRY(acn_stage_plan(&u->to, acn_out(c, 0), dtype, true, &bytes));
    c->plan->workspace_bytes = bytes;
    c->plan->cost_us = (uint32_t)(u->images * u->channels * u->kernel[0] * u->kernel[1] *
                                  u->out[0] * u->out[1] / 1000);
    c->plan->data = u;
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    unfolding u;
    ACN_TRY(read_unfold(c, &u));
    return finish_plan(c, &u, acn_in(c, 0)->dtype);
}

static acn_status plan_fold(acn_call *c) {
    unfolding u;
    ACN_TRY(read_fold(c, &u));
    return finish_plan(c, &u, ACN_F32);
}

typedef struct job {
    const unfolding *u;
    char *image, *columns;
    size_t bytes;
} job;

/* Columns [first, last) of an output row whose element for tap |kx| is inside. */
static void inside(const unfolding *u, int64_t kx, int64_t *first, int64_t *last, int64_t *from) {
    *from = kx * u->dilation[1] - u->padding[1];
    *first = *from < 0 ? (-*from + u->stride[1] - 1) / u->stride[1] : 0;
    *last = *from < u->size[1] ? (u->size[1] - 1 - *from) / u->stride[1] + 1 : 0;
    if (*last > u->out[1]) *last = u->out[1];
    if (*first > *last) *first = *last;
}

static void unfold_row(const job *j, const char *image, char *row, int64_t ky, int64_t kx,
                       int64_t y) {
    const unfolding *u = j->u;
    int64_t sy = y * u->stride[0] + ky * u->dilation[0] - u->padding[0], first, last, from;
    inside(u, kx, &first, &last, &from);
    if (sy < 0 || sy >= u->size[0]) first = last = 0;
    ACN_BY_BYTES(j->bytes, item, {
        item *d = (item *)row;
        const item *s = (const item *)image + sy * u->size[1];
        memset(d, 0, (size_t)first * sizeof(item));
        for (int64_t x = first; x < last; x++)
            d[x] = s[from + x * u->stride[1]];
        memset(d + last, 0, (size_t)(u->out[1] - last) * sizeof(item));
    });
}

static void fold_row(const job *j, float *image, const float *row, int64_t ky, int64_t kx,
                     int64_t y) {
    const unfolding *u = j->u;
    int64_t sy = y * u->stride[0] + ky * u->dilation[0] - u->padding[0], first, last, from;
    inside(u, kx, &first, &last, &from);
    if (sy < 0 || sy >= u->size[0]) return;
    float *d = image + sy * u->size[1];
    for (int64_t x = first; x < last; x++)
        d[from + x * u->stride[1]] += row[x];
}

static void run_plane(void *context, int64_t plane, int worker) {
    const job *j = context;
    const unfolding *u = j->u;
    int64_t taps = u->kernel[0] * u->kernel[1], area = u->size[0] * u->size[1];
    int64_t columns = u->out[0] * u->out[1];
    char *image = j->image + (size_t)(plane * area) * j->bytes;
    if (u->is_fold) memset(image, 0, (size_t)area * j->bytes);
    for (int64_t t = 0; t < taps; t++)
        for (int64_t y = 0; y < u->out[0]; y++) {
            char *row =
                j->columns + (size_t)((plane * taps + t) * columns + y * u->out[1]) * j->bytes;
            if (u->is_fold)
                fold_row(j, (float *)image, (const float *)row, t / u->kernel[1], t % u->kernel[1],
                         y);
            else
                unfold_row(j, image, row, t / u->kernel[1], t % u->kernel[1], y);
        }
}

static acn_status run(acn_call *c) {
    const unfolding *u = c->plan->data;
    void *from = acn_stage_in(&u->from, acn_in(c, 0), c->workspace);
    void *to = acn_stage_room(&u->to, acn_out(c, 0), c->workspace);
    job j = {.u = u,
             .image = u->is_fold ? to : from,
             .columns = u->is_fold ? from : to,
             .bytes = u->is_fold ? sizeof(float) : acn_dtype_bytes(acn_in(c, 0)->dtype)};
    acn_pool_run(u->images * u->channels, run_plane, &j);
    acn_stage_out(&u->to, acn_out(c, 0), c->workspace);
    return ACN_OK;
}

/* The image's element that column element |linear| is, or -1. */
static int64_t element_of(const unfolding *u, int64_t linear) {
    int64_t columns = u->out[0] * u->out[1], taps = u->kernel[0] * u->kernel[1];
    int64_t x = linear % columns % u->out[1], y = linear % columns / u->out[1];
    int64_t tap = linear / columns % taps, plane = linear / columns / taps;
    int64_t sy = y * u->stride[0] + tap / u->kernel[1] * u->dilation[0] - u->padding[0];
    int64_t sx = x * u->stride[1] + tap % u->kernel[1] * u->dilation[1] - u->padding[1];
    if (sy < 0 || sy >= u->size[0] || sx < 0 || sx >= u->size[1]) return -1;
    return (plane * u->size[0] + sy) * u->size[1] + sx;
}

static acn_status run0(acn_call *c) {
    unfolding u;
    ACN_TRY(read_unfold(c, &u));
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    for (int64_t i = 0; i < acn_tensor_count(y); i++) {
        int64_t at = element_of(&u, i);
        if (at < 0)
            acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){0});
        else
            acn_convert_element(acn_tensor_at(y, i), y->dtype, acn_tensor_at(x, at), x->dtype);
    }
    return ACN_OK;
}

static acn_status run0_fold(acn_call *c) {
    unfolding u;
    ACN_TRY(read_fold(c, &u));
    const acn_tensor *x = acn_in(c, 0), *y = acn_out(c, 0);
    for (int64_t at = 0; at < acn_tensor_count(y); at++) {
        double total = 0;
        for (int64_t i = 0; i < acn_tensor_count(x); i++)
            if (element_of(&u, i) == at) total += acn_load_value(acn_tensor_at(x, i), x->dtype).f;
        acn_store_value(acn_tensor_at(y, at), y->dtype, (acn_value){.f = total});
    }
    return ACN_OK;
}

/* clang-format off */
#define ATTRS                                                                                      \
    {"ksizes", ACN_ATTR_INTS, .is_required = true}, {"dilations", ACN_ATTR_INTS},                  \
    {"pads", ACN_ATTR_INTS}, {"strides", ACN_ATTR_INTS}
/* clang-format on */

ACN_OP(Im2col) = {
    .name = "Im2col",
    .doc = "Each window of an image as a column",
    .in = {{"x", ACN_ALL, ACN_UNALIASED}},
    .out = {{"y", ACN_ALL}},
    .attr = {ATTRS},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "[2,3,5,7]|ksizes=[3,2],pads=[1,1] f32+i64[3,5,7]|ksizes=[2,3],dilations=[2,1],"
             "strides=[1,2],pads=[0,2]",
};

ACN_OP(Col2im) = {
    .name = "Col2im",
    .doc = "Columns added up where Im2col takes them from",
    .in = {{"x", ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16), ACN_UNALIASED}},
    .out = {{"y", ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16)}},
    .attr = {ATTRS, {"output_size", ACN_ATTR_INTS, .is_required = true}},
    .infer = infer_fold,
    .plan = plan_fold,
    .run = run,
    .run0 = run0_fold,
    .cases = "tolerance=reduction [2,18,40]|ksizes=[3,2],pads=[1,1],output_size=[5,7] "
             "f32[12,15]|ksizes=[2,3],strides=[1,2],pads=[0,1],dilations=[2,1],output_size=[5,9]",
};
