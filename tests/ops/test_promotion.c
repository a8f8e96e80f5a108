/* test_promotion.c - in which type operators compute, beside what PyTorch's CPU code gives: the
 * inputs' promoted type, whatever the output's; and a scalar counts as an element of the tensors'
 * type, except in products and quotients. Level 0 and all instruction sets. */
#include "../unit/unit.h"
#include "ops/kernels/kernels.h"
#include "ops/plan_cache.h"
#include "subject.h"
#include <math.h>

enum { N = 4 };

typedef struct expectation {
    const char *op, *text;
    acn_dtype dtype;
    double x[N], y[N]; /* inputs; x is repeated for a second tensor when |y| is all 0 */
    double want[N];
} expectation;

static const expectation expectations[] = {
    /* int8 wraps before it becomes something wider */
    {"Add", "i8[4],i8[4]->i32[4]", ACN_I8, {100, -128, 1, 127}, {0}, {-56, 0, 2, -2}},
    {"Add", "i8[4],i8[4]->f32[4]", ACN_I8, {100, -128, 1, 127}, {0}, {-56, 0, 2, -2}},
    {"Mul", "u8[4],u8[4]->i64[4]", ACN_U8, {200, 16, 1, 255}, {0}, {64, 0, 1, 1}},
    {"Add",
     "i8[4],u8[4]->i64[4]",
     ACN_I8,
     {100, -128, 1, 127},
     {200, 1, 255, 0},
     {300, -127, 256, 127}}, /* they meet in int16 */
    {"Add",
     "i16[4],i16[4]->i32[4]",
     ACN_I16,
     {32767, -32768, 1, 0},
     {1, -1, 1, 0},
     {-32768, 32767, 2, 0}},
    {"Add",
     "i32[4],i32[4]->i64[4]",
     ACN_I32,
     {2147483647., -2147483648., 1, 0},
     {1, -1, 1, 0},
     {-2147483648., 2147483647., 2, 0}},
    {"Mul", "i32[4],i32[4]->f64[4]", ACN_I32, {65536, 65537, 1, 0}, {0}, {0, 131073, 1, 0}},
    {"Abs", "i8[4]->i32[4]", ACN_I8, {-128, -127, 1, 0}, {0}, {-128, 127, 1, 0}},
    /* half precision is rounded before it becomes something wider */
    {"Add",
     "f16[4],f16[4]->f32[4]",
     ACN_F16,
     {60000, 2048, 1, 0.5},
     {60000, 1, 0x1p-11, 0.5},
     {INFINITY, 2048, 1, 1}},
    {"Mul",
     "f16[4],f16[4]->f64[4]",
     ACN_F16,
     {1.0009765625, 300, 3, 0},
     {0},
     {1.001953125, INFINITY, 9, 0}},
    {"Add", "bf16[4],bf16[4]->f32[4]", ACN_BF16, {256, 1, 0, 0}, {1, 0x1p-8, 0, 0}, {256, 1, 0, 0}},
    {"Add",
     "f16[4],f32[4]->f32[4]",
     ACN_F16,
     {1, 2048, 1, 0},
     {0x1p-20, 1, 2, 0},
     {1 + 0x1p-20, 2049, 3, 0}}, /* they meet in float */
    /* a scalar is an element of the tensor's type */
    {"Equal", "f16[4],0.1", ACN_F16, {0.1, 0.2, 0, 1}, {0}, {1, 0, 0, 0}},
    {"GreaterEqual", "bf16[4],0.3", ACN_BF16, {0.3, 0.2, 0, 1}, {0}, {1, 0, 0, 1}},
    {"Greater", "i8[4],300", ACN_I8, {100, 44, 43, -1}, {0}, {1, 0, 0, 0}},
    {"Add",
     "f16[4],0.1",
     ACN_F16,
     {1, 3, 100, 1. / 3},
     {0},
     {1.099609375, 3.099609375, 100.125, 0.43310546875}},
    {"Sub",
     "f16[4],0.1",
     ACN_F16,
     {1, 3, 100, 1. / 3},
     {0},
     {0.89990234375, 2.900390625, 99.875, 0.2332763671875}},
    {"Add",
     "f16[4],f16[4]|alpha=0.1",
     ACN_F16,
     {1, 3, 100, 1. / 3},
     {0},
     {1.099609375, 3.30078125, 110, 0.366455078125}},
    /* but keeps its value in products and quotients */
    {"Mul",
     "f16[4],0.1",
     ACN_F16,
     {1, 3, 100, 1. / 3},
     {0},
     {0.0999755859375, 0.300048828125, 10, 0.0333251953125}},
    {"RealDiv", "f16[4],0.1", ACN_F16, {1, 3, 100, 1. / 3}, {0}, {10, 30, 1000, 3.33203125}},
    {"Mul", "i32[4],0.5", ACN_I32, {1, 3, -5, 0}, {0}, {0.5, 1.5, -2.5, 0}},
};

