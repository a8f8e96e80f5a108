/* op_attention.c - Attention of opset 23 and later, and what rotates its operands. */
#include "graph/import/compose.h"

#include <math.h>
#include <string.h>

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, USED }; /* inputs; USED: keys of each sample */

typedef struct attention {
    acn_formula f;
    acn_net_value *q, *k, *v, *mask, *past_key, *past_value, *used; /* q, k, v: [N, heads, L, D] */
    int64_t batch, heads, queries, keys, past;
    acn_dtype dtype;
} attention;

static acn_net_value *input(const acn_onnx_call *c, int i) {
    return i < c->in_count ? c->in[i] : NULL;
}

/* [N, L, heads * D] as [N, heads, L, D]; tensors of four dimensions are that already. */
static acn_net_value *by_head(acn_formula *f, acn_net_value *x, int64_t heads) {
    static const int order[] = {0, 2, 1, 3};
    const acn_tensor *t = &x->tensor;
    if (f->status != ACN_OK || t->rank == 4) return x;
    if (t->rank != 3 || heads < 1 || t->dims[2] % heads != 0) {
        f->status = acn_onnx_bad(f->c, "\"%s\" has %d dimensions, which %lld heads do not divide",
                                 x->name, t->rank, (long long)heads);
        return NULL;
    }
    int64_t dims[] = {t->dims[0], t->dims[1], heads, t->dims[2] / heads};
    return acn_f_permute(f, acn_f_reshape(f, x, 4, dims), order);
}

/* And back. */
static acn_net_value *heads_together(acn_formula *f, acn_net_value *x) {
    static const int order[] = {0, 2, 1, 3};
    if (f->status != ACN_OK) return NULL;
    const int64_t *d = x->tensor.dims, dims[] = {d[0], d[2], d[1] * d[3]};
    return acn_f_reshape(f, acn_f_permute(f, x, order), 3, dims);
}

/* Each of the heads |count| times, one after the other. */
static acn_net_value *repeated(acn_formula *f, acn_net_value *x, int64_t count) {
    if (f->status != ACN_OK || count == 1) return x;
    const int64_t *d = x->tensor.dims;
    const int64_t one[] = {d[0], d[1], 1, d[2], d[3]}, many[] = {d[0], d[1], count, d[2], d[3]};
    const int64_t flat[] = {d[0], d[1] * count, d[2], d[3]};
    acn_net_value *wide = acn_f_broadcast(f, acn_f_reshape(f, x, 5, one), 5, many);
    return acn_f_reshape(f, wide, 4, flat);
}

/* ---- which keys a query sees ----------------------------------------------------------------- */

/* 0 where |seen|, minus infinity elsewhere. */
static acn_net_value *as_bias(attention *a, acn_net_value *seen) {
    acn_formula *f = &a->f;
    return acn_f_select(f, seen, acn_f_number(f, 0, a->dtype),
                        acn_f_number(f, -INFINITY, a->dtype));
}

/* The mask for all keys, as something to add: what it does not reach is not seen. */
static acn_net_value *mask_bias(attention *a) {
    acn_formula *f = &a->f;
    acn_net_value *mask = a->mask, *none;
    bool is_truth = mask->tensor.dtype == ACN_BOOL;
    int last = mask->tensor.rank - 1;
    int64_t missing = a->keys - mask->tensor.dims[last], dims[ACN_MAX_DIMS];
    if (is_truth) mask = as_bias(a, mask);
    if (missing <= 0 || f->status != ACN_OK) return mask;
    memcpy(dims, mask->tensor.dims, sizeof dims);
    dims[last] = missing;
    none = acn_f_broadcast(f, acn_f_number(f, -INFINITY, a->dtype), last + 1, dims);
    return acn_f_concat(f, (acn_net_value *[]){mask, none}, 2, last);
}

/* How far key j lies behind query i, as i32 [L, keys] or [N, 1, L, keys]: i + offset - j, where the
 * queries follow the keys that were there before. */
static acn_net_value *distances(attention *a) {
    acn_formula *f = &a->f;
    const int64_t rows[] = {a->queries, 1}, each[] = {a->batch, 1, 1, 1};
    acn_net_value *i = acn_f_reshape(f, acn_f_count_up(f, a->queries), 2, rows);
    acn_net_value *table = acn_f2(f, "Sub", i, acn_f_count_up(f, a->keys));
    if (a->past_key || !a->used) return acn_f_with(f, "Add", table, (double)a->past);
    acn_net_value *offset = acn_f_with(f, "Sub", a->used, (double)a->queries);
    return acn_f2(f, "Add", table, acn_f_reshape(f, offset, 4, each));
}

