/* Micro-ops: every level that this machine can run, every class, against wider arithmetic. */
#include "kernels_reference.h"
#include "unit.h"

#include <complex.h>
#include <float.h>

enum { COUNT = 1 << 14 };
static _Alignas(64) char a[COUNT * 8], b[COUNT * 8], c[COUNT * 8], d[COUNT * 8];

static const float specials[] = {
    0.0f,
    -0.0f,
    1.0f,
    -1.0f,
    0.5f,
    -0.5f,
    1.5f,
    2.5f,
    -2.0f,
    3.0f,
    1e-40f,
    -1e-45f,
    0x1p-126f,
    1e30f,
    0x1.fffffep127f,
    -0x1.fffffep127f,
    88.7f,
    -87.4f,
    -103.9f,
    9.0f,
    0x1p23f,
    0x1p24f,
    8388609.0f,
    1e6f,
    INFINITY,
    -INFINITY,
    NAN,
    3.14159274f,
    -1.57079637f,
    1e10f,
    0x1.fp-1f,
    0x1.000002p0f,
};
enum { SPECIALS = COUNT_OF(specials) };

/* Those are formulas of the others, and tested with their operators. */
static bool is_activation(int code) { return code >= ACN_U_SIGMOID && code <= ACN_U_SHRINK_GRAD; }

/* For each level and each micro-op of |k|. */
static void each_micro(acn_class k, void (*check)(const acn_kernels *, acn_micro_code)) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (int l = 0; l < count; l++)
        for (int code = 0; code < ACN_MICRO_COUNT; code++)
            if (levels[l]->micro[code][k] && !is_activation(code))
                check(levels[l], (acn_micro_code)code);
}

