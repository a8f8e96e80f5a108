/* range.c - numbers in equal steps: Range (aclnnArange, aclnnRange) and LinSpace; in equal ratios:
 * LogSpaceD. */
#include "base/pool.h"
#include "ops/layout/copy.h"
#include "ops/math/viewed.h"
#include <complex.h>
#include <math.h>
#include <string.h>

enum { START, LIMIT, DELTA, CHUNK = 16384, TILE = 512 };

/* In equal steps. */
typedef struct stretch {
    double start, limit, step;
} stretch;

typedef struct numbers {
    const acn_tensor *y;
    bool is_whole;
    int64_t start_i, step_i;
    stretch part[2]; /* real and imaginary */
    int wanted;      /* which part of the result */
    int64_t count;
    bool from_both_ends; /* LinSpace: exact at either end */
    bool is_power;       /* LogSpace: of |base| */
    bool is_complex;
    double base;
    acn_route route;
} numbers;

static double double_of(const acn_tensor *t) {
    double x;
    acn_convert_element(&x, ACN_F64, t->data, t->dtype);
    return x;
}

static int64_t whole_of(const acn_tensor *t) {
    int64_t x;
    acn_convert_element(&x, ACN_I64, t->data, t->dtype);
    return x;
}

static bool is_whole_type(acn_dtype dtype) { return !acn_dtype_is_float(dtype); }

static double step_at(const numbers *s, int part, int64_t i) {
    const stretch *p = &s->part[part];
    if (s->from_both_ends && i >= s->count / 2)
        return p->limit - p->step * (double)(s->count - 1 - i);
    return p->start + p->step * (double)i;
}

static double number_at(const numbers *s, int64_t i) {
    double number = step_at(s, s->wanted, i);
    if (!s->is_power) return number;
    if (!s->is_complex) return pow(s->base, number);
    double complex power = cpow(s->base, CMPLX(step_at(s, 0, i), step_at(s, 1, i)));
    return s->wanted ? cimag(power) : creal(power);
}

static int64_t whole_at(const numbers *s, int64_t i) {
    return (int64_t)((uint64_t)s->start_i + (uint64_t)s->step_i * (uint64_t)i);
}

static void fill_chunk(void *context, int64_t chunk, int worker) {
    (void)worker;
    const numbers *s = context;
    int64_t end = (chunk + 1) * CHUNK < s->count ? (chunk + 1) * CHUNK : s->count;
    int64_t bytes = s->route.to_bytes, stride = s->count > 1 ? s->y->strides[0] * bytes : bytes;
    _Alignas(64) union {
        double f[TILE];
        int64_t i[TILE];
    } wide;
    _Alignas(64) char result[TILE * 8];
    for (int64_t i = chunk * CHUNK; i < end; i += TILE) {
        int64_t n = end - i < TILE ? end - i : TILE;
        for (int64_t j = 0; j < n; j++)
            if (s->is_whole)
                wide.i[j] = whole_at(s, i + j);
            else
                wide.f[j] = number_at(s, i + j);
        char *to = (char *)s->y->data + i * stride;
        acn_route_run(&s->route, stride == bytes ? to : result, &wide, n);
        if (stride == bytes) continue;
        for (int64_t j = 0; j < n; j++)
            memcpy(to + j * stride, result + j * bytes, (size_t)bytes);
    }
}

static acn_status fill(numbers *s) {
    acn_dtype from = s->is_whole ? ACN_I64 : ACN_F64;
    if (!acn_route_find(&s->route, s->y->dtype, from))
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "no numbers of %s", acn_dtype_name(s->y->dtype));
    acn_pool_run((s->count + CHUNK - 1) / CHUNK, fill_chunk, s);
    return ACN_OK;
}

static acn_status fill0(numbers *s) {
    for (int64_t i = 0; i < s->count; i++) {
        acn_value value = {.f = s->is_whole ? 0 : number_at(s, i), .i = whole_at(s, i)};
        if (!s->is_whole) value.i = (int64_t)value.f;
        acn_store_value(acn_tensor_at(s->y, i), s->y->dtype, value);
    }
    return ACN_OK;
}

