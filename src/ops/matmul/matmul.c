/* matmul.c - the matrix product operators: MatMul, MatMulV2, BatchMatMul, BatchMatMulV2, GEMM, Dot.
 *
 * They share infer, plan, run and run0 and differ in an acn_matmul_form: slot names and ranks. The
 * GEMM core does the work; an addend (bias, or beta * self) is its epilogue where the core sums in
 * f32, and is copied to C first otherwise. Operands of different types go to plain.c. */
#include "ops/matmul/matmul.h"
#include "ops/kernels/gemm.h"
#include "ops/precision.h"
#include "ops/tile.h"
#include <string.h>

enum { CUBE_SLOT = 2 }; /* attribute */

/* How D gets into C = alpha * A * B + beta * D. */
typedef enum addition { NO_ADDEND, BY_EPILOGUE, BY_COPY } addition;

typedef struct product {
    acn_matmul view;
    bool uses_gemm;
    addition addition;
    acn_gemm gemm;         /* scales and epilogue are set at each run */
    acn_tile_plan *copy_d; /* D, broadcast, to C */
} product;

static const acn_matmul_form *form_of(const acn_call *call) { return call->op->family; }

static acn_status infer(acn_call *call) {
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    ACN_TRY(acn_matmul_shape(call, form_of(call), &rank, dims));
    if (call->op->attr[CUBE_SLOT].name) ACN_TRY(acn_precision_check_cube(call, CUBE_SLOT, 0));
    acn_out_is(call, 0, ACN_UNDEFINED, rank, dims);
    return ACN_OK;
}

static bool sums_in_f32(acn_dtype dtype) {
    return dtype == ACN_F32 || dtype == ACN_F16 || dtype == ACN_BF16;
}

static bool fits_gemm(const acn_matmul *v) {
    if (v->a.dtype != v->b.dtype || v->batch_rank > ACN_GEMM_MAX_BATCH_DIMS) return false;
    if (!acn_gemm_supports(v->a.dtype, v->c.dtype)) return false;
    if (!v->has_addend) return true;
    return sums_in_f32(v->a.dtype) ? sums_in_f32(v->d.dtype) : v->d.dtype == v->c.dtype;
}

static acn_gemm_matrix matrix_of(const acn_matmul *v, const acn_matmul_side *side) {
    acn_gemm_matrix m = {.row_stride = side->row, .col_stride = side->col};
    for (int i = 0; i < v->batch_rank; i++)
        m.batch_stride[i] = side->batch[i];
    return m;
}

static acn_gemm describe(const acn_matmul *v) {
    acn_gemm g = {.m = v->m,
                  .n = v->n,
                  .k = v->k,
                  .dtype = v->a.dtype,
                  .c_dtype = v->c.dtype,
                  .a = matrix_of(v, &v->a),
                  .b = matrix_of(v, &v->b),
                  .c = matrix_of(v, &v->c),
                  .alpha = 1,
                  .batch_rank = v->batch_rank};
    memcpy(g.batch_dims, v->batch_dims, sizeof(int64_t) * (size_t)v->batch_rank);
    return g;
}

static acn_status plan_copy_of_addend(acn_call *call, product *p) {
    acn_program program = {0};
    acn_class k = acn_class_of(p->view.c.dtype);
    acn_p_store(&program, acn_p1(&program, ACN_U_COPY, acn_p_input(&program, 0, k)));
    return acn_tile_bind(call, &program, &call->out_first[0],
                         &call->in_first[form_of(call)->addend], 1, &p->copy_d);
}

static acn_status plan(acn_call *call) {
    product *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no memory for the plan of a matrix product");
    acn_matmul_view(call, form_of(call), &p->view);
    const acn_matmul *v = &p->view;
    call->plan->data = p;
    p->uses_gemm = fits_gemm(v);
    if (!p->uses_gemm) {
        double us = (double)v->batches * (double)v->m * (double)v->n * (double)(v->k + 1) / 500;
        call->plan->cost_us = us < 1e9 ? (uint32_t)us : 1000000000u;
        return ACN_OK;
    }
    p->gemm = describe(v);
    call->plan->workspace_bytes = acn_gemm_workspace_bytes(&p->gemm);
    call->plan->cost_us = acn_gemm_cost_us(&p->gemm);
    if (!v->has_addend) return ACN_OK;
    p->addition = sums_in_f32(v->a.dtype) ? BY_EPILOGUE : BY_COPY;
    return p->addition == BY_COPY ? plan_copy_of_addend(call, p) : ACN_OK;
}

