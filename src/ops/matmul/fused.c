/* fused.c - matrix products with something around them: Addbmm sums a batch of products,
 * TransposeBatchMatMul takes batches that lie between rows, FusedMatmul goes on elementwise. */
#include "ops/formats.h"
#include "ops/matmul/weight_nz.h"
#include "ops/precision.h"
#include "ops/steps.h"
#include <math.h>
#include <string.h>

#define SCALAR_TYPES (ACN_ALL | ACN_T(ACN_C128))
/* clang-format off */
#define OWN(name, types) {name, types, ACN_UNALIASED}
#define CUBE {"cube_math_type", ACN_ATTR_INT}
/* clang-format on */

static acn_value load(const acn_tensor *t, int64_t at) {
    return acn_load_value((const char *)t->data + at * (int64_t)acn_dtype_bytes(t->dtype),
                          t->dtype);
}

/* sum += a * b, in all three ways of counting at once. */
static void add_product(acn_value *sum, acn_value a, acn_value b) {
    sum->f += a.f * b.f - a.im * b.im;
    sum->im += a.f * b.im + a.im * b.f;
    sum->i = (int64_t)((uint64_t)sum->i + (uint64_t)a.i * (uint64_t)b.i);
}

/* ---- Addbmm ---------------------------------------------------------------------------------- */

enum { A, B, C, ALPHA, BETA };

static acn_status addbmm_infer(acn_call *c) {
    const acn_tensor *a = acn_in(c, A), *b = acn_in(c, B), *d = acn_in(c, C);
    ACN_TRY(acn_precision_check_cube(c, 0, A));
    if (a->rank != 3) return acn_bad_input(c, A, "expected [batches, n, m]");
    if (b->rank != 3 || b->dims[0] != a->dims[0] || b->dims[1] != a->dims[2])
        return acn_bad_input(c, B, "expected [%lld, %lld, p]", (long long)a->dims[0],
                             (long long)a->dims[2]);
    const int64_t dims[] = {a->dims[1], b->dims[2]};
    int rank = 2;
    int64_t joint[ACN_MAX_DIMS] = {dims[0], dims[1]};
    if (!acn_shape_broadcast(&rank, joint, d->rank, d->dims) || rank != 2 ||
        memcmp(joint, dims, sizeof dims) != 0)
        return acn_bad_input(c, C, "it must broadcast to the product's shape");
    acn_out_is(c, 0, ACN_UNDEFINED, 2, dims);
    return ACN_OK;
}

/* The sum of products is one product: of all a side by side, and all b one below the other. */
static acn_status addbmm_plan(acn_call *c) {
    const acn_tensor *a = acn_in(c, A), *b = acn_in(c, B);
    const int64_t perm[] = {1, 0, 2}, inner = a->dims[0] * a->dims[2];
    const int64_t between[] = {a->dims[1], a->dims[0], a->dims[2]};
    const int64_t wide[] = {a->dims[1], inner}, tall[] = {inner, b->dims[2]};
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor left = acn_steps_room(s, a->dtype, 3, between), a_in = acn_steps_in(s, A);
    acn_tensor right = acn_steps_in(s, B);
    acn_step_unary(s, "TensorMove", acn_view_permuted(&a_in, perm), left);
    if (!acn_tensor_is_contiguous(b)) {
        right = acn_steps_room(s, b->dtype, 3, b->dims);
        acn_step_unary(s, "TensorMove", acn_steps_in(s, B), right);
    }
    acn_step_binary(s, "GEMM", acn_view_reshaped(&left, 2, wide),
                    acn_view_reshaped(&right, 2, tall), acn_steps_out(s, 0));
    acn_step_in(s, "c", acn_steps_in(s, C));
    if (acn_in(c, ALPHA)) acn_step_in(s, "alpha", acn_steps_in(s, ALPHA));
    if (acn_in(c, BETA)) acn_step_in(s, "beta", acn_steps_in(s, BETA));
    return acn_steps_end(s);
}

