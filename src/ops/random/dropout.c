/* dropout.c - dropout by masks of bits: DropOutGenMask draws one bit for each element (1 keeps),
 * DropOutDoMask applies them, DropOutV3 does both, DropOutV3Grad is the gradient of that.
 *
 * Bit i belongs to element i in row-major order. A mask is as long as its output: whole groups of
 * 128 bits, of which the last may have some without an element. */
#include "base/pool.h"
#include "ops/norm/rows.h"
#include "ops/random/philox.h"
#include <math.h>
#include <string.h>

enum { GROUP = 128, MASK_CHUNK = 1 << 16, CHUNK = 16 * ACN_ROW_TILE };

static int64_t mask_bytes(int64_t elements) { return (elements + GROUP - 1) / GROUP * GROUP / 8; }

/* Bytes of a mask, some steps apart. */
typedef struct mask_view {
    uint8_t *data;
    int64_t step;
} mask_view;

static mask_view mask_of(const acn_tensor *t) {
    return (mask_view){t->data, t->rank == 1 ? t->strides[0] : 1};
}

static bool is_mask(const acn_tensor *t, int64_t least) {
    return acn_tensor_count(t) >= least && (t->rank == 1 || acn_tensor_is_contiguous(t));
}

/* A word below this drops its element. 0 keeps all; a probability of 1 is the caller's. */
static uint32_t threshold_of(double drop) {
    double t = round(drop * 0x1p32);
    return t >= 0x1p32 ? UINT32_MAX : (uint32_t)t;
}

static acn_status bad_probability(const acn_call *call, int slot, double p) {
    return acn_bad_attr(call, slot, "is %g; expected a probability from 0 to 1", p);
}

/* ---- drawing --------------------------------------------------------------------------------- */

typedef struct draw_job {
    mask_view out;
    int64_t bytes;
    acn_philox random;
    uint32_t threshold;
} draw_job;

static void draw_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const draw_job *j = context;
    uint8_t bits[MASK_CHUNK / 8];
    int64_t first = chunk * (int64_t)sizeof bits, n = j->bytes - first;
    if (n > (int64_t)sizeof bits) n = (int64_t)sizeof bits;
    int64_t words = (8 * n + 63) / 64 * 64; /* what the kernel makes at a time */
    acn_kernels_get()->random_bits(bits, j->random.seed, j->random.offset, 8 * (uint64_t)first,
                                   words, j->threshold);
    if (j->out.step == 1)
        memcpy(j->out.data + first, bits, (size_t)n);
    else
        for (int64_t i = 0; i < n; i++)
            j->out.data[(first + i) * j->out.step] = bits[i];
}

static void draw(mask_view out, int64_t bytes, acn_philox random, double drop) {
    if (drop >= 1) {
        for (int64_t i = 0; i < bytes; i++)
            out.data[i * out.step] = 0;
        return;
    }
    draw_job j = {out, bytes, random, threshold_of(drop)};
    acn_pool_run((8 * bytes + MASK_CHUNK - 1) / MASK_CHUNK, draw_chunk, &j);
}

static bool keeps(acn_philox random, double drop, int64_t i) {
    uint32_t words[4];
    acn_philox_block(&random, (uint64_t)i / 4, words);
    return drop < 1 && words[i % 4] >= threshold_of(drop);
}

static void draw0(mask_view out, int64_t bytes, acn_philox random, double drop) {
    for (int64_t i = 0; i < bytes; i++) {
        int byte = 0;
        for (int b = 0; b < 8; b++)
            byte |= keeps(random, drop, 8 * i + b) << b;
        out.data[i * out.step] = (uint8_t)byte;
    }
}

enum { SEED, OFFSET, PROB, SHAPE, DTYPE }; /* attributes */
enum { SEED_TENSOR, OFFSET_TENSOR };       /* inputs of captured streams: read when it runs */

static acn_philox random_of(const acn_call *call) {
    acn_philox r = {(uint64_t)acn_attr_int(call, SEED), (uint64_t)acn_attr_int(call, OFFSET)};
    const acn_tensor *seed = acn_in(call, SEED_TENSOR), *offset = acn_in(call, OFFSET_TENSOR);
    if (seed) r.seed = (uint64_t)acn_load_value(seed->data, seed->dtype).i;
    if (offset) r.offset += (uint64_t)acn_load_value(offset->data, offset->dtype).i;
    return r;
}

