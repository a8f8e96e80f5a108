/* test_references.c - key operators against plain C written for this file alone: it shares nothing
 * with the operators' level 0, so that a mistake there does not hide here. Inputs are contiguous
 * f32 (or i64), read directly. */
#include "../unit/unit.h"
#include "ops/random/philox.h"
#include "subject.h"
#include <math.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

static subject s;

static void build(const char *op, const char *text, acn_dtype dtype) {
    test_case c = {0};
    variant v = {.dtype = dtype};
    assert_int_equal(next_case(&text, &c), 1);
    if (!subject_build(&s, acn_op_find(op), &c, &v)) fail_msg("%s", s.problem);
}

static void run(void) {
    if (!subject_run(&s)) fail_msg("%s", s.problem);
    if (!subject_is_clean(&s)) fail_msg("%s", s.problem);
}

static float *in(int slot) { return acn_in(&s.call, slot)->data; }
static float *out(int slot) { return acn_out(&s.call, slot)->data; }

static void near(double got, double want, double distance) {
    if (isnan(want) ? isnan(got) : got == want || fabs(got - want) <= distance) return;
    fail_msg("got %.9g, expected %.9g", got, want);
}

static void test_add_and_mul(void **state) {
    build("Add", "f32[4,1],f32[1,5]|alpha=2.5", ACN_F32);
    run();
    for (int i = 0; i < 20; i++)
        near(out(0)[i], in(0)[i / 5] + 2.5 * in(1)[i % 5], 1e-6);
    subject_release(&s);
    build("Mul", "f32[3,4],f32[4]", ACN_F32);
    run();
    for (int i = 0; i < 12; i++)
        near(out(0)[i], (float)((double)in(0)[i] * in(1)[i % 4]), 0);
    subject_release(&s);
}

/* Integers are exact beyond 2^53 and wrap around. */
static void test_integers(void **state) {
    static const int64_t big[] = {INT64_MAX, (INT64_C(1) << 53) + 1, -7, INT64_MIN};
    build("Add", "i64[4],i64[4]", ACN_I64);
    memcpy(in(0), big, sizeof big);
    for (int i = 0; i < 4; i++)
        ((int64_t *)in(1))[i] = 1;
    memcpy(s.block[0].before, in(0), sizeof big);
    memcpy(s.block[1].before, in(1), sizeof big);
    run();
    for (int i = 0; i < 4; i++)
        assert_int_equal(((int64_t *)out(0))[i], (int64_t)((uint64_t)big[i] + 1));
    subject_release(&s);
    build("MatMul", "i64[2,3],i64[3,2]", ACN_I64);
    int64_t *a = (int64_t *)in(0), *b = (int64_t *)in(1);
    a[0] = INT64_C(1) << 62, b[0] = 6;
    memcpy(s.block[0].before, a, 48);
    memcpy(s.block[1].before, b, 48);
    run();
    uint64_t want =
        (uint64_t)a[0] * 6 + (uint64_t)a[1] * (uint64_t)b[2] + (uint64_t)a[2] * (uint64_t)b[4];
    assert_int_equal(*(int64_t *)out(0), (int64_t)want);
    subject_release(&s);
}

static double inner(const float *a, int64_t step_a, const float *b, int64_t step_b, int k) {
    double sum = 0;
    for (int p = 0; p < k; p++)
        sum += (double)a[p * step_a] * b[p * step_b];
    return sum;
}

static void test_products(void **state) {
    build("MatMul", "f32[65,130],f32[130,70]", ACN_F32);
    run();
    for (int i = 0; i < 65; i++)
        for (int j = 0; j < 70; j++)
            near(out(0)[i * 70 + j], inner(in(0) + i * 130, 1, in(1) + j, 70, 130), 1e-4);
    subject_release(&s);
    build("MatMul", "f32[130,65],f32[70,130]|transpose_x1=1,transpose_x2=1", ACN_F32);
    run();
    for (int i = 0; i < 65; i++)
        for (int j = 0; j < 70; j++)
            near(out(0)[i * 70 + j], inner(in(0) + i, 65, in(1) + j * 130, 1, 130), 1e-4);
    subject_release(&s);
    build("GEMM", "f32[2,5,7],f32[2,7,3],f32[3],0.5,-2.0", ACN_F32);
    run();
    for (int at = 0; at < 30; at++) {
        int b = at / 15, i = at / 3 % 5, j = at % 3;
        double product = inner(in(0) + b * 35 + i * 7, 1, in(1) + b * 21 + j, 3, 7);
        near(out(0)[at], 0.5 * product - 2 * (double)in(2)[j], 1e-5);
    }
    subject_release(&s);
    build("GEMM", "f32[2,2],f32[2,2],f32[2],1,0", ACN_F32); /* beta 0 does not read the addend */
    in(2)[0] = in(2)[1] = NAN;
    memcpy(s.block[2].before, in(2), 8);
    run();
    for (int i = 0; i < 4; i++)
        assert_true(isfinite(out(0)[i]));
    subject_release(&s);
}

static void softmax_row(const float *x, int step, int n, bool is_log, double *want) {
    double max = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        max = x[i * step] > max ? x[i * step] : max;
    for (int i = 0; i < n; i++)
        sum += exp(x[i * step] - max);
    for (int i = 0; i < n; i++)
        want[i] = is_log ? x[i * step] - max - log(sum) : exp(x[i * step] - max) / sum;
}