static acn_value factor(const acn_call *c, int slot) {
    const acn_tensor *t = acn_in(c, slot);
    acn_value v = t ? load(t, 0) : (acn_value){.f = 1, .i = 1};
    bool is_whole = t && !acn_dtype_is_float(t->dtype) && !acn_dtype_is_complex(t->dtype);
    if (is_whole) v.f = (double)v.i;
    if (t && !is_whole) v.i = (int64_t)v.f;
    return v;
}

static acn_status addbmm_run0(acn_call *c) {
    const acn_tensor *a = acn_in(c, A), *b = acn_in(c, B), *d = acn_in(c, C), *y = acn_out(c, 0);
    acn_value alpha = factor(c, ALPHA), beta = factor(c, BETA);
    for (int64_t i = 0; i < y->dims[0]; i++)
        for (int64_t j = 0; j < y->dims[1]; j++) {
            acn_value sum = {0}, all = {0};
            for (int64_t k = 0; k < a->dims[0] * a->dims[2]; k++) {
                int64_t batch = k / a->dims[2], at = k % a->dims[2];
                add_product(
                    &sum, load(a, batch * a->strides[0] + i * a->strides[1] + at * a->strides[2]),
                    load(b, batch * b->strides[0] + at * b->strides[1] + j * b->strides[2]));
            }
            int64_t at = 0;
            if (d->rank > 0 && d->dims[d->rank - 1] > 1) at += j * d->strides[d->rank - 1];
            if (d->rank > 1 && d->dims[0] > 1) at += i * d->strides[0];
            add_product(&all, sum, alpha);
            if (beta.f != 0 || beta.im != 0) add_product(&all, load(d, at), beta);
            acn_store_value(acn_tensor_at(y, i * y->dims[1] + j), y->dtype, all);
        }
    return ACN_OK;
}

ACN_OP(Addbmm) = {
    .name = "Addbmm",
    .doc = "beta * c + alpha * the sum over the batch of a * b",
    .in = {OWN("a", ACN_NUMBERS),
           OWN("b", ACN_NUMBERS),
           {"c", ACN_NUMBERS},
           {"alpha", SCALAR_TYPES, ACN_OPTIONAL | ACN_SCALARISH},
           {"beta", SCALAR_TYPES, ACN_OPTIONAL | ACN_SCALARISH}},
    .out = {{"y", ACN_NUMBERS}},
    .attr = {CUBE},
    .infer = addbmm_infer,
    .plan = addbmm_plan,
    .run = acn_steps_run,
    .run0 = addbmm_run0,
    .cases = "tolerance=contraction [3,5,7],[3,7,4],[5,4],1,1 "
             "f32+f16+bf16+f64+c64[2,5,7],[2,7,3],[3],0.5,-2.0 "
             "i8+u8+i16+i32+i64[2,5,7],[2,7,3],[5,1],3,-2 f32+f16[4,33,20],[4,20,17],[],2,0 "
             "f32[0,5,7],[0,7,4],[5,4],1,2",
};

/* ---- TransposeBatchMatMul -------------------------------------------------------------------- */

enum { X1, X2, BIAS, SCALE, PERM_1 = 0, PERM_2, PERM_Y, SPLIT, TRANSPOSE_CUBE };

static acn_status read_perm(const acn_call *c, int slot, const int64_t *fallback, int64_t *out) {
    int64_t count;
    const int64_t *perm = acn_attr_ints(c, slot, &count);
    memcpy(out, fallback, 3 * sizeof *out);
    if (count == 0) return ACN_OK;
    if (count == 3) memcpy(out, perm, 3 * sizeof *out);
    int seen = 0;
    for (int d = 0; d < 3; d++)
        seen |= out[d] >= 0 && out[d] < 3 ? 1 << out[d] : 0;
    if (count != 3 || seen != 7) return acn_bad_attr(c, slot, "must be an order of 0, 1 and 2");
    return ACN_OK;
}

/* The operands as [split, batches / split, ...] and where the result lies in the same way; |in|
 * and |y| are the tensors, or stand for them. */