static acn_net_value *added(acn_formula *f, acn_net_value *bias, acn_net_value *more) {
    return bias ? acn_f2(f, "Add", bias, more) : more;
}

/* All that is added to the products, or NULL. */
static acn_net_value *make_bias(attention *a) {
    acn_formula *f = &a->f;
    acn_net_value *bias = a->mask ? mask_bias(a) : NULL;
    int64_t left = acn_onnx_int(f->c, "left_window_size", -1);
    int64_t right = acn_onnx_int(f->c, "right_window_size", -1);
    if (acn_onnx_int(f->c, "is_causal", 0)) right = 0;
    if (left >= 0) {
        acn_net_value *most = acn_f_number(f, (double)left, ACN_I64);
        bias = added(f, bias, as_bias(a, acn_f_truth(f, "LessEqual", distances(a), most)));
    }
    if (right >= 0) {
        acn_net_value *least = acn_f_number(f, (double)-right, ACN_I64);
        bias = added(f, bias, as_bias(a, acn_f_truth(f, "GreaterEqual", distances(a), least)));
    }
    if (a->used) {
        const int64_t each[] = {a->batch, 1, 1, 1};
        acn_net_value *used = acn_f_reshape(f, a->used, 4, each);
        acn_net_value *is_used = acn_f_truth(f, "Less", acn_f_count_up(f, a->keys), used);
        bias = added(f, bias, as_bias(a, is_used));
    }
    return bias;
}

/* ---- the operator ---------------------------------------------------------------------------- */

static acn_status read_attention(acn_onnx_call *c, attention *a) {
    int64_t q_heads = acn_onnx_int(c, "q_num_heads", 0),
            kv_heads = acn_onnx_int(c, "kv_num_heads", 0);
    *a = (attention){.f = {.c = c},
                     .mask = input(c, MASK),
                     .past_key = input(c, PAST_KEY),
                     .past_value = input(c, PAST_VALUE),
                     .used = input(c, USED),
                     .dtype = c->in[Q]->tensor.dtype};
    a->q = by_head(&a->f, c->in[Q], q_heads);
    a->k = by_head(&a->f, c->in[K], kv_heads);
    a->v = by_head(&a->f, c->in[V], kv_heads);
    ACN_TRY(a->f.status);
    if (!a->past_key != !a->past_value)
        return acn_onnx_bad(c, "it has a past of keys or of values, not of both");
    if (a->past_key) {
        a->past = a->past_key->tensor.dims[2];
        a->k = acn_f_concat(&a->f, (acn_net_value *[]){a->past_key, a->k}, 2, 2);
        a->v = acn_f_concat(&a->f, (acn_net_value *[]){a->past_value, a->v}, 2, 2);
    }
    if (a->used) a->used = acn_f_cast(&a->f, a->used, ACN_I64);
    ACN_TRY(a->f.status);
    const acn_tensor *q = &a->q->tensor, *k = &a->k->tensor;
    a->batch = q->dims[0], a->heads = q->dims[1], a->queries = q->dims[2], a->keys = k->dims[2];
    if (k->rank != 4 || q->rank != 4 || k->dims[1] < 1 || a->heads % k->dims[1] != 0)
        return acn_onnx_bad(c, "its %lld heads of queries are no multiple of those of keys",
                            (long long)a->heads);
    return ACN_OK;
}

/* q k^T, both scaled by the root of the scale, as the standard has it. */
static acn_net_value *products(attention *a, acn_net_value *k) {
    static const int turned[] = {0, 1, 3, 2};
    acn_formula *f = &a->f;
    double scale = acn_onnx_float(f->c, "scale", 0);
    if (f->status != ACN_OK) return NULL;
    if (!acn_onnx_attr_find(f->c->node, "scale")) scale = 1 / sqrt((double)a->q->tensor.dims[3]);
    acn_net_value *q = acn_f_with(f, "Mul", a->q, sqrt(scale));
    k = acn_f_with(f, "Mul", acn_f_permute(f, k, turned), sqrt(scale));
    return acn_f2(f, "MatMul", q, k);
}

static acn_net_value *soft_max(acn_formula *f, acn_net_value *x) {
    acn_node_builder b;
    acn_net_value *y = NULL;
    if (f->status != ACN_OK) return NULL;
    acn_onnx_begin(f->c, &b, "SoftmaxV2");
    acn_node_input(&b, "x", x);
    acn_node_ints(&b, "axes", &(int64_t){x->tensor.rank - 1}, 1);
    acn_node_output(&b, "y", x->tensor.dtype, NULL);
    f->status = acn_node_end(&b, &y);
    return y;
}

