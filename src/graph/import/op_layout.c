/* op_layout.c - frames, triangles, blocks, and tensors that only constants make. */
#include "graph/import/compose.h"

#include <math.h>
#include <string.h>

/* ---- frames ---------------------------------------------------------------------------------- */

typedef struct frame {
    int64_t pairs[2 * ACN_MAX_DIMS]; /* before and after each dimension; negative: cut */
} frame;

static acn_status read_frame(acn_onnx_call *c, frame *p) {
    int64_t given[2 * ACN_MAX_DIMS], numbers[ACN_MAX_DIMS];
    int count, axis_count, rank = c->in[0]->tensor.rank;
    const int64_t *pads = acn_onnx_ints(c, c->opset < 2 ? "paddings" : "pads", &count);
    if (c->opset >= 11) {
        ACN_TRY(acn_onnx_constant_ints(c, 1, 2 * ACN_MAX_DIMS, given, &count));
        pads = given;
    }
    ACN_TRY(acn_onnx_constant_ints(c, 3, ACN_MAX_DIMS, numbers, &axis_count));
    bool has_axes = c->in_count > 3;
    int expected = has_axes ? axis_count : rank;
    if (count != 2 * expected || pads == NULL)
        return acn_onnx_bad(c, "pads has %d numbers for %d dimensions", count, expected);
    memset(p, 0, sizeof *p);
    for (int i = 0; i < expected; i++) {
        int axis = i;
        if (has_axes) ACN_TRY(acn_onnx_axis(c, numbers[i], rank, &axis));
        p->pairs[2 * axis] = pads[i];
        p->pairs[2 * axis + 1] = pads[i + expected];
    }
    return ACN_OK;
}