/* ---- the GEMM core's epilogue: C += beta * D ------------------------------------------------- */

typedef struct addend {
    const acn_matmul *view;
    const acn_call *call;
    const char *data; /* when there is one matrix; else found for each row */
    float beta;
} addend;

static void add_row(float *c, const char *d, const acn_matmul_side *side, float beta, int64_t n) {
    int64_t bytes = (int64_t)acn_dtype_bytes(side->dtype);
    if (side->dtype == ACN_F32 && side->col == 1 && beta == 1) {
        acn_kernels_get()->micro[ACN_U_ADD][ACN_K_F32](c, c, d, NULL, n);
        return;
    }
    if (side->dtype == ACN_F32) {
        for (int64_t j = 0; j < n; j++)
            c[j] += beta * ((const float *)d)[j * side->col];
        return;
    }
    for (int64_t j = 0; j < n; j++)
        c[j] += beta * (float)acn_load_value(d + j * side->col * bytes, side->dtype).f;
}

static void add_addend(void *context, float *c, int64_t c_stride, int64_t row, int64_t col,
                       int64_t rows, int64_t cols) {
    const addend *d = context;
    const acn_matmul_side *side = &d->view->d;
    int64_t bytes = (int64_t)acn_dtype_bytes(side->dtype);
    for (int64_t i = row; i < row + rows; i++) {
        const char *matrix = d->data ? d->data : acn_matmul_at(d->view, d->call, i / d->view->m).d;
        add_row(c + (i - row) * c_stride,
                matrix + (i % d->view->m * side->row + col * side->col) * bytes, side, d->beta,
                cols);
    }
}

/* In place: only the core may read C before it writes it. */
static bool is_in_place(const acn_call *call) {
    const acn_tensor *d = acn_in(call, form_of(call)->addend), *c = acn_out(call, 0);
    return d->data == c->data && d->dtype == c->dtype && acn_tensor_same_shape(d, c);
}

static acn_status run(acn_call *call) {
    const product *p = call->plan->data;
    acn_matmul_scales scales = acn_matmul_read_scales(call, form_of(call));
    if (!p->uses_gemm) {
        acn_matmul_plain(&p->view, call, &scales);
        return ACN_OK;
    }
    acn_gemm g = p->gemm;
    addend d = {.view = &p->view, .call = call, .beta = (float)scales.beta.f};
    g.alpha = scales.alpha.f, g.alpha_im = scales.alpha.im, g.alpha_int = scales.alpha.i;
    if (p->addition != NO_ADDEND && (scales.beta.f != 0 || scales.beta.im != 0)) {
        bool in_place = is_in_place(call);
        if (p->addition == BY_COPY && !in_place) acn_tile_run(p->copy_d, call);
        if (p->addition == BY_COPY || in_place) {
            g.beta = scales.beta.f, g.beta_im = scales.beta.im, g.beta_int = scales.beta.i;
        } else {
            if (p->view.batch_rank == 0) d.data = acn_in(call, form_of(call)->addend)->data;
            g.epilogue = add_addend;
            g.epilogue_context = &d;
        }
    }
    acn_gemm_run(&g, acn_in(call, 0)->data, acn_in(call, 1)->data, acn_out(call, 0)->data,
                 call->workspace);
    return ACN_OK;
}

/* ---- level 0 --------------------------------------------------------------------------------- */

static acn_value element(const char *origin, const acn_matmul_side *side, int64_t i, int64_t j) {
    return acn_load_value(origin + (i * side->row + j * side->col) *
                                       (int64_t)acn_dtype_bytes(side->dtype),
                          side->dtype);
}

static acn_value dot(const acn_matmul *v, const acn_matmul_item *item, int64_t i, int64_t j) {
    double re = 0, im = 0;
    uint64_t whole = 0;
    for (int64_t p = 0; p < v->k; p++) {
        acn_value x = element(item->a, &v->a, i, p), y = element(item->b, &v->b, p, j);
        whole += (uint64_t)x.i * (uint64_t)y.i;
        if (v->compute == ACN_F64)
            re += x.f * y.f;
        else if (v->compute == ACN_C128) {
            re += x.f * y.f - x.im * y.im;
            im += x.f * y.im + x.im * y.f;
        }
    }
    return (acn_value){re, im, (int64_t)whole};
}

