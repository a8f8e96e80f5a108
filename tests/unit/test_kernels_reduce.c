/* Reductions: every level of the machine, lengths around all internal block sizes. */
#include "kernels_reference.h"
#include "unit.h"

#include <complex.h>

enum { COUNT = 300000 };
static _Alignas(64) char data[COUNT * 8 + 64];

static const int lengths[] = {0,   1,   2,    3,    15,   16,   17,   63,    64,       65,
                              127, 200, 2047, 2048, 2049, 4096, 6145, 14337, COUNT - 3};

static void each(void (*check)(const acn_kernels *, int n)) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (int l = 0; l < count; l++)
        for (size_t i = 0; i < COUNT_OF(lengths); i++)
            check(levels[l], lengths[i]);
}

/* In units of eps * sum of |x|; pairwise sums keep it near the depth of the tree. */
static void check_float_sum(const acn_kernels *level, int n) {
    float *x = (float *)data;
    long double want = 0.25, magnitude = 0.25;
    for (int i = 0; i < n; i++) {
        x[i] = (float)(next_random() >> 40) * 0x1p-24f - (n % 2 ? 0.5f : 0.0f);
        want += x[i];
        magnitude += fabsf(x[i]);
    }
    float got = 0.25f, moved = 0.25f;
    level->reduce[ACN_R_SUM][ACN_K_F32](&got, x, n);
    double allowed = 8 + log2(n + 1.0) / 2;
    double error = (double)(fabsl(got - want) / (magnitude * 0x1p-24L));
    if (error > allowed) fail_msg("%s: %d floats: off by %g", level->isa, n, error);
    memmove(x + 3, x, (size_t)n * sizeof *x); /* other addresses, same bits */
    level->reduce[ACN_R_SUM][ACN_K_F32](&moved, x + 3, n);
    assert_memory_equal(&got, &moved, sizeof got);
}

static void check_double_sum(const acn_kernels *level, int n) {
    double *x = (double *)data, got = -1;
    long double want = -1, magnitude = 1;
    for (int i = 0; i < n; i++) {
        x[i] = (double)(int64_t)next_random();
        want += x[i];
        magnitude += fabs(x[i]);
    }
    level->reduce[ACN_R_SUM][ACN_K_F64](&got, x, n);
    assert_true(fabsl(got - want) <= magnitude * 0x1p-53L * (8 + log2l(n + 1.0L)));
}

static void check_products(const acn_kernels *level, int n) {
    float *x = (float *)data, got = 2;
    double *y = (double *)data, got_double = 2;
    long double want = 2;
    for (int i = 0; i < n; i++) {
        x[i] = next_random() & 1 ? 0x1.008p0f : 0x1.ff0p-1f;
        want *= x[i];
    }
    level->reduce[ACN_R_PROD][ACN_K_F32](&got, x, n);
    assert_true(fabsl(got - want) <= want * 0x1p-24L * (n + 1));
    want = 2;
    for (int i = 0; i < n; i++) {
        y[i] = next_random() & 1 ? 0x1.008p0 : 0x1.ff0p-1;
        want *= y[i];
    }
    level->reduce[ACN_R_PROD][ACN_K_F64](&got_double, y, n);
    assert_true(fabsl(got_double - want) <= want * 0x1p-53L * (n + 1));
}

static void check_float_extremes(const acn_kernels *level, int n) {
    float *x = (float *)data, most = -INFINITY, least = INFINITY;
    double *y = (double *)data;
    for (int i = 0; i < n; i++)
        x[i] = (float)(int32_t)next_random();
    for (int round = 0; round < 3; round++) { /* the last two with a NaN at some place */
        if (round && n) x[next_random() % (unsigned)n] = NAN;
        float want_most = -INFINITY, want_least = INFINITY;
        for (int i = 0; i < n; i++) {
            want_most = (float)nan_or_larger(want_most, x[i]);
            want_least = (float)-nan_or_larger(-want_least, -x[i]);
        }
        most = -INFINITY, least = INFINITY;
        level->reduce[ACN_R_MAX][ACN_K_F32](&most, x, n);
        level->reduce[ACN_R_MIN][ACN_K_F32](&least, x, n);
        assert_true(most == want_most || (isnan(most) && isnan(want_most)));
        assert_true(least == want_least || (isnan(least) && isnan(want_least)));
    }
    most = NAN;
    level->reduce[ACN_R_MAX][ACN_K_F32](&most, x, n);
    assert_true(isnan(most));
    double want = -INFINITY, got = -INFINITY;
    for (int i = 0; i < n; i++)
        y[i] = (double)(int64_t)next_random(), want = fmax(want, y[i]);
    level->reduce[ACN_R_MAX][ACN_K_F64](&got, y, n);
    assert_true(got == want);
    if (n) y[n / 2] = NAN, got = INFINITY;
    level->reduce[ACN_R_MIN][ACN_K_F64](&got, y, n);
    assert_true(n ? isnan(got) : got == want);
}