static acn_net_value *padded(acn_formula *f, acn_net_value *x, const frame *p,
                             acn_net_value *number) {
    acn_node_builder b;
    acn_net_value *y = NULL;
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(f->c, &b, "PadV3");
    acn_node_input(&b, "x", x);
    acn_node_input(&b, "constant_values", number);
    acn_node_ints(&b, "paddings", p->pairs, 2 * x->tensor.rank);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

static int64_t modulo(int64_t a, int64_t b) { return (a % b + b) % b; }

/* Which of |size| elements stands at place |i| beside them. */
static int64_t mirrored(const char *mode, int64_t i, int64_t size) {
    if (mode[0] == 'e') return i < 0 ? 0 : i >= size ? size - 1 : i;
    if (mode[0] == 'w') return modulo(i, size);
    int64_t period = size > 1 ? 2 * (size - 1) : 1, at = modulo(i, period);
    return at < size ? at : period - at;
}

/* The dimension is made of slices of itself. */
static acn_net_value *framed(acn_formula *f, acn_net_value *x, int axis, const char *mode,
                             int64_t before, int64_t after) {
    int64_t size = x->tensor.dims[axis], wide;
    if (size == 0 || __builtin_add_overflow(size, before, &wide) ||
        __builtin_add_overflow(wide, after, &wide) || wide < 0 || wide > INT32_MAX) {
        f->status = acn_onnx_bad(f->c, "%lld and %lld make no frame of dimension %d, %lld",
                                 (long long)before, (long long)after, axis, (long long)size);
        return NULL;
    }
    int64_t *from = acn_arena_alloc(&f->c->net->arena, (size_t)(wide + 1) * sizeof *from);
    if (from == NULL) {
        f->status = acn_fail(ACN_BAD_ALLOC, "no host memory for %lld numbers", (long long)wide);
        return NULL;
    }
    for (int64_t i = 0; i < wide; i++)
        from[i] = mirrored(mode, i - before, size);
    return acn_f_gather(f, x, axis, acn_f_ints(f, from, wide));
}

static acn_status pad(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = c->in[0], *number = c->in_count > 2 ? c->in[2] : NULL;
    const char *mode = acn_onnx_text(c, "mode", "constant");
    frame p;
    ACN_TRY(read_frame(c, &p));
    if (strcmp(mode, "constant") == 0) {
        if (c->opset < 11)
            number = acn_f_number(&f, acn_onnx_float(c, "value", 0), x->tensor.dtype);
        return acn_f_end(&f, padded(&f, x, &p, number), c->out);
    }
    if (strcmp(mode, "reflect") != 0 && strcmp(mode, "edge") != 0 && strcmp(mode, "wrap") != 0)
        return acn_onnx_bad(c, "mode is \"%s\"; expected constant, reflect, edge or wrap", mode);
    for (int d = 0; d < c->in[0]->tensor.rank && f.status == ACN_OK; d++)
        if (p.pairs[2 * d] || p.pairs[2 * d + 1])
            x = framed(&f, x, d, mode, p.pairs[2 * d], p.pairs[2 * d + 1]);
    return acn_f_end(&f, x, c->out);
}
ACN_ONNX(pad) = {.type = "Pad", .import = pad};

/* Cut or framed by zeros to the wanted size, the middle staying in the middle. */
static acn_status center_crop_pad(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t sizes[ACN_MAX_DIMS];
    int count, axis_count;
    frame p = {{0}};
    const int64_t *axes = acn_onnx_ints(c, "axes", &axis_count);
    ACN_TRY(acn_onnx_constant_ints(c, 1, ACN_MAX_DIMS, sizes, &count));
    if (count != (axes ? axis_count : x->rank))
        return acn_onnx_bad(c, "shape has %d numbers; expected one for each axis", count);
    for (int i = 0; i < count; i++) {
        int axis = i;
        if (axes) ACN_TRY(acn_onnx_axis(c, axes[i], x->rank, &axis));
        if (sizes[i] < 0) return acn_onnx_bad(c, "shape has %lld", (long long)sizes[i]);
        int64_t more = sizes[i] - x->dims[axis];
        p.pairs[2 * axis] = more / 2;
        p.pairs[2 * axis + 1] = more - more / 2;
    }
    return acn_f_end(&f, padded(&f, c->in[0], &p, NULL), c->out);
}
ACN_ONNX(center_crop_pad) = {.type = "CenterCropPad", .required = 2, .import = center_crop_pad};

/* ---- blocks ---------------------------------------------------------------------------------- */

/* x seen as |rank| dimensions, permuted, and seen as four again. */
static acn_status rearrange(acn_onnx_call *c, const int64_t *dims, const int *perm,
                            const int64_t *to) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *x = acn_f_reshape(&f, c->in[0], 6, dims);
    return acn_f_end(&f, acn_f_reshape(&f, acn_f_permute(&f, x, perm), 4, to), c->out);
}

static acn_status read_blocks(acn_onnx_call *c, int64_t *size, bool *is_column_first) {
    const char *mode = acn_onnx_text(c, "mode", "DCR");
    *size = acn_onnx_int(c, "blocksize", 0);
    *is_column_first = strcmp(mode, "CRD") == 0;
    if (c->in[0]->tensor.rank != 4 || *size < 1)
        return acn_onnx_bad(c,
                            "blocksize is %lld, its input has %d dimensions; expected at least "
                            "1, and 4",
                            (long long)*size, c->in[0]->tensor.rank);
    return ACN_OK;
}

static acn_status depth_to_space(acn_onnx_call *c) {
    const int64_t *x = c->in[0]->tensor.dims;
    int64_t s;
    bool is_column_first;
    ACN_TRY(read_blocks(c, &s, &is_column_first));
    if (x[1] % (s * s) != 0) return acn_onnx_bad(c, "%lld channels", (long long)x[1]);
    int64_t channels = x[1] / (s * s), to[4] = {x[0], channels, x[2] * s, x[3] * s};
    if (is_column_first)
        return rearrange(c, (int64_t[]){x[0], channels, s, s, x[2], x[3]},
                         (int[]){0, 1, 4, 2, 5, 3}, to);
    return rearrange(c, (int64_t[]){x[0], s, s, channels, x[2], x[3]}, (int[]){0, 3, 4, 1, 5, 2},
                     to);
}
ACN_ONNX(depth_to_space) = {.type = "DepthToSpace", .import = depth_to_space};