static acn_status one_dimension(acn_call *c, int64_t count) {
    const acn_tensor *y = acn_out(c, 0);
    if (y && y->rank == 1) count = y->dims[0];
    acn_out_is(c, 0, y ? y->dtype : acn_in(c, START)->dtype, 1, &count);
    return ACN_OK;
}

static acn_status one_element(const acn_call *c, int slot) {
    if (acn_tensor_count(acn_in(c, slot)) != 1)
        return acn_bad_input(c, slot, "expected one element");
    return ACN_OK;
}

/* ---- Range --------------------------------------------------------------------------------- */

/* Phase 1 knows the numbers only when they come as host scalars. */
static bool is_known(const acn_call *c) {
    return acn_is_weak(c, START) && acn_is_weak(c, LIMIT) && acn_is_weak(c, DELTA);
}

static double steps_of(const acn_call *c) {
    double span = double_of(acn_in(c, LIMIT)) - double_of(acn_in(c, START));
    double steps = span / double_of(acn_in(c, DELTA));
    return acn_attr_int(c, 0) ? floor(steps) + 1 : ceil(steps);
}

static acn_status check_range(const acn_call *c) {
    if (!is_known(c)) return ACN_OK;
    double start = double_of(acn_in(c, START)), limit = double_of(acn_in(c, LIMIT));
    double step = double_of(acn_in(c, DELTA));
    if (step == 0 || isnan(step))
        return acn_bad_input(c, DELTA, "expected another step than %g", step);
    if (!isfinite(limit - start))
        return acn_bad_input(c, LIMIT, "the range is %g to %g; expected finite bounds", start,
                             limit);
    if ((limit - start) / step < 0)
        return acn_bad_input(c, DELTA, "the step is %g; expected one that leads from %g to %g",
                             step, start, limit);
    if (steps_of(c) >= 0x1p62) return acn_bad_input(c, DELTA, "gives too many elements");
    return ACN_OK;
}

static acn_status infer_range(acn_call *c) {
    for (int slot = START; slot <= DELTA; slot++)
        ACN_TRY(one_element(c, slot));
    double steps = is_known(c) ? steps_of(c) : 0;
    return one_dimension(c, steps >= 0 && steps < 0x1p62 ? (int64_t)steps : 0);
}

static numbers range_of(const acn_call *c) {
    const acn_tensor *y = acn_out(c, 0);
    return (numbers){
        .y = y,
        .is_whole = is_whole_type(y->dtype),
        .start_i = whole_of(acn_in(c, START)),
        .step_i = whole_of(acn_in(c, DELTA)),
        .part[0] = {.start = double_of(acn_in(c, START)), .step = double_of(acn_in(c, DELTA))},
        .count = acn_tensor_count(y),
    };
}

static acn_status run_range(acn_call *c) {
    numbers s = range_of(c);
    return fill(&s);
}

static acn_status run0_range(acn_call *c) {
    numbers s = range_of(c);
    return fill0(&s);
}

/* ---- LinSpace ------------------------------------------------------------------------------ */

static acn_status infer_linspace(acn_call *c) {
    ACN_TRY(one_element(c, START));
    ACN_TRY(one_element(c, LIMIT));
    int64_t count = acn_attr_int(c, 0);
    if (count < 0) return acn_bad_attr(c, 0, "expected at least 0");
    acn_out_is(c, 0, acn_out(c, 0) ? acn_out(c, 0)->dtype : acn_in(c, START)->dtype, 1, &count);
    return ACN_OK;
}

/* As PyTorch has it, the ends are of the result's type before anything is computed. Part 1 is the
 * imaginary one. */
static double rounded(const acn_tensor *t, acn_dtype dtype, int part) {
    _Alignas(8) char end[8];
    acn_convert_element(end, dtype, t->data, t->dtype);
    acn_value x = acn_load_value(end, dtype);
    return part                                                       ? x.im
           : acn_dtype_is_float(dtype) || acn_dtype_is_complex(dtype) ? x.f
                                                                      : (double)x.i;
}