static void fill(subject *s, int tensor, const double *numbers) {
    acn_tensor *t = &s->call.tensors[tensor];
    for (int i = 0; i < N; i++)
        acn_store_value(acn_tensor_at(t, i), t->dtype,
                        (acn_value){.f = numbers[i], .i = (int64_t)numbers[i]});
    memcpy(s->block[tensor].before, t->data, s->block[tensor].bytes);
}

static void build(subject *s, const char *op, const char *text, acn_dtype dtype) {
    test_case c = {0};
    variant v = {.dtype = dtype};
    if (next_case(&text, &c) != 1) fail_msg("cannot read %s", text);
    if (!subject_build(s, acn_op_find(op), &c, &v)) fail_msg("%s: %s", op, s->problem);
}

static void check(const subject *s, const expectation *e, const char *level) {
    const acn_tensor *y = acn_out(&s->call, 0);
    for (int i = 0; i < N; i++) {
        acn_value v = acn_load_value(acn_tensor_at(y, i), y->dtype);
        double got = acn_dtype_is_float(y->dtype) ? v.f : (double)v.i;
        if (got != e->want[i])
            fail_msg("%s %s, element %d, %s: %.9g, expected %.9g", e->op, e->text, i, level, got,
                     e->want[i]);
    }
}

static void test_expectations(void **state) {
    static subject s;
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (size_t i = 0; i < COUNT_OF(expectations); i++) {
        const expectation *e = &expectations[i];
        static const double none[N];
        build(&s, e->op, e->text, e->dtype);
        fill(&s, 0, e->x);
        bool is_second = s.call.in_count[1] && !acn_is_weak(&s.call, 1);
        if (is_second) fill(&s, 1, memcmp(e->y, none, sizeof none) ? e->y : e->x);
        if (!subject_run0(&s)) fail_msg("%s: %s", e->op, s.problem);
        check(&s, e, "level 0");
        for (int level = 0; level < count; level++) {
            acn_kernels_select(levels[level]->isa);
            if (!subject_run(&s)) fail_msg("%s: %s", e->op, s.problem);
            check(&s, e, levels[level]->isa);
            acn_plan_release(s.call.plan);
            s.call.plan = NULL;
            free(s.workspace);
            s.workspace = NULL;
        }
        subject_release(&s);
    }
}

/* An unsigned scalar beyond the signed range is large, not negative. */
static void test_large_unsigned_scalars(void **state) {
    static subject s;
    const expectation e = {"Less", "f32[4],1",  ACN_F32, {1, 0x1p62, 0x1p63, 0x1p64},
                           {0},    {1, 1, 1, 0}};
    acn_scalar large = {.dtype = ACN_U64, .u = UINT64_C(3) << 62};
    build(&s, e.op, e.text, e.dtype);
    fill(&s, 0, e.x);
    acn_call_set_weak(&s.call, 1, s.call.in_first[1], &large);
    if (!subject_run0(&s)) fail_msg("%s", s.problem);
    check(&s, &e, "level 0");
    if (!subject_run(&s)) fail_msg("%s", s.problem);
    check(&s, &e, "best");
    subject_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_expectations),
                                       cmocka_unit_test(test_large_unsigned_scalars)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