static acn_status gen_infer(acn_call *call) {
    int64_t count, elements = 1;
    double p = acn_attr_float(call, PROB);
    if (!(p >= 0 && p <= 1)) return bad_probability(call, PROB, p);
    const int64_t *shape = acn_attr_ints(call, SHAPE, &count);
    for (int64_t i = 0; i < count; i++) {
        if (shape[i] < 0) return acn_bad_attr(call, SHAPE, "has a negative size");
        elements *= shape[i];
    }
    for (int slot = SEED_TENSOR; slot <= OFFSET_TENSOR; slot++)
        if (acn_in(call, slot) && acn_tensor_count(acn_in(call, slot)) != 1)
            return acn_bad_input(call, slot, "expected one number");
    int64_t bytes = mask_bytes(elements);
    const acn_tensor *y = acn_out(call, 0);
    if (y && !is_mask(y, bytes))
        return acn_bad_output(call, 0, "expected at least %lld bytes in a row", (long long)bytes);
    acn_out_is(call, 0, ACN_U8, y ? y->rank : 1, y ? y->dims : &bytes);
    return ACN_OK;
}

static acn_status gen_plan(acn_call *call) {
    call->plan->cost_us = (uint32_t)(acn_tensor_count(acn_out(call, 0)) / 300);
    return ACN_OK;
}

static acn_status gen_run(acn_call *call) {
    const acn_tensor *y = acn_out(call, 0);
    draw(mask_of(y), acn_tensor_count(y), random_of(call), acn_attr_float(call, PROB));
    return ACN_OK;
}

static acn_status gen_run0(acn_call *call) {
    const acn_tensor *y = acn_out(call, 0);
    draw0(mask_of(y), acn_tensor_count(y), random_of(call), acn_attr_float(call, PROB));
    return ACN_OK;
}

#define ATTR_DRAW                                                                                  \
    {.name = "seed", .kind = ACN_ATTR_INT, .is_value = true},                                      \
        {.name = "offset", .kind = ACN_ATTR_INT, .is_value = true}, {                              \
        .name = "prob", .kind = ACN_ATTR_FLOAT, .is_required = true                                \
    }

ACN_OP(DropOutGenMask) = {
    .name = "DropOutGenMask",
    .doc = "A bit for each element of shape: 0 with probability prob. Philox4x32-10.",
    .in = {{"seed_tensor", ACN_T(ACN_I64), ACN_OPTIONAL},
           {"offset_tensor", ACN_T(ACN_I64), ACN_OPTIONAL}},
    .out = {{"y", ACN_T(ACN_U8)}},
    .attr = {ATTR_DRAW,
             {.name = "shape", .kind = ACN_ATTR_INTS, .is_required = true},
             {.name = "dtype", .kind = ACN_ATTR_DTYPE}},
    .infer = gen_infer,
    .plan = gen_plan,
    .run = gen_run,
    .run0 = gen_run0,
    .cases = "->u8[16]|shape=[5,7],prob=0.25,seed=3,offset=8 ->u8[12512]|shape=[100001],prob=0.5 "
             "->u8[16]|shape=[8],prob=1 ->u8[16]|shape=[8],prob=0 ->u8[0]|shape=[0],prob=0.5",
};

/* ---- applying -------------------------------------------------------------------------------- */

typedef struct mask_plan {
    acn_rows rows; /* one row: all elements */
    acn_row_side x, y;
} mask_plan;

typedef struct mask_job {
    const mask_plan *plan;
    const char *x;
    char *y;
    mask_view mask;
    double scale;
} mask_job;

/* Bits as bytes of truth values. */
static void spread(uint8_t *to, mask_view mask, int64_t first, int64_t n) {
    for (int64_t i = 0; i < n; i += 8) {
        uint64_t each = mask.data[(first + i) / 8 * mask.step] * UINT64_C(0x0101010101010101) &
                        UINT64_C(0x8040201008040201);
        uint64_t bytes = (each + UINT64_C(0x00406070787c7e7f)) >> 7 & UINT64_C(0x0101010101010101);
        memcpy(to + i, &bytes, 8);
    }
}

static void apply_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const mask_job *j = context;
    const mask_plan *p = j->plan;
    const acn_micro_fn(*micro)[ACN_CLASS_COUNT] = acn_kernels_get()->micro;
    acn_class k = p->x.klass;
    int64_t end = (chunk + 1) * CHUNK < p->rows.length ? (chunk + 1) * CHUNK : p->rows.length;
    acn_row_tile x_tile, y_tile, zero, scale;
    uint8_t keep[ACN_ROW_TILE];
    acn_row_splat(k, &zero, 0, ACN_ROW_TILE);
    acn_row_splat(k, &scale, j->scale, ACN_ROW_TILE);
    for (int64_t from = chunk * CHUNK; from < end; from += ACN_ROW_TILE) {
        int64_t n = end - from < ACN_ROW_TILE ? end - from : ACN_ROW_TILE;
        const void *x = acn_row_load(&p->rows, &p->x, j->x, from, n, &x_tile);
        void *y = acn_row_target(&p->y, j->y, from, &y_tile);
        spread(keep, j->mask, from, n);
        micro[ACN_U_MUL][k](y, x, &scale, NULL, n);
        micro[ACN_U_SELECT][k](y, y, &zero, keep, n);
        acn_row_store(&p->rows, &p->y, j->y, from, n, y);
    }
}