static acn_net_value *softened(acn_formula *f, acn_net_value *x) {
    double cap = acn_onnx_float(f->c, "softcap", 0);
    if (cap <= 0) return x;
    return acn_f_with(f, "Mul", acn_f1(f, "Tanh", acn_f_with(f, "RealDiv", x, cap)), cap);
}

/* Softmax of the last dimension; a row that sees no key is 0. */
static acn_net_value *shares(attention *a, acn_net_value *x, acn_net_value *bias) {
    acn_formula *f = &a->f;
    acn_dtype wide = acn_onnx_dtype((int)acn_onnx_int(f->c, "softmax_precision", 0));
    if (wide != ACN_UNDEFINED) x = acn_f_cast(f, x, wide);
    x = soft_max(f, x);
    x = acn_f_cast(f, x, a->dtype);
    if (bias == NULL || f->status != ACN_OK) return x;
    int64_t last = bias->tensor.rank - 1;
    acn_net_value *most = acn_f_reduce(f, "ReduceMax", bias, &last, 1, true);
    acn_net_value *is_blind = acn_f_truth(f, "Equal", most, acn_f_number(f, -INFINITY, a->dtype));
    return acn_f_select(f, is_blind, acn_f_number(f, 0, a->dtype), x);
}

static acn_status import_attention(acn_onnx_call *c) {
    attention a;
    acn_net_value *shown[4]; /* what the fourth output may be */
    int64_t which = acn_onnx_int(c, "qk_matmul_output_mode", 0);
    ACN_TRY(read_attention(c, &a));
    if (which < 0 || which > 3) return acn_onnx_bad(c, "qk_matmul_output_mode is not 0 to 3");
    int64_t times = a.heads / a.k->tensor.dims[1];
    acn_net_value *bias = make_bias(&a);
    shown[0] = products(&a, repeated(&a.f, a.k, times));
    shown[1] = softened(&a.f, shown[0]);
    shown[2] = bias ? acn_f2(&a.f, "Add", shown[1], bias) : shown[1];
    shown[3] = shares(&a, shown[2], bias);
    acn_net_value *y = acn_f2(&a.f, "MatMul", shown[3], repeated(&a.f, a.v, times));
    if (c->in[Q]->tensor.rank == 3) y = heads_together(&a.f, y);
    ACN_TRY(acn_f_end(&a.f, y, &c->out[0]));
    c->out[1] = a.k, c->out[2] = a.v, c->out[3] = shown[which];
    return ACN_OK;
}
ACN_ONNX(attention) = {.type = "Attention", .required = 3, .import = import_attention};

/* A graph of the node that changes scores or shares; they stay as they are without one. */
static acn_net_value *modified(acn_formula *f, const char *attr, acn_net_value *x) {
    const acn_onnx_attr *graph = acn_onnx_attr_find(f->c->node, attr);
    acn_net_value *y = x;
    if (graph && graph->graph && f->status == ACN_OK)
        f->status = acn_onnx_inline(f->c, graph->graph, &x, 1, &y, 1);
    return y;
}

static acn_status flex_attention(acn_onnx_call *c) {
    attention a;
    acn_dtype wide = acn_onnx_dtype((int)acn_onnx_int(c, "softmax_precision", 0));
    ACN_TRY(read_attention(c, &a));
    if (wide == ACN_UNDEFINED) wide = a.dtype == ACN_F64 ? ACN_F64 : ACN_F32;
    int64_t times = a.heads / a.k->tensor.dims[1];
    acn_net_value *x = acn_f_cast(&a.f, products(&a, repeated(&a.f, a.k, times)), wide);
    x = modified(&a.f, "prob_mod", soft_max(&a.f, modified(&a.f, "score_mod", x)));
    acn_net_value *values = acn_f_cast(&a.f, repeated(&a.f, a.v, times), wide);
    acn_net_value *y = acn_f_cast(&a.f, acn_f2(&a.f, "MatMul", x, values), c->in[V]->tensor.dtype);
    return acn_f_end(&a.f, y, &c->out[0]);
}
ACN_ONNX(flex_attention) = {
    .type = "FlexAttention", .domain = "ai.onnx.preview", .required = 3, .import = flex_attention};

/* ---- attention without a softmax ------------------------------------------------------------- */

enum { STATE = 3, DECAY, BETA };

typedef struct linear_attention {
    acn_formula f;
    acn_net_value *q, *k, *v, *decay, *beta; /* f32 [N, heads, L, D]; the last two may be NULL */
    acn_net_value *state;                    /* f32 [N, heads, D, E] */
    int64_t groups;                          /* heads of queries for each one of keys */
    double scale;
} linear_attention;