static acn_value scaled(const acn_matmul *v, acn_value x, acn_value by) {
    if (v->compute == ACN_I64) return (acn_value){.i = (int64_t)((uint64_t)x.i * (uint64_t)by.i)};
    if (v->compute == ACN_F64) return (acn_value){.f = x.f * by.f};
    return (acn_value){.f = x.f * by.f - x.im * by.im, .im = x.f * by.im + x.im * by.f};
}

static acn_status run0(acn_call *call) {
    acn_matmul v;
    acn_matmul_view(call, form_of(call), &v);
    acn_matmul_scales s = acn_matmul_read_scales(call, form_of(call));
    bool adds = v.has_addend && (s.beta.f != 0 || s.beta.im != 0);
    for (int64_t index = 0; index < v.batches; index++) {
        acn_matmul_item item = acn_matmul_at(&v, call, index);
        for (int64_t at = 0; at < v.m * v.n; at++) {
            int64_t i = at / v.n, j = at % v.n;
            acn_value sum = scaled(&v, dot(&v, &item, i, j), s.alpha);
            if (adds) {
                acn_value more = scaled(&v, element(item.d, &v.d, i, j), s.beta);
                sum.f += more.f, sum.im += more.im;
                sum.i = (int64_t)((uint64_t)sum.i + (uint64_t)more.i);
            }
            acn_store_value(item.c +
                                (i * v.c.row + j * v.c.col) * (int64_t)acn_dtype_bytes(v.c.dtype),
                            v.c.dtype, sum);
        }
    }
    return ACN_OK;
}

/* ---- the operators --------------------------------------------------------------------------- */

#define SCALAR_TYPES (ACN_ALL | ACN_T(ACN_C128))
#define SHARED       .infer = infer, .plan = plan, .run = run, .run0 = run0
/* What a client allows (precision.h). */
#define CUBE_MATH_TYPE                                                                             \
    { "cube_math_type", ACN_ATTR_INT }

static const acn_matmul_form matmul_form = {2, -1, -1, 0, 1, 1, ACN_MAX_DIMS};
static const acn_matmul_form matmul_2d_form = {2, -1, -1, 0, 1, 2, 2};
static const acn_matmul_form batch_form = {2, -1, -1, 0, 1, 2, ACN_MAX_DIMS};
static const acn_matmul_form gemm_form = {2, 3, 4, 0, 1, 1, ACN_MAX_DIMS};
static const acn_matmul_form dot_form = {-1, -1, -1, -1, -1, 1, 1};

ACN_OP(MatMul) = {
    .name = "MatMul",
    .doc = "Matrix product by torch.matmul's rules: vectors, matrices, broadcast batches.",
    .in = {{"x1", ACN_NUMBERS, ACN_UNALIASED},
           {"x2", ACN_NUMBERS, ACN_UNALIASED},
           {"bias", ACN_NUMBERS, ACN_OPTIONAL}},
    .out = {{"y", ACN_NUMBERS}},
    .attr = {{"transpose_x1", ACN_ATTR_BOOL}, {"transpose_x2", ACN_ATTR_BOOL}, CUBE_MATH_TYPE},
    SHARED,
    .family = &matmul_form,
    .cases = "tolerance=contraction "
             "[7],[7] [5,7],[7,3] [2,1,5,7],[3,7,4] [5,7],[7,3],[3] "
             "f32+bf16+i64[7],[7,3] f32+f16+i32[5,7],[7] f32+f16[65,130],[130,70] "
             "f32+i64[4,6,5,7],[7,3] f32+f64+i32+c64[3,0],[0,4] f32[0,4],[4,3] "
             "f32+f16[2,2,1,1,2,1,3,5],[5,3] "
             "f32+f64+i8[7,5],[7,3]|transpose_x1=1 f32+f64+i8[5,7],[3,7]|transpose_x2=1 "
             "f32+f16+i32[33,7],[7,3],[3] f16[5,7],f32[7,3]",
};

