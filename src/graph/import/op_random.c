/* op_random.c - random numbers: Philox4x32-10 from the node's seed. ONNX leaves generator and seed
 * open; a model here gives the same numbers in each run. */
#include "graph/import/compose.h"

#include <string.h>

/* A float in ONNX; its bits tell seeds apart that are no whole numbers. */
static int64_t seed_of(const acn_onnx_call *c) {
    float seed = (float)acn_onnx_float(c, "seed", 0);
    uint32_t bits;
    memcpy(&bits, &seed, sizeof bits);
    return bits;
}

/* The type that attribute "dtype" names, else |fallback|. */
static acn_status type_of(const acn_onnx_call *c, acn_dtype fallback, acn_dtype *out) {
    int64_t type = acn_onnx_int(c, "dtype", 0);
    *out = type ? acn_onnx_dtype((int)type) : fallback;
    if (*out == ACN_UNDEFINED)
        return acn_onnx_bad(c, "dtype is %lld, a type that no device has", (long long)type);
    return ACN_OK;
}

/* |low| and |high| are the attributes' names and ours, with ONNX's default. */
typedef struct drawing {
    const char *op, *first, *first_own, *second, *second_own;
    double first_fallback;
} drawing;
static const drawing normal = {"StatelessNormal", "mean", "mean_value", "scale", "std_value", 0};
static const drawing uniform = {"StatelessUniform", "low", "from", "high", "to", 0};

static acn_status draw(acn_onnx_call *c, const drawing *d, acn_dtype fallback, int rank,
                       const int64_t *dims) {
    acn_node_builder b;
    acn_tensor shape;
    acn_dtype dtype;
    ACN_TRY(type_of(c, fallback, &dtype));
    acn_tensor_init(&shape, NULL, dtype, rank, dims);
    acn_onnx_begin(c, &b, d->op);
    acn_node_int(&b, "seed", seed_of(c));
    acn_node_ints(&b, "shape", dims, rank);
    acn_node_float(&b, d->first_own, acn_onnx_float(c, d->first, d->first_fallback));
    acn_node_float(&b, d->second_own, acn_onnx_float(c, d->second, 1));
    acn_node_output(&b, "y", dtype, &shape);
    return acn_node_end_kept(&b, c->out);
}

static acn_status draw_shape(acn_onnx_call *c, const drawing *d) {
    int rank;
    const int64_t *dims = acn_onnx_ints(c, "shape", &rank);
    if (dims == NULL || rank > ACN_MAX_DIMS) return acn_onnx_bad(c, "its shape is missing");
    return draw(c, d, ACN_F32, rank, dims);
}
static acn_status draw_like(acn_onnx_call *c, const drawing *d) {
    const acn_tensor *x = &c->in[0]->tensor;
    return draw(c, d, x->dtype, x->rank, x->dims);
}

static acn_status random_normal(acn_onnx_call *c) { return draw_shape(c, &normal); }
static acn_status random_uniform(acn_onnx_call *c) { return draw_shape(c, &uniform); }
static acn_status random_normal_like(acn_onnx_call *c) { return draw_like(c, &normal); }
static acn_status random_uniform_like(acn_onnx_call *c) { return draw_like(c, &uniform); }
ACN_ONNX(random_normal) = {
    .type = "RandomNormal", .required = ACN_ONNX_NONE, .import = random_normal};
ACN_ONNX(random_uniform) = {
    .type = "RandomUniform", .required = ACN_ONNX_NONE, .import = random_uniform};
ACN_ONNX(random_normal_like) = {.type = "RandomNormalLike", .import = random_normal_like};
ACN_ONNX(random_uniform_like) = {.type = "RandomUniformLike", .import = random_uniform_like};

