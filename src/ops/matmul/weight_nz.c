/* weight_nz.c - MatMulWeightNz: a product whose right matrix lies in the private format FRACTAL_NZ,
 * alone or scaled and added to. The matrix goes to plain memory first; a transposed view of one,
 * too. Right matrices in plain memory are taken as they are. */
#include "ops/matmul/weight_nz.h"
#include "ops/formats.h"
#include "ops/matmul/matmul.h"
#include "ops/precision.h"
#include "ops/steps.h"
#include <string.h>

enum { A, B, C, ALPHA, BETA, CUBE = 0 };

static const acn_matmul_form form = {C, ALPHA, BETA, -1, -1, 1, ACN_MAX_DIMS - 2};

/* Its last two dimensions are exchanged: the memory belongs to the transposed shape. */
static bool is_transposed(const acn_tensor *t) {
    int r = t->rank;
    return r >= 2 && t->strides[r - 2] == 1 && t->strides[r - 1] != 1 && t->dims[r - 1] > 1;
}

static acn_tensor exchanged(const acn_tensor *t) {
    int64_t perm[ACN_MAX_DIMS];
    for (int d = 0; d < t->rank; d++)
        perm[d] = d < t->rank - 2 ? d : 2 * t->rank - 3 - d;
    return acn_view_permuted(t, perm);
}

static acn_status infer(acn_call *c) {
    int rank;
    int64_t dims[ACN_MAX_DIMS];
    const acn_tensor *a = acn_in(c, A), *b = acn_in(c, B);
    ACN_TRY(acn_precision_check_cube(c, CUBE, A));
    for (int slot = A; slot <= C; slot++)
        if (slot != B && acn_in(c, slot) && acn_format_is_known(acn_in(c, slot)->format))
            return acn_bad_input(c, slot, "only the right matrix may have a private format");
    if (acn_format_is_known(b->format) && (b->format != ACN_FORMAT_FRACTAL_NZ || b->rank < 2))
        return acn_bad_input(c, B, "has private format %d; expected FRACTAL_NZ (%d)", b->format,
                             ACN_FORMAT_FRACTAL_NZ);
    if (a->dtype != b->dtype) return acn_bad_input(c, B, "expected the left matrix's type");
    ACN_TRY(acn_matmul_shape(c, &form, &rank, dims));
    acn_out_is(c, 0, ACN_UNDEFINED, rank, dims);
    return ACN_OK;
}

acn_tensor acn_weight_plain(acn_steps *s, int slot) {
    acn_tensor b = acn_steps_in(s, slot);
    if (b.format != ACN_FORMAT_FRACTAL_NZ) return b;
    bool swapped = is_transposed(&b);
    acn_tensor stored = swapped ? exchanged(&b) : b;
    acn_tensor room = acn_steps_room(s, b.dtype, stored.rank, stored.dims);
    room.format = 2; /* ND */
    acn_step_unary(s, "Identity", stored, room);
    return swapped ? exchanged(&room) : room;
}

static acn_status plan(acn_call *c) {
    acn_steps *s;
    ACN_TRY(acn_steps_begin(c, &s));
    acn_tensor b = acn_weight_plain(s, B);
    acn_step_binary(s, acn_in(c, C) ? "GEMM" : "MatMul", acn_steps_in(s, A), b,
                    acn_steps_out(s, 0));
    if (acn_in(c, C)) acn_step_in(s, "c", acn_steps_in(s, C));
    if (acn_in(c, C) && acn_in(c, ALPHA)) acn_step_in(s, "alpha", acn_steps_in(s, ALPHA));
    if (acn_in(c, C) && acn_in(c, BETA)) acn_step_in(s, "beta", acn_steps_in(s, BETA));
    return acn_steps_end(s);
}

acn_status acn_weight_plain0(acn_call *c, int slot, acn_tensor *out) {
    const acn_tensor *b = acn_in(c, slot);
    *out = *b;
    if (b->format == ACN_FORMAT_FRACTAL_NZ) {
        acn_format_layout layout;
        acn_tensor stored = is_transposed(b) ? exchanged(b) : *b, copy;
        size_t bytes = acn_dtype_bytes(b->dtype);
        int64_t count = acn_tensor_count(b);
        void *memory = acn_arena_alloc(&c->arena, (size_t)count * bytes + 1);
        if (!memory) return acn_fail(ACN_BAD_ALLOC, "no host memory for a matrix");
        acn_tensor_init(&copy, memory, b->dtype, stored.rank, stored.dims);
        ACN_TRY(acn_format_layout_of(b->format, stored.rank, stored.dims, &layout));
        for (int64_t i = 0; i < count; i++) {
            int64_t rest = i, at = 0;
            for (int d = stored.rank - 1; d >= 0; d--) {
                int64_t index = rest % stored.dims[d];
                at += layout.is_split[d] ? index / ACN_FORMAT_BLOCK * layout.block[d] +
                                               index % ACN_FORMAT_BLOCK * layout.inner[d]
                                         : index * layout.block[d];
                rest /= stored.dims[d];
            }
            memcpy(acn_tensor_at(&copy, i), (const char *)b->data + (size_t)at * bytes, bytes);
        }
        *out = is_transposed(b) ? exchanged(&copy) : copy;
    }
    return ACN_OK;
}

static acn_status run0(acn_call *c) {
    acn_call plain = *c;
    acn_tensor tensors[8] = {*acn_in(c, A)};
    ACN_TRY(acn_weight_plain0(c, B, &tensors[1]));
    plain.tensors = tensors;
    plain.in_first[A] = 0, plain.in_first[B] = 1;
    for (int slot = C, at = 2; slot <= BETA; slot++) {
        if (!acn_in(c, slot)) continue;
        tensors[at] = *acn_in(c, slot);
        plain.in_first[slot] = at++;
    }
    tensors[7] = *acn_out(c, 0);
    plain.out_first[0] = 7;
    acn_matmul view;
    acn_matmul_view(&plain, &form, &view);
    acn_matmul_scales scales = acn_matmul_read_scales(&plain, &form);
    acn_matmul_plain(&view, &plain, &scales);
    return ACN_OK;
}

#define SCALAR_TYPES (ACN_ALL | ACN_T(ACN_C128))

ACN_OP(MatMulWeightNz) = {
    .name = "MatMulWeightNz",
    .doc = "alpha * a * b + beta * c, with b in FRACTAL_NZ",
    .in = {{"a", ACN_FLOATS, ACN_UNALIASED},
           {"b", ACN_FLOATS, ACN_UNALIASED},
           {"c", ACN_FLOATS, ACN_OPTIONAL},
           {"alpha", SCALAR_TYPES, ACN_OPTIONAL | ACN_SCALARISH},
           {"beta", SCALAR_TYPES, ACN_OPTIONAL | ACN_SCALARISH}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{"cube_math_type", ACN_ATTR_INT}},
    .infer = infer,
    .plan = plan,
    .run = acn_steps_run,
    .run0 = run0,
    .family = &form,
    .flags = ACN_OP_ANY_FORMAT,
    .cases = "tolerance=contraction [5,7],[7,3] [2,5,7],[2,7,3] [5,7],[7,3],[3],2,0.5",
};