static acn_net_value *wide_heads(acn_formula *f, acn_net_value *x, int64_t heads) {
    return x ? acn_f_cast(f, by_head(f, x, heads), ACN_F32) : NULL;
}

static acn_status read_linear(acn_onnx_call *c, linear_attention *a) {
    int64_t heads = acn_onnx_int(c, "kv_num_heads", 0), q_heads = acn_onnx_int(c, "q_num_heads", 0);
    acn_net_value *beta = input(c, BETA);
    *a = (linear_attention){.f = {.c = c}, .scale = acn_onnx_float(c, "scale", 0)};
    if (heads < 1 || q_heads < heads || q_heads % heads != 0)
        return acn_onnx_bad(c, "its %lld heads of queries are no multiple of those of keys",
                            (long long)q_heads);
    a->q = wide_heads(&a->f, c->in[Q], q_heads);
    a->k = wide_heads(&a->f, c->in[K], heads);
    a->v = wide_heads(&a->f, c->in[V], heads);
    a->decay = wide_heads(&a->f, input(c, DECAY), heads);
    if (beta) a->beta = wide_heads(&a->f, beta, beta->tensor.dims[beta->tensor.rank - 1]);
    ACN_TRY(a->f.status);
    const int64_t *k = a->k->tensor.dims;
    const int64_t dims[] = {k[0], heads, k[3], a->v->tensor.dims[3]};
    a->groups = q_heads / heads;
    if (a->scale == 0) a->scale = 1 / sqrt((double)a->q->tensor.dims[3]);
    a->state = input(c, STATE) ? acn_f_cast(&a->f, c->in[STATE], ACN_F32)
                               : acn_f_broadcast(&a->f, acn_f_number(&a->f, 0, ACN_F32), 4, dims);
    return a->f.status;
}

/* Step t of [N, heads, L, D], with its last two dimensions as |rows| times the rest. */
static acn_net_value *step_of(acn_formula *f, acn_net_value *x, int64_t t, int64_t rows) {
    if (f->status != ACN_OK) return NULL;
    const int64_t *d = x->tensor.dims, dims[] = {d[0], d[1], rows, d[3] / rows};
    return acn_f_reshape(f, acn_f_part(f, x, 2, t, 1), 4, dims);
}

/* The state fades, learns key t's value (or what it does not know of it yet), and is asked. */
static acn_net_value *linear_step(linear_attention *a, int64_t t) {
    acn_formula *f = &a->f;
    const int64_t *q = a->q->tensor.dims, *s = a->state->tensor.dims;
    const int64_t asked[] = {q[0], s[1], a->groups, q[3]}, told[] = {q[0], q[1], 1, s[3]};
    acn_net_value *key = step_of(f, a->k, t, s[2]), *value = step_of(f, a->v, t, 1);
    if (a->decay) {
        acn_net_value *kept = acn_f1(f, "Exp", step_of(f, a->decay, t, a->decay->tensor.dims[3]));
        a->state = acn_f2(f, "Mul", a->state, kept);
    }
    if (a->beta) {
        acn_net_value *is_known = acn_f2(f, "MatMul", step_of(f, a->k, t, 1), a->state);
        value = acn_f2(f, "Sub", value, is_known);
        value = acn_f2(f, "Mul", step_of(f, a->beta, t, 1), value);
    }
    a->state = acn_f2(f, "Add", a->state, acn_f2(f, "Mul", key, value));
    acn_net_value *query = acn_f_reshape(f, acn_f_part(f, a->q, 2, t, 1), 4, asked);
    acn_net_value *y = acn_f_with(f, "Mul", acn_f2(f, "MatMul", query, a->state), a->scale);
    return acn_f_reshape(f, y, 4, told);
}