typedef struct batches {
    int64_t split, count, m, n, k;
    int64_t perm[3][3];
} batches;

static acn_status read_batches(const acn_call *c, batches *b) {
    static const int64_t same[] = {0, 1, 2}, first[] = {1, 0, 2};
    const acn_tensor *x1 = acn_in(c, X1), *x2 = acn_in(c, X2), *bias = acn_in(c, BIAS);
    ACN_TRY(acn_precision_check_cube(c, TRANSPOSE_CUBE, X1));
    if (x1->rank != 3) return acn_bad_input(c, X1, "expected 3 dimensions");
    if (x2->rank != 3) return acn_bad_input(c, X2, "expected 3 dimensions");
    if (acn_in(c, SCALE)) return acn_bad_input(c, SCALE, "a quantised result is not supported");
    if (acn_format_is_known(x1->format) ||
        (acn_format_is_known(x2->format) && x2->format != ACN_FORMAT_FRACTAL_NZ))
        return acn_bad_input(c, X2, "only it may have a private format, and only FRACTAL_NZ (%d)",
                             ACN_FORMAT_FRACTAL_NZ);
    ACN_TRY(read_perm(c, PERM_1, same, b->perm[0]));
    ACN_TRY(read_perm(c, PERM_2, same, b->perm[1]));
    ACN_TRY(read_perm(c, PERM_Y, first, b->perm[2]));
    b->count = x1->dims[b->perm[0][0]], b->m = x1->dims[b->perm[0][1]];
    b->k = x1->dims[b->perm[0][2]], b->n = x2->dims[b->perm[1][2]];
    if (x2->dims[b->perm[1][0]] != b->count || x2->dims[b->perm[1][1]] != b->k)
        return acn_bad_input(c, X2, "expected %lld batches of %lld rows", (long long)b->count,
                             (long long)b->k);
    b->split = acn_attr_int(c, SPLIT);
    if (b->split < 1 || b->count % b->split != 0)
        return acn_bad_attr(c, SPLIT, "is %lld; expected a divisor of the %lld batches",
                            (long long)b->split, (long long)b->count);
    if (b->split > 1 && memcmp(b->perm[2], first, sizeof first) != 0)
        return acn_bad_attr(c, PERM_Y, "must be 1, 0, 2 where batches are split");
    if (bias && (bias->rank < 1 || acn_tensor_count(bias) != b->n))
        return acn_bad_input(c, BIAS, "expected one number for each of the %lld columns",
                             (long long)b->n);
    return ACN_OK;
}

static acn_status transpose_infer(acn_call *c) {
    batches b;
    ACN_TRY(read_batches(c, &b));
    const int64_t plain[] = {b.count, b.m, b.n};
    int64_t dims[] = {b.split, b.m, b.count / b.split * b.n};
    for (int d = 0; d < 3 && b.split == 1; d++)
        dims[d] = plain[b.perm[2][d]];
    acn_out_is(c, 0, ACN_UNDEFINED, 3, dims);
    return ACN_OK;
}

/* An operand in the order that |perm| gives, its batches split in two. */
static acn_tensor operand_view(const batches *b, const acn_tensor *t, const int64_t *perm) {
    acn_tensor ordered = acn_view_permuted(t, perm), view = ordered;
    view.rank = 4;
    view.dims[0] = b->split, view.dims[1] = b->count / b->split;
    view.strides[1] = ordered.strides[0];
    view.strides[0] = ordered.strides[0] * view.dims[1];
    for (int d = 1; d < 3; d++) {
        view.dims[d + 1] = ordered.dims[d];
        view.strides[d + 1] = ordered.strides[d];
    }
    return view;
}

static acn_tensor result_view(const batches *b, const acn_tensor *y) {
    int64_t inverse[3];
    for (int d = 0; d < 3; d++)
        inverse[b->perm[2][d]] = d;
    if (b->split == 1) return operand_view(b, y, inverse);
    acn_tensor view = *y;
    view.rank = 4;
    const int64_t dims[] = {b->split, b->count / b->split, b->m, b->n};
    const int64_t strides[] = {y->strides[0], b->n * y->strides[2], y->strides[1], y->strides[2]};
    memcpy(view.dims, dims, sizeof dims);
    memcpy(view.strides, strides, sizeof strides);
    return view;
}