static acn_status apply_plan(acn_call *call, const acn_tensor *x, const acn_tensor *y) {
    mask_plan *p = acn_plan_alloc(call, sizeof *p);
    if (!p) return acn_fail(ACN_BAD_ALLOC, "no host memory for a plan");
    acn_rows_make(&p->rows, x, 0xff);
    acn_row_side_make(&p->x, &p->rows, x, acn_rows_class(x, y));
    acn_row_side_make(&p->y, &p->rows, y, acn_rows_class(x, y));
    call->plan->data = p;
    call->plan->cost_us = (uint32_t)(p->rows.length / 2000 & 0x7fffffff);
    return ACN_OK;
}

static void apply(const acn_call *call, const acn_tensor *x, const acn_tensor *y, mask_view mask,
                  double scale) {
    mask_job j = {call->plan->data, x->data, y->data, mask, scale};
    acn_pool_run((j.plan->rows.length + CHUNK - 1) / CHUNK, apply_chunk, &j);
}

static void apply0(const acn_tensor *x, const acn_tensor *y, mask_view mask, double scale) {
    for (int64_t i = 0; i < acn_tensor_count(x); i++) {
        double v = acn_load_value(acn_tensor_at(x, i), x->dtype).f;
        bool keep = mask.data[i / 8 * mask.step] >> i % 8 & 1;
        acn_store_value(acn_tensor_at(y, i), y->dtype, (acn_value){.f = keep ? v * scale : 0});
    }
}

static acn_status check_mask(const acn_call *call, int slot) {
    const acn_tensor *mask = acn_in(call, slot);
    int64_t least = (acn_tensor_count(acn_in(call, 0)) + 7) / 8;
    if (is_mask(mask, least)) return ACN_OK;
    return acn_bad_input(call, slot, "expected at least %lld bytes in a row, a bit an element",
                         (long long)least);
}

enum { X, MASK, KEEP_PROB };

static acn_status do_infer(acn_call *call) {
    double p = acn_attr_float(call, 0);
    if (!(p >= 0 && p <= 1)) return bad_probability(call, 0, p);
    if (acn_in(call, KEEP_PROB) && acn_tensor_count(acn_in(call, KEEP_PROB)) != 1)
        return acn_bad_input(call, KEEP_PROB, "expected one number");
    ACN_TRY(check_mask(call, MASK));
    acn_out_like(call, 0, ACN_UNDEFINED, acn_in(call, X));
    return ACN_OK;
}

static acn_status do_plan(acn_call *call) {
    return apply_plan(call, acn_in(call, X), acn_out(call, 0));
}

/* GE gives what is kept as a tensor, aclnn what is dropped as a number. */
static double do_scale(const acn_call *call) {
    const acn_tensor *keep = acn_in(call, KEEP_PROB);
    double kept = keep ? acn_load_value(keep->data, keep->dtype).f : 1 - acn_attr_float(call, 0);
    return kept > 0 ? 1 / kept : 0;
}

static acn_status do_run(acn_call *call) {
    apply(call, acn_in(call, X), acn_out(call, 0), mask_of(acn_in(call, MASK)), do_scale(call));
    return ACN_OK;
}

static acn_status do_run0(acn_call *call) {
    apply0(acn_in(call, X), acn_out(call, 0), mask_of(acn_in(call, MASK)), do_scale(call));
    return ACN_OK;
}

ACN_OP(DropOutDoMask) = {
    .name = "DropOutDoMask",
    .doc = "x / (1 - prob) where the mask's bit is set, else 0.",
    .in = {{"x", ACN_FLOATS},
           {"mask", ACN_T(ACN_U8)},
           {"keep_prob", ACN_FLOATS, ACN_OPTIONAL | ACN_SCALARISH}},
    .out = {{"y", ACN_FLOATS}},
    .attr = {{.name = "prob", .kind = ACN_ATTR_FLOAT, .is_value = true}},
    .infer = do_infer,
    .plan = do_plan,
    .run = do_run,
    .run0 = do_run0,
    .cases =
        "[5,7],u8[16]|prob=0.25 [3000],u8[384],-|prob=0.5 [5,7],u8[16],0.5 [5,7],u8[16]|prob=1 "
        "f32[0],u8[0]|prob=0.5 [],u8[16]|prob=0 f32[120000],u8[15008]|prob=0.5",
};