static acn_status bernoulli(acn_onnx_call *c) {
    const acn_tensor *x = &c->in[0]->tensor;
    acn_node_builder b;
    acn_dtype dtype;
    ACN_TRY(type_of(c, x->dtype, &dtype));
    acn_onnx_begin(c, &b, "StatelessBernoulli");
    acn_node_input(&b, "prob", c->in[0]);
    acn_node_int(&b, "seed", seed_of(c));
    acn_node_ints(&b, "shape", x->dims, x->rank);
    acn_node_output(&b, "y", dtype, x);
    return acn_node_end_kept(&b, c->out);
}
ACN_ONNX(bernoulli) = {.type = "Bernoulli", .import = bernoulli};

/* ONNX gives logarithms of weights. */
static acn_status multinomial(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    acn_net_value *weights, *y;
    acn_dtype dtype;
    acn_node_builder b;
    ACN_TRY(type_of(c, ACN_I32, &dtype));
    acn_onnx_begin(c, &b, "SoftmaxV2");
    acn_node_input(&b, "x", c->in[0]);
    acn_node_ints(&b, "axes", &(int64_t){-1}, 1);
    acn_node_output(&b, "y", c->in[0]->tensor.dtype, NULL);
    ACN_TRY(acn_node_end(&b, &weights));
    acn_onnx_begin(c, &b, "StatelessMultinomial");
    acn_node_input(&b, "x", weights);
    acn_node_int(&b, "seed", seed_of(c));
    acn_node_int(&b, "num_samples", acn_onnx_int(c, "sample_size", 1));
    acn_node_int(&b, "replacement", 1);
    acn_node_output(&b, "y", ACN_I64, NULL);
    ACN_TRY(acn_node_end_kept(&b, &y));
    return acn_f_end(&f, acn_f_cast(&f, y, dtype), c->out);
}
ACN_ONNX(multinomial) = {.type = "Multinomial", .import = multinomial};

/* Which elements stay, as truth values: each with a probability of 1 - ratio. */
static acn_net_value *kept(acn_formula *f, const acn_tensor *x, double ratio) {
    acn_node_builder b;
    acn_tensor shape;
    acn_net_value *y = NULL, *chance = acn_f_number(f, 1 - ratio, ACN_F32);
    chance = acn_f_broadcast(f, chance, x->rank, x->dims);
    if (f->status != ACN_OK) return NULL;
    acn_tensor_init(&shape, NULL, ACN_F32, x->rank, x->dims);
    acn_onnx_begin(f->c, &b, "StatelessBernoulli");
    acn_node_input(&b, "prob", chance);
    acn_node_int(&b, "seed", seed_of(f->c));
    acn_node_ints(&b, "shape", x->dims, x->rank);
    acn_node_output(&b, "y", ACN_F32, &shape);
    f->status = acn_node_end_kept(&b, &y);
    return acn_f_cast(f, y, ACN_BOOL);
}

/* Inference drops nothing, nor does training at a ratio of 0. */
static acn_status dropout(acn_onnx_call *c) {
    acn_formula f = {c, ACN_OK};
    const acn_tensor *x = &c->in[0]->tensor;
    int64_t flag;
    int count;
    double ratio;
    ACN_TRY(acn_onnx_constant_ints(c, 2, 1, &flag, &count));
    ACN_TRY(acn_onnx_constant_float(c, 1, 0.5, &ratio));
    bool drops = count && flag && ratio != 0;
    if (ratio < 0 || ratio > 1) return acn_onnx_bad(c, "its ratio is %g; expected 0 to 1", ratio);
    acn_net_value *mask =
        drops ? kept(&f, x, ratio)
              : acn_f_broadcast(&f, acn_f_number(&f, 1, ACN_BOOL), x->rank, x->dims);
    c->out[0] = c->in[0];
    if (c->out_count > 1) ACN_TRY(acn_f_end(&f, mask, &c->out[1]));
    if (!drops) return f.status;
    acn_net_value *zero = acn_f_number(&f, 0, x->dtype);
    acn_net_value *scaled = acn_f_with(&f, "Mul", c->in[0], ratio < 1 ? 1 / (1 - ratio) : 1);
    return acn_f_end(&f, acn_f_select(&f, mask, scaled, zero), &c->out[0]);
}
ACN_ONNX(dropout) = {.type = "Dropout", .import = dropout};