/* Random bits, numbers of ordinary size, numbers around 1, and all pairs of special values. */
static float random_f32(int i, int operand) {
    if (i < SPECIALS * SPECIALS) return specials[operand ? i % SPECIALS : i / SPECIALS];
    uint64_t r = next_random();
    double unit = (double)(r >> 11) * 0x1p-53;
    switch (i % 3) {
    case 0: {
        uint32_t bits = (uint32_t)r;
        float x;
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    case 1:
        return (float)((unit - 0.5) * 40);
    default:
        return operand ? (float)((unit - 0.5) * 4000) : (float)(1 + (unit - 0.5) * 0.01);
    }
}

static void fail_at(const acn_kernels *level, acn_micro_code code, acn_class k, int i, double got,
                    double error) {
    fail_msg("%s %s %s: element %d is %.17g, off by %g", level->isa, class_names[k],
             micro_names[code], i, got, error);
}

/* Rounded once or twice, depending on whether the level has a fused multiply-add: the error is in
 * units of the larger of product and sum. */
static double fma_error(double got, long double x, long double y, long double z, double eps,
                        long double largest) {
    long double want = x * y + z, scale = fmaxl(fabsl(x * y), fabsl(want));
    if (!(scale < largest / 2)) return 0; /* MUL and ADD are tested for special values */
    return (double)(fabsl(got - want) / (scale * eps + 0x1p-149L));
}

static double float_error(acn_micro_code code, double got, double x, double y, double z,
                          acn_class k) {
    long double want = float_reference(code, x, y, z);
    if (is_absolute(code) && fabsl(want) < 1)
        return (double)(fabsl(got - want) / (k == ACN_K_F32 ? 0x1p-24L : 0x1p-53L));
    return k == ACN_K_F32 ? ulps_f32((float)got, want) : ulps_f64(got, want);
}

static void check_f32(const acn_kernels *level, acn_micro_code code) {
    float *x = (float *)a, *y = (float *)b, *z = (float *)c, *got = (float *)d;
    const uint8_t *flags = (const uint8_t *)d;
    double worst = 0;
    /* Unary ones see all special values and every 16411th bit pattern of 2^32. */
    int rounds = micro_operands[code] == 1 ? (int)(UINT32_MAX / 16411 / COUNT) + 1 : 16;
    for (int round = 0; round < rounds; round += UNIT_EVERY(8)) {
        for (int i = 0; i < COUNT; i++) {
            uint32_t bits = ((uint32_t)round * COUNT + (uint32_t)i) * 16411u;
            x[i] = random_f32(i, 0);
            if (micro_operands[code] == 1 && i >= SPECIALS * SPECIALS) memcpy(&x[i], &bits, 4);
            y[i] = random_f32(i, 1);
            z[i] = random_f32(i + 1, 0);
            if (code == ACN_U_SELECT) c[i] = (char)(next_random() & 1);
        }
        level->micro[code][ACN_K_F32](d, a, b, c, COUNT);
        for (int i = 0; i < COUNT; i++) {
            double error;
            if (micro_results[code] == B8)
                error = flags[i] == compare_reference(code, x[i], y[i]) ? 0 : HUGE_VAL;
            else if (code == ACN_U_SELECT)
                error = memcmp(&got[i], c[i] ? &x[i] : &y[i], sizeof(float)) ? HUGE_VAL : 0;
            else if (code == ACN_U_FMA)
                error = fma_error(got[i], x[i], y[i], z[i], 0x1p-23, FLT_MAX) * 0.5;
            else
                error = float_error(code, got[i], x[i], y[i], z[i], ACN_K_F32);
            if (error > allowed_ulps(code)) fail_at(level, code, ACN_K_F32, i, got[i], error);
            worst = fmax(worst, error);
        }
    }
    if (allowed_ulps(code) > 0.5)
        print_message("  %-8s F32 %-9s max %.3f ULP\n", level->isa, micro_names[code], worst);
}

static void f32_is_within_two_units(void **state) { each_micro(ACN_K_F32, check_f32); }

static void check_f64(const acn_kernels *level, acn_micro_code code) {
    double *x = (double *)a, *y = (double *)b, *z = (double *)c, *got = (double *)d;
    const uint8_t *flags = (const uint8_t *)d;
    double worst = 0;
    for (int i = 0; i < COUNT; i++) {
        uint64_t bits = next_random();
        x[i] = random_f32(i, 0), y[i] = random_f32(i, 1), z[i] = random_f32(i + 1, 0);
        if (i >= SPECIALS * SPECIALS && i % 3 == 0) memcpy(&x[i], &bits, 8);
        if (code == ACN_U_SELECT) c[i] = (char)(bits & 1);
    }
    level->micro[code][ACN_K_F64](d, a, b, c, COUNT);
    for (int i = 0; i < COUNT; i++) {
        double error;
        if (micro_results[code] == B8)
            error = flags[i] == compare_reference(code, x[i], y[i]) ? 0 : HUGE_VAL;
        else if (code == ACN_U_SELECT)
            error = memcmp(&got[i], c[i] ? &x[i] : &y[i], sizeof(double)) ? HUGE_VAL : 0;
        else if (code == ACN_U_FMA)
            error = fma_error(got[i], x[i], y[i], z[i], 0x1p-52, DBL_MAX) * 0.5;
        else
            error = float_error(code, got[i], x[i], y[i], z[i], ACN_K_F64);
        /* The reference itself was rounded, to 64 bits; the C library is content with 2 and more.
         */
        double allowed = allowed_ulps(code) > 0.5 ? 4 * allowed_ulps(code) : 0.501;
        if (error > allowed) fail_at(level, code, ACN_K_F64, i, got[i], error);
        worst = fmax(worst, error);
    }
    if (allowed_ulps(code) > 0.5)
        print_message("  %-8s F64 %-9s max %.3f ULP\n", level->isa, micro_names[code], worst);
}

static void f64_is_within_the_c_library_s_bounds(void **state) { each_micro(ACN_K_F64, check_f64); }

static int64_t random_integer(int i, int operand, int64_t smallest) {
    const int64_t edges[] = {0, 1, -1, 2, smallest, smallest + 1, -(smallest + 1), 7};
    if (i < 64) return edges[operand ? i % 8 : i / 8];
    int64_t x = (int64_t)next_random();
    return i % 2 ? x : x >> (next_random() % 64);
}

static void check_integer(const acn_kernels *level, acn_micro_code code, acn_class k) {
    int64_t smallest = k == ACN_K_I32 ? INT32_MIN : INT64_MIN;
    int64_t x[3], *wide_of[] = {(int64_t *)a, (int64_t *)b, (int64_t *)c};
    int32_t *narrow_of[] = {(int32_t *)a, (int32_t *)b, (int32_t *)c};
    for (int i = 0; i < COUNT; i++) {
        for (int o = 0; o < 3; o++) {
            int64_t value = random_integer(i, o, smallest);
            bool is_count = code == ACN_U_POW || code == ACN_U_SHL || code == ACN_U_SHR;
            if (is_count && o == 1 && i >= 64) value = (value & 127) - 8;
            if (code == ACN_U_POW && o == 1 && i < 64) value = i % 8 - 3;
            if (k == ACN_K_I32)
                narrow_of[o][i] = (int32_t)value;
            else
                wide_of[o][i] = value;
        }
        if (code == ACN_U_SELECT) c[i] = (char)(next_random() & 1);
    }
    level->micro[code][k](d, a, b, c, COUNT);
    for (int i = 0; i < COUNT; i++) {
        for (int o = 0; o < 3; o++)
            x[o] = k == ACN_K_I32 ? narrow_of[o][i] : wide_of[o][i];
        int64_t got, want;
        if (micro_results[code] == B8) {
            got = ((uint8_t *)d)[i];
            want = code == ACN_U_IS_FINITE ? 1
                   : code == ACN_U_IS_NAN  ? 0
                                           : compare_reference(code, x[0], x[1]);
        } else {
            got = k == ACN_K_I32 ? ((int32_t *)d)[i] : ((int64_t *)d)[i];
            want = code == ACN_U_SELECT ? (c[i] ? x[0] : x[1])
                                        : (int64_t)integer_reference(code, k == ACN_K_I32 ? 32 : 64,
                                                                     x[0], x[1], x[2]);
            if (k == ACN_K_I32) want = (int32_t)want;
        }
        if (got != want)
            fail_msg("%s %s %s: element %d of %lld, %lld, %lld is %lld, not %lld", level->isa,
                     class_names[k], micro_names[code], i, (long long)x[0], (long long)x[1],
                     (long long)x[2], (long long)got, (long long)want);
    }
}

static void check_i32(const acn_kernels *level, acn_micro_code code) {
    check_integer(level, code, ACN_K_I32);
}
static void check_i64(const acn_kernels *level, acn_micro_code code) {
    check_integer(level, code, ACN_K_I64);
}
static void integers_are_exact_and_wrap(void **state) {
    each_micro(ACN_K_I32, check_i32);
    each_micro(ACN_K_I64, check_i64);
}

static void check_b8(const acn_kernels *level, acn_micro_code code) {
    for (int i = 0; i < 256; i++)
        a[i] = (char)(i & 1), b[i] = (char)(i >> 1 & 1), c[i] = (char)(i >> 2 & 1);
    level->micro[code][ACN_K_B8](d, a, b, c, 256);
    for (int i = 0; i < 256; i++) {
        int want = code == ACN_U_SELECT        ? (c[i] ? a[i] : b[i])
                   : micro_results[code] == B8 ? compare_reference(code, a[i], b[i])
                                               : bool_reference(code, a[i], b[i], c[i]);
        if (d[i] != want) fail_at(level, code, ACN_K_B8, i, d[i], 1);
    }
}

static void bools_are_zero_or_one(void **state) { each_micro(ACN_K_B8, check_b8); }

/* ---- complex --------------------------------------------------------------------------------- */

static complex double complex_reference(acn_micro_code code, complex double x, complex double y,
                                        complex double z) {
    switch (code) {
    case ACN_U_ADD:
        return x + y;
    case ACN_U_SUB:
        return x - y;
    case ACN_U_MUL:
        return x * y;
    case ACN_U_DIV:
        return x / y;
    case ACN_U_FMA:
        return x * y + z;
    case ACN_U_NEG:
        return -x;
    case ACN_U_ABS:
        return cabs(x);
    case ACN_U_SQRT:
        return csqrt(x);
    case ACN_U_RSQRT:
        return 1 / csqrt(x);
    case ACN_U_RECIP:
        return 1 / x;
    case ACN_U_EXP:
        return cexp(x);
    case ACN_U_LOG:
        return clog(x);
    case ACN_U_EXPM1:
        return cexp(x) - 1;
    case ACN_U_EXP2:
        return cexp(x * M_LN2);
    case ACN_U_LOG1P:
        return clog(1 + x);
    case ACN_U_LOG2:
        return clog(x) / M_LN2;
    case ACN_U_LOG10:
        return clog(x) / M_LN10;
    case ACN_U_SIGMOID:
        return 1 / (1 + cexp(-x));
    case ACN_U_SILU:
        return x / (1 + cexp(-x));
    case ACN_U_TANH:
        return ctanh(x);
    case ACN_U_SIN:
        return csin(x);
    case ACN_U_COS:
        return ccos(x);
    case ACN_U_TAN:
        return ctan(x);
    case ACN_U_ASIN:
        return casin(x);
    case ACN_U_ACOS:
        return cacos(x);
    case ACN_U_ATAN:
        return catan(x);
    case ACN_U_SINH:
        return csinh(x);
    case ACN_U_COSH:
        return ccosh(x);
    case ACN_U_ASINH:
        return casinh(x);
    case ACN_U_ACOSH:
        return cacosh(x);
    case ACN_U_ATANH:
        return catanh(x);
    case ACN_U_POW:
        return cpow(x, y);
    default:
        return x;
    }
}

static void check_c64(const acn_kernels *level, acn_micro_code code) {
    float complex *x = (float complex *)a, *y = (float complex *)b, *z = (float complex *)c;
    const float complex *got = (float complex *)d;
    for (int i = 0; i < COUNT; i++) {
        float complex *operand[] = {x, y, z};
        for (int o = 0; o < 3; o++)
            operand[o][i] = ((float)(next_random() % 8001) - 4000.0f) / 1024.0f +
                            ((float)(next_random() % 8001) - 4000.0f) / 1024.0f * I;
        if (i % 5 == 0) y[i] = x[i];
        if (micro_results[code] == B8 && i % 7 == 0) x[i] = i % 2 ? NAN : INFINITY * I;
        if (code == ACN_U_SELECT) c[i] = (char)(next_random() & 1);
    }
    level->micro[code][ACN_K_C64](d, a, b, c, COUNT);
    for (int i = 0; i < COUNT; i++) {
        if (micro_results[code] == B8) {
            float re = crealf(x[i]), im = cimagf(x[i]);
            int want = code == ACN_U_EQ          ? x[i] == y[i]
                       : code == ACN_U_NE        ? x[i] != y[i]
                       : code == ACN_U_IS_FINITE ? isfinite(re) && isfinite(im)
                                                 : isnan(re) || isnan(im);
            if (((uint8_t *)d)[i] != want) fail_at(level, code, ACN_K_C64, i, d[i], 1);
            continue;
        }
        complex double want =
            code == ACN_U_SELECT ? (c[i] ? x[i] : y[i]) : complex_reference(code, x[i], y[i], z[i]);
        double scale = cabs(want);
        if (code == ACN_U_MUL || code == ACN_U_FMA)
            scale = cabs((complex double)x[i] * y[i]) + cabs(want);
        double error = cabs(got[i] - want) / (scale * 0x1p-23 + 0x1p-149);
        if (error > 4) fail_at(level, code, ACN_K_C64, i, crealf(got[i]), error);
    }
}

static void complex_is_close(void **state) { each_micro(ACN_K_C64, check_c64); }

static void complex_division_by_zero_is_part_by_part(void **state) {
    const acn_kernels *level = acn_kernels_get();
    float x[] = {1, 0, -2, 3}, y[] = {0, 0, 0, 0}, got[4];
    level->micro[ACN_U_DIV][ACN_K_C64](got, x, y, NULL, 2);
    assert_true(isinf(got[0]) && isnan(got[1]) && got[2] == -INFINITY && got[3] == INFINITY);
}

/* ---- layout ---------------------------------------------------------------------------------- */

enum { LONGEST = 70, GUARD = 64 };

/* The same bits; only which NaN a result is, is nobody's promise. */
static bool are_same(const void *got, const void *want, bool is_f32, bool is_f64, size_t bytes) {
    const float *x = got, *y = want;
    const double *v = got, *w = want;
    if (memcmp(got, want, bytes) == 0) return true;
    if (!is_f32 && !is_f64) return false;
    for (size_t i = 0; is_f32 && i < bytes / sizeof *x; i++)
        if (memcmp(&x[i], &y[i], sizeof *x) != 0 && !(isnan(x[i]) && isnan(y[i]))) return false;
    for (size_t i = 0; is_f64 && i < bytes / sizeof *v; i++)
        if (memcmp(&v[i], &w[i], sizeof *v) != 0 && !(isnan(v[i]) && isnan(w[i]))) return false;
    return true;
}

/* Any length, any element's address, in place over each operand: the same bits, and no byte
 * outside. This also says that an element's result does not depend on its neighbours. |run| is the
 * micro-op or its form that writes past the cache. */
static void check_layout(const acn_kernels *level, acn_micro_code code, acn_class k,
                         acn_micro_fn run) {
    size_t in = acn_class_bytes(k), out = micro_results[code] == B8 ? 1 : in;
    static _Alignas(64) char want[LONGEST * 8], result[LONGEST * 8];
    static _Alignas(64) char buffer[GUARD * 2 + (LONGEST + 4) * 8];
    char *operand[] = {a, b, c};
    level->micro[code][k](want, a, b, c, LONGEST);
    for (int n = 0; n <= LONGEST; n++) {
        for (int way = 0; way < 4; way++) { /* 0: disjoint; 1, 2, 3: over operand a, b, c */
            int first = n % 4;              /* of the operands: moves their addresses too */
            if (n + first > LONGEST) first = 0;
            const char *in_place[3] = {a + in * (size_t)first, b + in * (size_t)first,
                                       c + in * (size_t)first};
            bool is_mask = code == ACN_U_SELECT;
            if (is_mask) in_place[2] = c + first;
            char *target = buffer + GUARD + out * (size_t)(n % 3);
            memset(buffer, 0x5a, sizeof buffer);
            if (way) {
                bool fits = micro_results[code] == SAME && way <= micro_operands[code];
                if (!fits || (is_mask && way == 3)) continue;
                memcpy(target, operand[way - 1] + in * (size_t)first, (size_t)n * in);
                in_place[way - 1] = target;
            }
            run(target, in_place[0], in_place[1], in_place[2], n);
            bool is_number = micro_results[code] == SAME;
            memcpy(result, target, (size_t)n * out); /* aligned */
            if (!are_same(result, want + out * (size_t)first,
                          is_number && (k == ACN_K_F32 || k == ACN_K_C64),
                          is_number && k == ACN_K_F64, (size_t)n * out))
                fail_msg("%s %s %s: %d elements, way %d: other results", level->isa, class_names[k],
                         micro_names[code], n, way);
            char *end = target + (size_t)n * out;
            for (char *p = buffer; p < buffer + sizeof buffer; p++)
                if ((p < target || p >= end) && *p != 0x5a)
                    fail_msg("%s %s %s: %d elements: byte %td outside was written", level->isa,
                             class_names[k], micro_names[code], n, p - target);
        }
    }
}

static void length_address_and_neighbours_do_not_matter(void **state) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (int k = 0; k < ACN_CLASS_COUNT; k++) {
        for (int code = 0; code < ACN_MICRO_COUNT; code++) {
            for (int i = 0; i < LONGEST * 8; i++)
                a[i] = (char)next_random(), b[i] = (char)next_random(), c[i] = (char)next_random();
            for (int i = 0; i < LONGEST; i++) {
                if (k == ACN_K_B8) a[i] &= 1, b[i] &= 1, c[i] &= 1;
                if (code == ACN_U_SELECT) c[i] &= 1;
                bool is_narrow = k == ACN_K_F32 || k == ACN_K_C64;
                if (is_narrow && i % 4) ((float *)a)[i] = (float)i, ((float *)b)[i] = (float)-i;
            }
            for (int l = 0; l < count; l++) {
                const acn_micro_fn ways[] = {levels[l]->micro[code][k], levels[l]->stream[code][k]};
                for (int w = 0; w < 2; w++)
                    if (ways[w])
                        check_layout(levels[l], (acn_micro_code)code, (acn_class)k, ways[w]);
            }
        }
    }
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static void levels_are_chosen_by_name(void **state) {
    const acn_kernels *const *levels, *before = acn_kernels_get();
    int count = acn_kernels_levels(&levels);
    assert_string_equal(levels[0]->isa, "generic");
    for (int i = 0; i < count; i++) {
        assert_true(acn_kernels_select(levels[i]->isa));
        assert_ptr_equal(acn_kernels_get(), levels[i]);
    }
    assert_false(acn_kernels_select("avx1024"));
    assert_ptr_equal(acn_kernels_get(), levels[count - 1]);
    acn_kernels_select(before->isa);
}

static void levels_have_the_same_kernels(void **state) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (int l = 1; l < count; l++)
        for (int k = 0; k < ACN_CLASS_COUNT; k++)
            for (int code = 0; code < ACN_MICRO_COUNT; code++)
                assert_int_equal(!levels[l]->micro[code][k], !levels[0]->micro[code][k]);
    for (int code = 0; code < ACN_MICRO_COUNT; code++)
        assert_true(levels[0]->micro[code][ACN_K_F32] || levels[0]->micro[code][ACN_K_I32]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_chosen_by_name),
        cmocka_unit_test(levels_have_the_same_kernels),
        cmocka_unit_test(f32_is_within_two_units),
        cmocka_unit_test(f64_is_within_the_c_library_s_bounds),
        cmocka_unit_test(integers_are_exact_and_wrap),
        cmocka_unit_test(bools_are_zero_or_one),
        cmocka_unit_test(complex_is_close),
        cmocka_unit_test(complex_division_by_zero_is_part_by_part),
        cmocka_unit_test(length_address_and_neighbours_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