static void check_integers(const acn_kernels *level, int n) {
    int32_t *x = (int32_t *)data;
    int64_t *y = (int64_t *)data;
    uint64_t sum = 5, product = 3;
    int64_t most = INT64_MIN, least = INT64_MAX;
    for (int i = 0; i < n; i++) {
        y[i] = (int64_t)next_random();
        sum += (uint64_t)y[i], product *= (uint64_t)y[i];
        if (y[i] > most) most = y[i];
        if (y[i] < least) least = y[i];
    }
    int64_t got[] = {5, 3, INT64_MIN, INT64_MAX};
    for (int code = ACN_R_SUM; code <= ACN_R_MIN; code++)
        level->reduce[code][ACN_K_I64](&got[code], y, n);
    assert_true(got[0] == (int64_t)sum && got[1] == (int64_t)product);
    assert_true(got[2] == most && got[3] == least);
    uint32_t sum32 = 5, product32 = 3;
    int32_t most32 = INT32_MIN, least32 = INT32_MAX;
    for (int i = 0; i < n; i++) {
        x[i] = (int32_t)next_random();
        sum32 += (uint32_t)x[i], product32 *= (uint32_t)x[i];
        if (x[i] > most32) most32 = x[i];
        if (x[i] < least32) least32 = x[i];
    }
    int32_t got32[] = {5, 3, INT32_MIN, INT32_MAX};
    for (int code = ACN_R_SUM; code <= ACN_R_MIN; code++)
        level->reduce[code][ACN_K_I32](&got32[code], x, n);
    assert_true(got32[0] == (int32_t)sum32 && got32[1] == (int32_t)product32);
    assert_true(got32[2] == most32 && got32[3] == least32);
}

static void check_bools(const acn_kernels *level, int n) {
    memset(data, 0, (size_t)n);
    uint8_t any = 0, all = 1;
    level->reduce[ACN_R_ANY][ACN_K_B8](&any, data, n);
    level->reduce[ACN_R_ALL][ACN_K_B8](&all, data, n);
    assert_int_equal(any, 0);
    assert_int_equal(all, n == 0);
    if (n == 0) return;
    data[next_random() % (unsigned)n] = 1;
    level->reduce[ACN_R_ANY][ACN_K_B8](&any, data, n);
    assert_int_equal(any, 1);
    memset(data, 1, (size_t)n);
    all = 1;
    level->reduce[ACN_R_ALL][ACN_K_B8](&all, data, n);
    assert_int_equal(all, 1);
    data[next_random() % (unsigned)n] = 0;
    level->reduce[ACN_R_ALL][ACN_K_B8](&all, data, n);
    assert_int_equal(all, 0);
}

static void check_complex(const acn_kernels *level, int n) {
    float complex *x = (float complex *)data, sum = 1, product = 2;
    complex double want = 1, turned = 2;
    for (int i = 0; i < n; i++) {
        x[i] = cexpf((float)(next_random() % 1000) * I);
        want += x[i], turned *= x[i];
    }
    level->reduce[ACN_R_SUM][ACN_K_C64](&sum, x, n);
    level->reduce[ACN_R_PROD][ACN_K_C64](&product, x, n);
    assert_true(cabs(sum - want) <= (n + 1) * 0x1p-24 * 16);
    assert_true(cabs(product - turned) <= (n + 1) * 0x1p-24 * 4);
}

static void float_sums_are_pairwise_and_reproducible(void **state) { each(check_float_sum); }
static void double_sums_are_close(void **state) { each(check_double_sum); }
static void products_are_close(void **state) { each(check_products); }
static void nan_wins_over_extremes(void **state) { each(check_float_extremes); }
static void integers_are_exact(void **state) { each(check_integers); }
static void any_and_all_find_the_one(void **state) { each(check_bools); }
static void complex_is_close(void **state) { each(check_complex); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_sums_are_pairwise_and_reproducible),
        cmocka_unit_test(double_sums_are_close),
        cmocka_unit_test(products_are_close),
        cmocka_unit_test(nan_wins_over_extremes),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(any_and_all_find_the_one),
        cmocka_unit_test(complex_is_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