static acn_status transpose_plan(acn_call *c) {
    batches b;
    ACN_TRY(read_batches(c, &b));
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor x1 = acn_steps_in(s, X1), x2 = acn_weight_plain(s, X2), y = acn_steps_out(s, 0);
    acn_step_binary(s, "BatchMatMulV2", operand_view(&b, &x1, b.perm[0]),
                    operand_view(&b, &x2, b.perm[1]), result_view(&b, &y));
    if (acn_in(c, BIAS)) {
        acn_tensor bias = acn_steps_in(s, BIAS);
        bias.strides[0] = bias.strides[bias.rank - 1];
        bias.dims[0] = b.n, bias.rank = 1;
        acn_step_in(s, "bias", bias);
    }
    return acn_steps_end(s);
}

static int64_t place(const acn_tensor *t, int64_t batch, int64_t row, int64_t col) {
    return batch / t->dims[1] * t->strides[0] + batch % t->dims[1] * t->strides[1] +
           row * t->strides[2] + col * t->strides[3];
}

static acn_status transpose_run0(acn_call *c) {
    batches b;
    ACN_TRY(read_batches(c, &b));
    acn_tensor x1 = operand_view(&b, acn_in(c, X1), b.perm[0]), right;
    ACN_TRY(acn_weight_plain0(c, X2, &right));
    acn_tensor x2 = operand_view(&b, &right, b.perm[1]), y = result_view(&b, acn_out(c, 0));
    for (int64_t at = 0; at < b.count * b.m * b.n; at++) {
        int64_t batch = at / b.n / b.m, i = at / b.n % b.m, j = at % b.n;
        acn_value sum = {0};
        if (acn_in(c, BIAS))
            sum = acn_load_value(acn_tensor_at(acn_in(c, BIAS), j), acn_in(c, BIAS)->dtype);
        for (int64_t k = 0; k < b.k; k++)
            add_product(&sum, load(&x1, place(&x1, batch, i, k)),
                        load(&x2, place(&x2, batch, k, j)));
        acn_store_value((char *)y.data + place(&y, batch, i, j) * (int64_t)acn_dtype_bytes(y.dtype),
                        y.dtype, sum);
    }
    return ACN_OK;
}