static acn_status import_linear_attention(acn_onnx_call *c) {
    linear_attention a;
    ACN_TRY(read_linear(c, &a));
    int64_t steps = a.q->tensor.dims[2];
    acn_dtype dtype = c->in[Q]->tensor.dtype, kept = dtype;
    acn_net_value **y = acn_arena_alloc(&c->net->arena, (size_t)(steps + 1) * sizeof *y);
    if (y == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory for a node");
    if (input(c, STATE)) kept = c->in[STATE]->tensor.dtype;
    if (steps < 1) return acn_onnx_bad(c, "its sequence is empty");
    for (int64_t t = 0; t < steps && a.f.status == ACN_OK; t++)
        y[t] = linear_step(&a, t);
    ACN_TRY(a.f.status);
    acn_net_value *all = heads_together(&a.f, acn_f_concat(&a.f, y, (int)steps, 2));
    ACN_TRY(acn_f_end(&a.f, acn_f_cast(&a.f, all, dtype), &c->out[0]));
    return acn_f_end(&a.f, acn_f_cast(&a.f, a.state, kept), &c->out[1]);
}
ACN_ONNX(linear_attention) = {
    .type = "LinearAttention", .required = 3, .import = import_linear_attention};

/* ---- rotation -------------------------------------------------------------------------------- */

/* Pairs of x[N, L, heads, D] as two tensors: halves, or neighbours when they are interleaved. */
static acn_net_value *one_of_pairs(acn_formula *f, acn_net_value *x, bool is_interleaved,
                                   int which) {
    if (f->status != ACN_OK) return NULL;
    acn_tensor shape = x->tensor;
    int64_t half = shape.dims[3] / 2;
    if (!is_interleaved) return acn_f_part(f, x, 3, which * half, half);
    shape.data =
        (void *)(intptr_t)(which * shape.strides[3] * (int64_t)acn_dtype_bytes(shape.dtype));
    shape.dims[3] = half;
    shape.strides[3] *= 2;
    return acn_f_view(f, x, &shape);
}

static acn_net_value *pairs_together(acn_formula *f, acn_net_value *a, acn_net_value *b,
                                     bool is_interleaved) {
    if (!is_interleaved) return acn_f_concat(f, (acn_net_value *[]){a, b}, 2, 3);
    a = acn_f_unsqueeze(f, a, 4);
    b = acn_f_unsqueeze(f, b, 4);
    acn_net_value *both = acn_f_concat(f, (acn_net_value *[]){a, b}, 2, 4);
    if (f->status != ACN_OK) return NULL;
    int64_t dims[4];
    memcpy(dims, both->tensor.dims, sizeof dims);
    dims[3] *= 2;
    return acn_f_reshape(f, both, 4, dims);
}

/* Angles of the positions, as [N or 1, L, 1, D / 2]. */
static acn_net_value *angles(acn_formula *f, acn_net_value *cache, acn_net_value *positions) {
    if (positions) cache = acn_f_gather(f, cache, 0, positions);
    return acn_f_unsqueeze(f, cache, cache ? cache->tensor.rank - 1 : 0);
}

static acn_status rotary_embedding(acn_onnx_call *c) {
    static const int order[] = {0, 2, 1, 3};
    acn_formula f = {.c = c};
    acn_net_value *x = c->in[0], *positions = input(c, 3);
    bool is_interleaved = acn_onnx_int(c, "interleaved", 0), is_split = x->tensor.rank == 4;
    int64_t heads = acn_onnx_int(c, "num_heads", 0);
    x = acn_f_permute(&f, by_head(&f, x, heads), order); /* [N, L, heads, D] */
    ACN_TRY(f.status);
    int64_t size = x->tensor.dims[3], turned = acn_onnx_int(c, "rotary_embedding_dim", 0);
    if (turned == 0) turned = size;
    if (turned < 0 || turned > size || turned % 2)
        return acn_onnx_bad(c, "rotary_embedding_dim is %lld of %lld", (long long)turned,
                            (long long)size);
    acn_net_value *cosine = angles(&f, c->in[1], positions),
                  *sine = angles(&f, c->in[2], positions);
    acn_net_value *part = acn_f_part(&f, x, 3, 0, turned);
    acn_net_value *a = one_of_pairs(&f, part, is_interleaved, 0);
    acn_net_value *b = one_of_pairs(&f, part, is_interleaved, 1);
    acn_net_value *real =
        acn_f2(&f, "Sub", acn_f2(&f, "Mul", cosine, a), acn_f2(&f, "Mul", sine, b));
    acn_net_value *imaginary =
        acn_f2(&f, "Add", acn_f2(&f, "Mul", sine, a), acn_f2(&f, "Mul", cosine, b));
    acn_net_value *y = pairs_together(&f, real, imaginary, is_interleaved);
    if (turned < size) {
        acn_net_value *rest = acn_f_part(&f, x, 3, turned, size - turned);
        y = acn_f_concat(&f, (acn_net_value *[]){y, rest}, 2, 3);
    }
    y = is_split ? acn_f_permute(&f, y, order) : acn_f_reshape(&f, y, 3, c->in[0]->tensor.dims);
    return acn_f_end(&f, y, &c->out[0]);
}
ACN_ONNX(rotary_embedding) = {.type = "RotaryEmbedding", .required = 3, .import = rotary_embedding};