static void test_softmax(void **state) {
    for (int is_log = 0; is_log < 2; is_log++) {
        build(is_log ? "LogSoftmaxV2" : "SoftmaxV2", "f32[6,9,4]|dim=1", ACN_F32);
        float *x = in(0);
        x[0] = INFINITY, x[36 * 1] = -INFINITY, x[36 * 2] = NAN; /* column 0 of rows 0, 1 and 2 */
        for (int i = 0; i < 9; i++)
            x[36 * 3 + i * 4] = -INFINITY;
        x[36 * 4] = 1e38f, x[36 * 4 + 4] = -1e38f;
        memcpy(s.block[0].before, x, 6 * 9 * 4 * sizeof *x);
        run();
        for (int row = 0; row < 24; row++) {
            const float *from = x + row / 4 * 36 + row % 4, *got = out(0) + row / 4 * 36 + row % 4;
            double want[9];
            softmax_row(from, 4, 9, is_log, want);
            bool is_undefined = row == 0 || row == 8 || row == 12;
            for (int i = 0; i < 9; i++)
                near(got[i * 4], is_undefined ? NAN : want[i], 2e-6 * (1 + fabs(want[i])));
        }
        subject_release(&s);
    }
}

static void test_sum(void **state) {
    build("ReduceSum", "f32[5,7,9]|axes=[0,2]", ACN_F32);
    run();
    for (int j = 0; j < 7; j++) {
        double sum = 0;
        for (int i = 0; i < 45; i++)
            sum += in(0)[i / 9 * 63 + j * 9 + i % 9];
        near(out(0)[j], sum, 1e-5);
    }
    subject_release(&s);
}

static void test_nll_loss(void **state) {
    build("NLLLoss", "f32[6,5],i64[6]@0..4,[5]@1..2|ignore_index=3", ACN_F32);
    run();
    double loss = 0, total = 0;
    for (int i = 0; i < 6; i++) {
        int64_t class = ((int64_t *)in(1))[i];
        if (class == 3) continue;
        loss -= in(2)[class] * in(0)[i * 5 + class];
        total += in(2)[class];
    }
    near(out(0)[0], loss / total, 1e-6);
    near(out(1)[0], total, 1e-6);
    subject_release(&s);
}

/* The generator's published test vectors. */
static void test_philox(void **state) {
    static const struct {
        uint64_t block, offset, seed;
        uint32_t words[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x85a308d3243f6a88,
         0x0370734413198a2e,
         0x299f31d0a4093822,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        acn_philox p = {.seed = known[i].seed, .offset = known[i].offset};
        uint32_t words[4];
        acn_philox_block(&p, known[i].block, words);
        assert_memory_equal(words, known[i].words, sizeof words);
    }
}

static void moments(const float *x, int n, double *mean, double *variance) {
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / n;
    for (int i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *variance = squares / n;
}

static void test_distributions(void **state) {
    double mean, variance;
    build("StatelessUniform", "->[100000]|seed=42,from=-1,to=3", ACN_F32);
    run();
    moments(out(0), 100000, &mean, &variance);
    near(mean, 1, 0.02);
    near(variance, 16. / 12, 0.02);
    for (int i = 0; i < 100000; i++)
        assert_true(out(0)[i] >= -1 && out(0)[i] < 3);
    subject_release(&s);
    build("StatelessNormal", "->[100000]|seed=42,mean_value=5,std_value=2", ACN_F32);
    run();
    moments(out(0), 100000, &mean, &variance);
    near(mean, 5, 0.04);
    near(variance, 4, 0.1);
    subject_release(&s);
    build("StatelessRandperm", "|n=1000,seed=7", ACN_I64);
    run();
    bool seen[1000] = {false};
    int unmoved = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t v = ((int64_t *)out(0))[i];
        assert_true(v >= 0 && v < 1000 && !seen[v]);
        seen[v] = true;
        unmoved += v == i;
    }
    assert_true(unmoved < 20);
    subject_release(&s);
}

/* 2^31 + 64 elements: indices must not be 32 bits anywhere. The input repeats one element. */
static void test_many_elements(void **state) {
    const int64_t count = (INT64_C(1) << 31) + 64;
    struct sysinfo memory;
    if (UNIT_EVERY(2) > 1) skip(); /* minutes, and a shadow of its own */
    if (sysinfo(&memory) != 0 || (uint64_t)memory.freeram * memory.mem_unit < UINT64_C(6) << 30)
        skip();
    int8_t *y = mmap(NULL, (size_t)count, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(y, MAP_FAILED);
    int8_t x[2] = {100, 50};
    acn_call call;
    acn_call_init(&call, acn_op_find("Add"));
    assert_int_equal(acn_call_reserve(&call, 3), ACN_OK);
    for (int i = 0; i < 3; i++) {
        acn_tensor_init(&call.tensors[i], i < 2 ? x + i : y, ACN_I8, 1, &count);
        if (i < 2) call.tensors[i].strides[0] = 0, call.in_first[i] = i, call.in_count[i] = 1;
    }
    call.out_first[0] = 2, call.out_count[0] = 1;
    assert_int_equal(acn_call_prepare(&call), ACN_OK);
    assert_int_equal(acn_call_run(&call, NULL), ACN_OK);
    acn_call_release(&call);
    for (int64_t i = 0; i < count; i += 4093)
        assert_int_equal(y[i], (int8_t)150);
    assert_int_equal(y[count - 1], (int8_t)150);
    munmap(y, (size_t)count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_mul),  cmocka_unit_test(test_integers),
        cmocka_unit_test(test_products),     cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_sum),          cmocka_unit_test(test_nll_loss),
        cmocka_unit_test(test_philox),       cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_many_elements)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