ACN_OP(TransposeBatchMatMul) = {
    .name = "TransposeBatchMatMul",
    .doc = "Products of batches, operands and result in any order of their dimensions",
    .in = {OWN("x1", ACN_FLOATS),
           OWN("x2", ACN_FLOATS),
           {"bias", ACN_FLOATS, ACN_OPTIONAL},
           {"scale", ACN_ALL | ACN_UNSIGNED, ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{"perm_x1", ACN_ATTR_INTS},
             {"perm_x2", ACN_ATTR_INTS},
             {"perm_y", ACN_ATTR_INTS},
             {"batch_split_factor", ACN_ATTR_INT, .fallback = 1},
             CUBE},
    .infer = transpose_infer,
    .plan = transpose_plan,
    .run = acn_steps_run,
    .run0 = transpose_run0,
    .flags = ACN_OP_ANY_FORMAT,
    .cases = "tolerance=contraction [3,5,7],[3,7,4] [5,3,7],[3,7,4],[4]|perm_x1=[1,0,2] "
             "[4,5,7],[7,4,3]|perm_x2=[1,0,2],batch_split_factor=2 "
             "[3,5,7],[3,4,7]|perm_x2=[0,2,1],perm_y=[0,1,2] f32+bf16[4,33,20],[4,20,17]",
};

/* ---- FusedMatmul ----------------------------------------------------------------------------- */

enum { X3 = 3, KIND = 0, FUSED_CUBE };

typedef enum fused { NOTHING, TO_F32, ADD, MUL, GELU, GELU_TANH, RELU, FUSED_COUNT } fused;
static const char *const kinds[] = {"", "16cast32", "add", "mul", "gelu_erf", "gelu_tanh", "relu"};

static acn_status read_kind(const acn_call *c, fused *out) {
    const char *text = c->attr[KIND].is_present ? c->attr[KIND].text : "";
    for (int i = 0; i < FUSED_COUNT; i++)
        if (strcmp(text, kinds[i]) == 0) {
            *out = (fused)i;
            return ACN_OK;
        }
    return acn_bad_attr(c, KIND,
                        "is \"%s\"; expected \"\", \"16cast32\", \"add\", \"mul\", \"gelu_erf\", "
                        "\"gelu_tanh\" or \"relu\"",
                        text);
}

static acn_status fused_infer(acn_call *c) {
    fused kind;
    const acn_tensor *x1 = acn_in(c, X1), *x2 = acn_in(c, X2), *x3 = acn_in(c, X3);
    const acn_tensor *bias = acn_in(c, BIAS);
    ACN_TRY(read_kind(c, &kind));
    ACN_TRY(acn_precision_check_cube(c, FUSED_CUBE, X1));
    if (x1->rank < 2) return acn_bad_input(c, X1, "expected at least 2 dimensions");
    int64_t k = x1->dims[x1->rank - 1], dims[ACN_MAX_DIMS] = {0};
    if (x2->rank < 2 || x2->dims[x2->rank - 2] != k)
        return acn_bad_input(c, X2, "expected [..., %lld, n]", (long long)k);
    int rank = x1->rank - 2;
    memcpy(dims, x1->dims, sizeof *dims * (size_t)rank);
    if (!acn_shape_broadcast(&rank, dims, x2->rank - 2, x2->dims))
        return acn_bad_input(c, X2, "its batch dimensions do not broadcast");
    dims[rank++] = x1->dims[x1->rank - 2];
    dims[rank++] = x2->dims[x2->rank - 1];
    if (bias && acn_tensor_count(bias) != dims[rank - 1])
        return acn_bad_input(c, BIAS, "expected one number for each of the %lld columns",
                             (long long)dims[rank - 1]);
    if ((kind == ADD || kind == MUL) != (x3 != NULL))
        return acn_bad_input(c, X3, "\"add\" and \"mul\" take it, nothing else does");
    int64_t joint[ACN_MAX_DIMS];
    int joint_rank = rank;
    memcpy(joint, dims, sizeof joint);
    if (x3 && (!acn_shape_broadcast(&joint_rank, joint, x3->rank, x3->dims) || joint_rank != rank ||
               memcmp(joint, dims, sizeof *dims * (size_t)rank) != 0))
        return acn_bad_input(c, X3, "it must broadcast to the product's shape");
    acn_out_is(c, 0, ACN_UNDEFINED, rank, dims);
    return ACN_OK;
}

static acn_status fused_plan(acn_call *c) {
    fused kind;
    const acn_tensor *y = acn_out(c, 0);
    ACN_TRY(read_kind(c, &kind));
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor to = acn_steps_out(s, 0), product = to;
    if (kind > TO_F32)
        product = acn_steps_room(s, y->dtype == ACN_F64 ? ACN_F64 : ACN_F32, y->rank, y->dims);
    acn_step_binary(s, "BatchMatMulV2", acn_steps_in(s, X1), acn_steps_in(s, X2), product);
    if (acn_in(c, BIAS)) {
        acn_tensor bias = acn_steps_in(s, BIAS);
        bias.dims[0] = acn_tensor_count(&bias);
        bias.strides[0] = bias.rank ? bias.strides[bias.rank - 1] : 0;
        bias.rank = 1;
        acn_step_in(s, "bias", bias);
    }
    if (kind == ADD || kind == MUL)
        acn_step_binary(s, kind == ADD ? "Add" : "Mul", product, acn_steps_in(s, X3), to);
    if (kind == RELU) acn_step_unary(s, "Relu", product, to);
    if (kind == GELU || kind == GELU_TANH) {
        acn_step_unary(s, "GeluV2", product, to);
        acn_step_number(s, "approximate_mode", kind == GELU_TANH);
    }
    return acn_steps_end(s);
}

static double gelu(double x, bool by_tanh) {
    if (by_tanh) return x / 2 * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    return x / 2 * erfc(-x * 0.7071067811865476);
}

/* Element offset of row-major |index| of |y|'s batches in |t|. */
static int64_t batch_offset(const acn_tensor *t, const acn_tensor *y, int64_t index) {
    int64_t at = 0;
    for (int d = y->rank - 3; d >= 0; d--) {
        int own = d - (y->rank - t->rank);
        if (own >= 0 && t->dims[own] > 1) at += index % y->dims[d] * t->strides[own];
        index /= y->dims[d];
    }
    return at;
}

static int64_t last_offset(const acn_tensor *t, int64_t row, int64_t col) {
    int64_t at = 0;
    if (t->rank > 0 && t->dims[t->rank - 1] > 1) at += col * t->strides[t->rank - 1];
    if (t->rank > 1 && t->dims[t->rank - 2] > 1) at += row * t->strides[t->rank - 2];
    return at;
}

static acn_status fused_run0(acn_call *c) {
    fused kind;
    const acn_tensor *x1 = acn_in(c, X1), *x2 = acn_in(c, X2), *x3 = acn_in(c, X3);
    const acn_tensor *y = acn_out(c, 0), *bias = acn_in(c, BIAS);
    ACN_TRY(read_kind(c, &kind));
    int64_t m = y->dims[y->rank - 2], n = y->dims[y->rank - 1], depth = x1->dims[x1->rank - 1];
    for (int64_t at = 0; at < acn_tensor_count(y); at++) {
        int64_t batch = at / n / m, i = at / n % m, j = at % n;
        acn_value sum = {0};
        if (bias) sum = acn_load_value(acn_tensor_at(bias, j), bias->dtype);
        int64_t a = batch_offset(x1, y, batch), b = batch_offset(x2, y, batch);
        for (int64_t k = 0; k < depth; k++)
            add_product(
                &sum, load(x1, a + i * x1->strides[x1->rank - 2] + k * x1->strides[x1->rank - 1]),
                load(x2, b + k * x2->strides[x2->rank - 2] + j * x2->strides[x2->rank - 1]));
        double more = x3 ? load(x3, batch_offset(x3, y, batch) + last_offset(x3, i, j)).f : 0;
        if (kind == ADD) sum.f += more;
        if (kind == MUL) sum.f *= more;
        if (kind == RELU) sum.f = sum.f > 0 ? sum.f : 0;
        if (kind == GELU || kind == GELU_TANH) sum.f = gelu(sum.f, kind == GELU_TANH);
        acn_store_value(acn_tensor_at(y, at), y->dtype, sum);
    }
    return ACN_OK;
}

ACN_OP(FusedMatMul) = {
    .name = "FusedMatMul",
    .doc = "x1 * x2 + bias, then added to, multiplied, or through an activation",
    .in = {OWN("x1", ACN_FLOATS),
           OWN("x2", ACN_FLOATS),
           {"bias", ACN_FLOATS, ACN_OPTIONAL},
           {"x3", ACN_FLOATS, ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{"fused_op_type", ACN_ATTR_STRING}, CUBE},
    .infer = fused_infer,
    .plan = fused_plan,
    .run = acn_steps_run,
    .run0 = fused_run0,
    .cases = "tolerance=contraction [5,7],[7,3] [5,7],[7,3],[3]|fused_op_type=relu "
             "[2,5,7],[7,3],[3],[5,3]|fused_op_type=add [2,5,7],[2,7,3],-,[1,3]|fused_op_type=mul "
             "[5,7],[7,3]|fused_op_type=gelu_erf f32+bf16[33,20],[20,17]|fused_op_type=gelu_tanh "
             "f16[5,7],f16[7,3]->f32[5,3]|fused_op_type=16cast32",
};
