/* affine_grid.c - AffineGrid: the positions of an output image's elements, moved by a matrix; for
 * GridSampler. */
#include "base/pool.h"
#include "ops/layout/stage.h"
#include "ops/op.h"

enum { SIZE, ALIGN_CORNERS };

typedef struct grid_plan {
    int spatial;
    int64_t images, dims[3]; /* depth, height, width */
    bool aligns_corners;
    acn_stage theta, grid;
} grid_plan;

static acn_status read_plan(const acn_call *c, grid_plan *p) {
    const acn_tensor *theta = acn_in(c, 0);
    int64_t count;
    const int64_t *size = acn_attr_ints(c, SIZE, &count);
    if (count != 4 && count != 5)
        return acn_bad_attr(c, SIZE, "has %lld numbers; expected 4 or 5", (long long)count);
    *p = (grid_plan){.spatial = (int)count - 2,
                     .images = size[0],
                     .dims = {1, 1, 1},
                     .aligns_corners = acn_attr_int(c, ALIGN_CORNERS) != 0};
    if (theta->rank != 3 || theta->dims[0] != size[0] || theta->dims[1] != p->spatial ||
        theta->dims[2] != p->spatial + 1)
        return acn_bad_input(c, 0, "expected [%lld, %d, %d]", (long long)size[0], p->spatial,
                             p->spatial + 1);
    for (int d = 0; d < p->spatial; d++) {
        p->dims[3 - p->spatial + d] = size[2 + d];
        if (size[2 + d] < 1)
            return acn_bad_attr(c, SIZE, "has %lld; expected one or more", (long long)size[2 + d]);
    }
    return ACN_OK;
}

static acn_status infer(acn_call *c) {
    grid_plan p;
    ACN_TRY(read_plan(c, &p));
    int64_t dims[5] = {p.images};
    for (int d = 0; d < p.spatial; d++)
        dims[1 + d] = p.dims[3 - p.spatial + d];
    dims[1 + p.spatial] = p.spatial;
    acn_out_is(c, 0, ACN_UNDEFINED, 2 + p.spatial, dims);
    return ACN_OK;
}

static acn_status plan(acn_call *c) {
    grid_plan *p = acn_plan_alloc(c, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for a plan");
    ACN_TRY(read_plan(c, p));
    uint64_t bytes = 0;
    ACN_TRY(acn_stage_plan(&p->theta, acn_in(c, 0), ACN_F32, false, &bytes));
    ACN_TRY(acn_stage_plan(&p->grid, acn_out(c, 0), ACN_F32, true, &bytes));
    c->plan->workspace_bytes = bytes;
    c->plan->cost_us = (uint32_t)(acn_tensor_count(acn_out(c, 0)) / 300);
    c->plan->data = p;
    return ACN_OK;
}

/* From -1 to 1: the elements' middles, or the outer ones at the ends. */
static double position(const grid_plan *p, int64_t i, int64_t size) {
    if (size <= 1) return 0;
    double x = -1 + 2 * (double)i / (double)(size - 1);
    return p->aligns_corners ? x : x * (double)(size - 1) / (double)size;
}

typedef struct job {
    const grid_plan *p;
    const float *theta;
    float *grid;
} job;

static void run_row(void *context, int64_t row, int worker) {
    const job *j = context;
    const grid_plan *p = j->p;
    int n = p->spatial;
    int64_t y = row % p->dims[1], z = row / p->dims[1] % p->dims[0];
    const float *theta = j->theta + row / p->dims[1] / p->dims[0] * n * (n + 1);
    float *to = j->grid + row * p->dims[2] * n;
    for (int64_t x = 0; x < p->dims[2]; x++) {
        const double at[3] = {position(p, x, p->dims[2]), position(p, y, p->dims[1]),
                              position(p, z, p->dims[0])};
        for (int i = 0; i < n; i++) {
            double sum = theta[i * (n + 1) + n];
            for (int k = 0; k < n; k++)
                sum += theta[i * (n + 1) + k] * at[k];
            *to++ = (float)sum;
        }
    }
}

static acn_status run(acn_call *c) {
    const grid_plan *p = c->plan->data;
    job j = {.p = p,
             .theta = acn_stage_in(&p->theta, acn_in(c, 0), c->workspace),
             .grid = acn_stage_room(&p->grid, acn_out(c, 0), c->workspace)};
    acn_pool_run(p->images * p->dims[0] * p->dims[1], run_row, &j);
    acn_stage_out(&p->grid, acn_out(c, 0), c->workspace);
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    grid_plan p;
    ACN_TRY(read_plan(c, &p));
    const acn_tensor *theta = acn_in(c, 0), *grid = acn_out(c, 0);
    int n = p.spatial;
    for (int64_t at = 0; at < acn_tensor_count(grid); at++) {
        int64_t i = at % n, point = at / n, image = point / (p.dims[0] * p.dims[1] * p.dims[2]);
        const double x[4] = {position(&p, point % p.dims[2], p.dims[2]),
                             position(&p, point / p.dims[2] % p.dims[1], p.dims[1]),
                             position(&p, point / p.dims[2] / p.dims[1] % p.dims[0], p.dims[0])};
        double sum = 0;
        for (int k = 0; k <= n; k++)
            sum += acn_load_value(acn_tensor_at(theta, (image * n + i) * (n + 1) + k), theta->dtype)
                       .f *
                   (k == n ? 1 : x[k]);
        acn_store_value(acn_tensor_at(grid, at), grid->dtype, (acn_value){.f = sum});
    }
    return ACN_OK;
}

#define TYPES (ACN_T(ACN_F32) | ACN_T(ACN_F16) | ACN_T(ACN_BF16))

ACN_OP(AffineGrid) = {
    .name = "AffineGrid",
    .doc = "Positions of an image's elements, moved by a matrix",
    .in = {{"theta", TYPES, ACN_UNALIASED}},
    .out = {{"y", TYPES}},
    .attr = {{"output_size", ACN_ATTR_INTS, .is_required = true}, {"align_corners", ACN_ATTR_BOOL}},
    .infer = infer,
    .plan = plan,
    .run = run,
    .run0 = run0,
    .cases = "tolerance=reduction [2,2,3]|output_size=[2,4,5,6] "
             "[2,2,3]|output_size=[2,4,1,6],align_corners=1 f32[1,3,4]|output_size=[1,2,3,4,5]",
};