static acn_status space_to_depth(acn_onnx_call *c) {
    const int64_t *x = c->in[0]->tensor.dims;
    int64_t s;
    bool is_column_first;
    ACN_TRY(read_blocks(c, &s, &is_column_first));
    if (x[2] % s != 0 || x[3] % s != 0)
        return acn_onnx_bad(c, "blocks of %lld do not fill %lld x %lld", (long long)s,
                            (long long)x[2], (long long)x[3]);
    int64_t to[4] = {x[0], x[1] * s * s, x[2] / s, x[3] / s};
    static const int depth_first[] = {0, 3, 5, 1, 2, 4}, column_first[] = {0, 1, 3, 5, 2, 4};
    return rearrange(c, (int64_t[]){x[0], x[1], x[2] / s, s, x[3] / s, s},
                     is_column_first ? column_first : depth_first, to);
}
ACN_ONNX(space_to_depth) = {.type = "SpaceToDepth", .import = space_to_depth};

/* ---- triangles and diagonals ----------------------------------------------------------------- */

static acn_status trilu(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    int64_t diagonal = 0;
    int count;
    ACN_TRY(acn_onnx_constant_ints(c, 1, 1, &diagonal, &count));
    const char *op = acn_onnx_int(c, "upper", 1) ? "Triu" : "Tril";
    return acn_f_end(&f, acn_f1_int(&f, op, c->in[0], "diagonal", diagonal), c->out);
}
ACN_ONNX(trilu) = {.type = "Trilu", .import = trilu};

static acn_status eye_like(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t type = acn_onnx_int(c, "dtype", 0);
    acn_dtype dtype = type ? acn_onnx_dtype((int)type) : x->dtype;
    if (x->rank != 2 || dtype == ACN_UNDEFINED)
        return acn_onnx_bad(c, "its input is no matrix, or no device has type %lld",
                            (long long)type);
    acn_net_value *column = acn_f_count_up(&f, x->dims[1]);
    acn_net_value *row = acn_f_unsqueeze(&f, acn_f_count_up(&f, x->dims[0]), 1);
    row = acn_f_with(&f, "Add", row, (double)acn_onnx_int(c, "k", 0));
    return acn_f_end(&f, acn_f_cast(&f, acn_f_truth(&f, "Equal", row, column), dtype), c->out);
}
ACN_ONNX(eye_like) = {.type = "EyeLike", .import = eye_like};

/* ---- numbers in equal steps ------------------------------------------------------------------ */

static acn_status range(acn_onnx_call *c) {
    acn_dtype dtype = c->in[0]->tensor.dtype;
    double number[3]; /* start, limit, delta */
    for (int i = 0; i < 3; i++)
        ACN_TRY(acn_onnx_constant_float(c, i, 0, &number[i]));
    double steps = ceil((number[1] - number[0]) / number[2]);
    if (number[2] == 0 || !(steps < 0x1p53))
        return acn_onnx_bad(c, "from %g to %g in steps of %g", number[0], number[1], number[2]);
    acn_tensor shape;
    acn_tensor_init(&shape, NULL, dtype, 1, &(int64_t){steps > 0 ? (int64_t)steps : 0});
    acn_node_builder b;
    acn_onnx_begin(c, &b, "Range");
    acn_node_input(&b, "start", c->in[0]);
    acn_node_input(&b, "limit", c->in[1]);
    acn_node_input(&b, "delta", c->in[2]);
    acn_node_output(&b, "y", dtype, &shape);
    return acn_node_end(&b, c->out);
}
ACN_ONNX(range) = {.type = "Range", .required = 3, .import = range};