/* |y| is the output, or part |wanted| of it when it is complex. */
static numbers linspace_of(const acn_call *c, const acn_tensor *y, int wanted) {
    acn_dtype dtype = acn_out(c, 0)->dtype;
    numbers s = {.y = y, .count = acn_tensor_count(y), .wanted = wanted};
    s.is_complex = acn_dtype_is_complex(dtype);
    s.from_both_ends = s.count > 1;
    for (int i = 0; i < 1 + s.is_complex; i++) {
        stretch *p = &s.part[i];
        p->start = rounded(acn_in(c, START), dtype, i);
        p->limit = rounded(acn_in(c, LIMIT), dtype, i);
        if (s.count > 1) p->step = (p->limit - p->start) / (double)(s.count - 1);
    }
    return s;
}

/* The parts of complex numbers are filled one after the other. */
static acn_status each_part(const acn_call *c, bool is_power,
                            acn_status (*fill_numbers)(numbers *)) {
    const acn_tensor *y = acn_out(c, 0);
    bool is_complex = acn_dtype_is_complex(y->dtype);
    for (int part = 0; part < 1 + is_complex; part++) {
        acn_tensor view = is_complex ? acn_part_of(y, part) : *y;
        numbers s = linspace_of(c, &view, part);
        s.is_power = is_power;
        if (is_power) s.base = acn_attr_float(c, 1);
        ACN_TRY(fill_numbers(&s));
    }
    return ACN_OK;
}

static acn_status run_linspace(acn_call *c) { return each_part(c, false, fill); }
static acn_status run0_linspace(acn_call *c) { return each_part(c, false, fill0); }
static acn_status run_logspace(acn_call *c) { return each_part(c, true, fill); }
static acn_status run0_logspace(acn_call *c) { return each_part(c, true, fill0); }

ACN_OP(Range) = {
    .name = "Range",
    .doc = "y[i] = start + i * delta, in y's dtype",
    .in = {{"start", ACN_REALS | ACN_BOOLS, ACN_SCALARISH},
           {"limit", ACN_REALS | ACN_BOOLS, ACN_SCALARISH},
           {"delta", ACN_REALS | ACN_BOOLS, ACN_SCALARISH}},
    .out = {{"y", ACN_REALS}},
    .attr = {{"is_closed", ACN_ATTR_BOOL}},
    .infer = infer_range,
    .check = check_range,
    .run = run_range,
    .run0 = run0_range,
    .cases = "0,10,1->[10] 5,-4,-3->[3] 0,1,0.125->f32+f64+f16+bf16[8] 3,3,1->[0] "
             "0,1000,1->i32+i64+f32[1000]",
};

ACN_OP(LinSpace) = {
    .name = "LinSpace",
    .doc = "num numbers from start to stop, both included",
    .in = {{"start", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH},
           {"stop", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH}},
    .out = {{"output", ACN_NUMBERS}},
    .attr = {{"num", ACN_ATTR_INT, .is_required = true}},
    .infer = infer_linspace,
    .run = run_linspace,
    .run0 = run0_linspace,
    .cases = "0,10->[11]|num=11 -1.5,2.5->f32+f64+f16+bf16[9]|num=9 3,8->[1]|num=1 1,2->[0]|num=0 "
             "0,1->f32+f64[1001]|num=1001 c64[1],c64[1]->c64[7]|num=7 0,3->c64[4]|num=4",
};

ACN_OP(LogSpaceD) = {
    .name = "LogSpaceD",
    .doc = "base to the power of num numbers from start to stop, both included",
    .in = {{"start", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH},
           {"stop", ACN_ALL | ACN_T(ACN_C128), ACN_SCALARISH}},
    .out = {{"output", ACN_NUMBERS}},
    .attr = {{"num", ACN_ATTR_INT, .is_required = true},
             {"base", ACN_ATTR_FLOAT, .fallback = 10, .is_value = true}},
    .infer = infer_linspace,
    .run = run_logspace,
    .run0 = run0_logspace,
    .cases = "0,4->[5]|num=5,base=2 -1.5,2.5->f32+f64+f16+bf16[9]|num=9 3,8->f64[1]|num=1 "
             "1,2->[0]|num=0 c64[1],c64[1]->c64[7]|num=7,base=2 1,3->c64[3]|num=3",
};
