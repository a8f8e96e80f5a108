/* uniform.c - StatelessUniform: numbers in [from, to), StatelessRandom: integers in [from, to). */
#include "ops/random/draw.h"
#include <math.h>
#include <string.h>

enum { ATTR_FROM = ACN_DRAW_OWN, ATTR_TO };

/* ---- reals ----------------------------------------------------------------------------------- */

/* The largest number of |dtype| below |limit|: rounding must not reach the open end. */
static double below(acn_dtype dtype, double limit) {
    uint64_t bits = 0;
    acn_store_value(&bits, dtype, (acn_value){.f = limit});
    double rounded = acn_load_value(&bits, dtype).f;
    if (rounded < limit) return rounded;
    uint64_t sign = UINT64_C(1) << (8 * acn_dtype_bytes(dtype) - 1);
    bits = rounded > 0 ? bits - 1 : rounded < 0 ? bits + 1 : sign | 1;
    return acn_load_value(&bits, dtype).f;
}

static int bits_of(acn_dtype dtype) { /* all multiples of 2^-bits in [0, 1) are exact */
    return dtype == ACN_F16 ? 11 : dtype == ACN_BF16 ? 8 : 24;
}

static double uniform(const acn_draw *draw, double unit) {
    double v = draw->a + (draw->b - draw->a) * unit, limit = below(draw->y.dtype, draw->b);
    return v < limit || draw->b <= draw->a ? v : limit;
}

static acn_value uniform_element(const acn_draw *draw, int64_t i) {
    if (draw->klass != ACN_K_F64)
        return (acn_value){
            .f = uniform(draw, acn_unit32(acn_draw_word(draw, i), bits_of(draw->y.dtype)))};
    uint32_t words[4];
    acn_philox_block(&draw->random, (uint64_t)i / 2, words);
    return (acn_value){.f = uniform(draw, acn_unit53(words[i % 2 * 2], words[i % 2 * 2 + 1]))};
}

static void fill_uniform(const acn_draw *draw, int64_t first, int64_t n, acn_draw_tile *tile) {
    double from = draw->a, span = draw->b - draw->a, limit = below(draw->y.dtype, draw->b);
    if (span <= 0) limit = INFINITY;
    bool is_double = draw->klass == ACN_K_F64;
    int bits = bits_of(draw->y.dtype), step = is_double ? 2 : 4;
    for (int64_t i = 0; i < n; i += step) {
        uint32_t words[4];
        acn_philox_block(&draw->random, (uint64_t)(first + i) / (uint64_t)step, words);
        for (int k = 0; k < step && i + k < n; k++) {
            double unit =
                is_double ? acn_unit53(words[2 * k], words[2 * k + 1]) : acn_unit32(words[k], bits);
            double v = from + span * unit;
            if (v > limit) v = limit;
            if (is_double)
                tile->d[i + k] = v;
            else
                tile->f[i + k] = (float)v;
        }
    }
}

static acn_draw begin_uniform(const acn_call *call) {
    acn_draw draw = acn_draw_begin(call);
    draw.a = acn_attr_float(call, ATTR_FROM);
    draw.b = acn_attr_float(call, ATTR_TO);
    return draw;
}

static acn_status check_uniform(const acn_call *call) {
    double from = acn_attr_float(call, ATTR_FROM), to = acn_attr_float(call, ATTR_TO);
    if (!(from <= to) || !isfinite(to - from))
        return acn_bad_attr(call, ATTR_TO, "is %g, %s is %g; expected a finite range, from <= to",
                            to, "from", from);
    return ACN_OK;
}

static acn_status run_uniform(acn_call *call) {
    acn_draw draw = begin_uniform(call);
    acn_draw_run(&draw, fill_uniform);
    return ACN_OK;
}

static acn_status run0_uniform(acn_call *call) {
    acn_draw draw = begin_uniform(call);
    acn_draw_run0(&draw, uniform_element);
    return ACN_OK;
}

#define VALUE(attr_name, default_value)                                                            \
    { .name = attr_name, .kind = ACN_ATTR_FLOAT, .fallback = default_value, .is_value = true }

ACN_OP(StatelessUniform) = {
    .name = "StatelessUniform",
    .doc = "Numbers in [from, to), evenly distributed; Philox4x32-10 of seed and offset.",
    .in = {ACN_DRAW_INPUTS},
    .out = {{"y", ACN_FLOATS | ACN_COMPLEXES}},
    .attr = {ACN_DRAW_ATTRS, VALUE("from", 0), VALUE("to", 1)},
    .infer = acn_draw_infer,
    .check = check_uniform,
    .plan = acn_draw_plan,
    .run = run_uniform,
    .run0 = run0_uniform,
    .cases =
        "->[5,7]|seed=1 ->[3,1000]|seed=7,offset=12,from=-2,to=3 ->f32[40000]|seed=3 ->[0] ->[] "
        "i64[1]@5..5,i64[1]@9..9->f32[50]|offset=4",
};