enum { SCALE };

static acn_status grad_infer(acn_call *call) {
    ACN_TRY(check_mask(call, MASK));
    acn_out_like(call, 0, ACN_UNDEFINED, acn_in(call, X));
    return ACN_OK;
}

static acn_status grad_run(acn_call *call) {
    apply(call, acn_in(call, X), acn_out(call, 0), mask_of(acn_in(call, MASK)),
          acn_attr_float(call, SCALE));
    return ACN_OK;
}

static acn_status grad_run0(acn_call *call) {
    apply0(acn_in(call, X), acn_out(call, 0), mask_of(acn_in(call, MASK)),
           acn_attr_float(call, SCALE));
    return ACN_OK;
}

ACN_OP(DropOutV3Grad) = {
    .name = "DropOutV3Grad",
    .doc = "scale * y_grad where the mask's bit is set, else 0.",
    .in = {{"y_grad", ACN_FLOATS}, {"mask", ACN_T(ACN_U8)}},
    .out = {{"x_grad", ACN_FLOATS}},
    .attr = {{.name = "scale", .kind = ACN_ATTR_FLOAT, .is_required = true, .is_value = true}},
    .infer = grad_infer,
    .plan = do_plan,
    .run = grad_run,
    .run0 = grad_run0,
    .cases = "[5,7],u8[16]|scale=2 [3000],u8[384]|scale=0",
};

/* ---- both ------------------------------------------------------------------------------------ */

enum { Y, MASK_OUT };

static acn_status both_infer(acn_call *call) {
    double p = acn_attr_float(call, PROB);
    if (!(p >= 0 && p <= 1)) return bad_probability(call, PROB, p);
    if (acn_in(call, 1))
        return acn_bad_input(call, 1, "a noise shape is not supported; expected none");
    int64_t bytes = mask_bytes(acn_tensor_count(acn_in(call, X)));
    const acn_tensor *mask = acn_out(call, MASK_OUT);
    if (mask && !is_mask(mask, bytes))
        return acn_bad_output(call, MASK_OUT, "expected at least %lld bytes in a row",
                              (long long)bytes);
    acn_out_like(call, Y, ACN_UNDEFINED, acn_in(call, X));
    acn_out_is(call, MASK_OUT, ACN_U8, mask ? mask->rank : 1, mask ? mask->dims : &bytes);
    return ACN_OK;
}

static acn_status both_plan(acn_call *call) {
    return apply_plan(call, acn_in(call, X), acn_out(call, Y));
}

static acn_philox seeds(const acn_call *call) {
    return (acn_philox){(uint64_t)acn_attr_int(call, SEED), (uint64_t)acn_attr_int(call, OFFSET)};
}

static double both_scale(const acn_call *call) {
    double p = acn_attr_float(call, PROB);
    return p < 1 ? 1 / (1 - p) : 0;
}

static acn_status both_run(acn_call *call) {
    const acn_tensor *mask = acn_out(call, MASK_OUT);
    draw(mask_of(mask), acn_tensor_count(mask), seeds(call), acn_attr_float(call, PROB));
    apply(call, acn_in(call, X), acn_out(call, Y), mask_of(mask), both_scale(call));
    return ACN_OK;
}

static acn_status both_run0(acn_call *call) {
    const acn_tensor *mask = acn_out(call, MASK_OUT);
    draw0(mask_of(mask), acn_tensor_count(mask), seeds(call), acn_attr_float(call, PROB));
    apply0(acn_in(call, X), acn_out(call, Y), mask_of(mask), both_scale(call));
    return ACN_OK;
}

ACN_OP(DropOutV3) = {
    .name = "DropOutV3",
    .doc = "x / (1 - prob), or 0 with probability prob; and the mask. Philox4x32-10.",
    .in = {{"x", ACN_FLOATS}, {"noise_shape", ACN_T(ACN_I64), ACN_OPTIONAL}},
    .out = {{"y", ACN_FLOATS}, {"mask", ACN_T(ACN_U8)}},
    .attr = {ATTR_DRAW},
    .infer = both_infer,
    .plan = both_plan,
    .run = both_run,
    .run0 = both_run0,
    .cases = "[5,7]->[5,7],u8[16]|prob=0.25,seed=5,offset=4 [3000]->[3000],u8[384]|prob=0.5,seed=9 "
             "[5,7]->[5,7],u8[16]|prob=1 f32[0]->f32[0],u8[0]|prob=0.5",
};