ACN_OP(MatMulV2) = {
    .name = "MatMulV2",
    .doc = "Product of two matrices, and a bias for each column.",
    .in = {{"x1", ACN_NUMBERS, ACN_UNALIASED},
           {"x2", ACN_NUMBERS, ACN_UNALIASED},
           {"bias", ACN_NUMBERS, ACN_OPTIONAL}},
    .out = {{"y", ACN_NUMBERS}},
    .attr = {{"transpose_x1", ACN_ATTR_BOOL}, {"transpose_x2", ACN_ATTR_BOOL}, CUBE_MATH_TYPE},
    SHARED,
    .family = &matmul_2d_form,
    .cases = "tolerance=contraction "
             "[5,7],[7,3] f32+bf16[130,65],[65,33],[33] f32[1,1],[1,1] f32+i32[3,0],[0,4]",
};

ACN_OP(BatchMatMul) = {
    .name = "BatchMatMul",
    .doc = "Matrix products of equal or broadcast batches.",
    .in = {{"x1", ACN_NUMBERS, ACN_UNALIASED}, {"x2", ACN_NUMBERS, ACN_UNALIASED}},
    .out = {{"y", ACN_NUMBERS}},
    .attr = {{"adj_x1", ACN_ATTR_BOOL}, {"adj_x2", ACN_ATTR_BOOL}, CUBE_MATH_TYPE},
    SHARED,
    .family = &batch_form,
    .cases = "tolerance=contraction "
             "[3,5,7],[3,7,4] f32+f16[9,17,33],[9,33,20] f32+i32[0,5,7],[0,7,4] "
             "f32+f64[2,5,0],[2,0,4] f32[2,7,5],[2,4,7]|adj_x1=1,adj_x2=1",
};

ACN_OP(BatchMatMulV2) = {
    .name = "BatchMatMulV2",
    .doc = "Matrix products of equal or broadcast batches, and a bias.",
    .in = {{"x1", ACN_NUMBERS, ACN_UNALIASED},
           {"x2", ACN_NUMBERS, ACN_UNALIASED},
           {"bias", ACN_NUMBERS, ACN_OPTIONAL}},
    .out = {{"y", ACN_NUMBERS}},
    .attr = {{"adj_x1", ACN_ATTR_BOOL}, {"adj_x2", ACN_ATTR_BOOL}, CUBE_MATH_TYPE},
    SHARED,
    .family = &batch_form,
    .cases = "tolerance=contraction [3,5,7],[3,7,4] f32+f16[3,5,7],[1,7,4],[4]",
};

ACN_OP(GEMM) = {
    .name = "GEMM",
    .doc = "alpha * a * b + beta * c, with c broadcast; a and b as in MatMul.",
    .in = {{"a", ACN_NUMBERS, ACN_UNALIASED},
           {"b", ACN_NUMBERS, ACN_UNALIASED},
           {"c", ACN_NUMBERS},
           {"alpha", SCALAR_TYPES, ACN_OPTIONAL | ACN_SCALARISH},
           {"beta", SCALAR_TYPES, ACN_OPTIONAL | ACN_SCALARISH}},
    .out = {{"y", ACN_NUMBERS}},
    .attr = {{"transpose_a", ACN_ATTR_BOOL}, {"transpose_b", ACN_ATTR_BOOL}, CUBE_MATH_TYPE},
    SHARED,
    .family = &gemm_form,
    .cases = "tolerance=contraction "
             "[5,7],[7,3],[5,3],1,1 f32+f16+bf16+f64+c64[5,7],[7,3],[3],0.5,-2.0 "
             "i8+u8+i16+i32+i64[5,7],[7,3],[5,1],3,-2 f32+f16[65,34],[34,20],[20],1,1 "
             "f32+bf16[4,5,7],[4,7,3],[4,5,3],2,0.25 f32+f64[5,7],[7],[5],2,3 "
             "f32+i32[5,0],[0,3],[3],2,3 f32[5,7],[7,3],[3],1,0",
};

ACN_OP(Dot) = {
    .name = "Dot",
    .doc = "Inner product of two vectors.",
    .in = {{"input_x", ACN_NUMBERS, ACN_UNALIASED}, {"input_y", ACN_NUMBERS, ACN_UNALIASED}},
    .out = {{"output", ACN_NUMBERS}},
    SHARED,
    .family = &dot_form,
    .cases = "tolerance=contraction [7],[7] f32[1000],[1000] f32+i32[0],[0]",
};