/* ---- integers -------------------------------------------------------------------------------- */

/* The high half of word * range: even to within range / 2^64, without a division. */
static int64_t scaled(const acn_draw *draw, const uint32_t *words) {
    if (draw->range <= UINT32_MAX)
        return (int64_t)((uint64_t)draw->from + (words[0] * draw->range >> 32));
    uint64_t word = (uint64_t)words[0] << 32 | words[1];
    return (int64_t)((uint64_t)draw->from +
                     (uint64_t)((__extension__(unsigned __int128) word * draw->range) >> 64));
}

static int words_per_element(const acn_draw *draw) { return draw->range <= UINT32_MAX ? 1 : 2; }

static void fill_random(const acn_draw *draw, int64_t first, int64_t n, acn_draw_tile *tile) {
    int words_each = words_per_element(draw), step = 4 / words_each;
    for (int64_t i = 0; i < n; i += step) {
        uint32_t words[4];
        acn_philox_block(&draw->random, (uint64_t)(first + i) / (uint64_t)step, words);
        for (int k = 0; k < step && i + k < n; k++)
            tile->i[i + k] = scaled(draw, words + k * words_each);
    }
}

static acn_value random_element(const acn_draw *draw, int64_t i) {
    int words_each = words_per_element(draw), step = 4 / words_each;
    uint32_t words[4];
    acn_philox_block(&draw->random, (uint64_t)i / (uint64_t)step, words);
    int64_t v = scaled(draw, words + i % step * words_each);
    return (acn_value){.f = (double)v, .i = v};
}

/* Without a range: all values that the type can count with, as PyTorch's random_() does. */
static void default_range(acn_draw *draw) {
    static const struct {
        acn_dtype dtype;
        uint64_t range;
    } ranges[] = {{ACN_F32, (1u << 24) + 1},
                  {ACN_F64, (UINT64_C(1) << 53) + 1},
                  {ACN_F16, (1u << 11) + 1},
                  {ACN_BF16, (1u << 8) + 1},
                  {ACN_I8, 1u << 7},
                  {ACN_U8, 1u << 8},
                  {ACN_I16, 1u << 15},
                  {ACN_I32, UINT64_C(1) << 31},
                  {ACN_I64, UINT64_C(1) << 63},
                  {ACN_BOOL, 2}};
    draw->range = 1;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].dtype == draw->y.dtype) draw->range = ranges[i].range;
}

static acn_draw begin_random(const acn_call *call) {
    acn_draw draw = acn_draw_begin(call);
    draw.klass = ACN_K_I64;
    bool has_range = call->attr[ATTR_FROM].is_present || call->attr[ATTR_TO].is_present;
    if (!has_range) {
        default_range(&draw);
        return draw;
    }
    draw.from = acn_attr_int(call, ATTR_FROM);
    draw.range = (uint64_t)acn_attr_int(call, ATTR_TO) - (uint64_t)draw.from;
    return draw;
}

static acn_status check_random(const acn_call *call) {
    int64_t from = acn_attr_int(call, ATTR_FROM), to = acn_attr_int(call, ATTR_TO);
    if ((call->attr[ATTR_FROM].is_present || call->attr[ATTR_TO].is_present) && from >= to)
        return acn_bad_attr(call, ATTR_TO, "is %lld, from is %lld; expected from < to",
                            (long long)to, (long long)from);
    return ACN_OK;
}

static acn_status run_random(acn_call *call) {
    acn_draw draw = begin_random(call);
    acn_draw_run(&draw, fill_random);
    return ACN_OK;
}

static acn_status run0_random(acn_call *call) {
    acn_draw draw = begin_random(call);
    acn_draw_run0(&draw, random_element);
    return ACN_OK;
}

#define WHOLE(attr_name)                                                                           \
    { .name = attr_name, .kind = ACN_ATTR_INT, .is_value = true }

ACN_OP(StatelessRandom) = {
    .name = "StatelessRandom",
    .doc =
        "Integers in [from, to), or in all of the type's range; Philox4x32-10 of seed and offset.",
    .in = {ACN_DRAW_INPUTS},
    .out = {{"y", ACN_REALS | ACN_BOOLS}},
    .attr = {ACN_DRAW_ATTRS, WHOLE("from"), WHOLE("to")},
    .infer = acn_draw_infer,
    .check = check_random,
    .plan = acn_draw_plan,
    .run = run_random,
    .run0 = run0_random,
    .cases = "->[5,7]|seed=1 ->[3,1000]|seed=7,offset=12,from=-2,to=3 "
             "->i64[9]|seed=2,from=-3,to=8589934592 "
             "->i32[40000]|seed=3,from=0,to=10 ->[0] ->[]",
};
