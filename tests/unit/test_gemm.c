/* test_gemm.c - the GEMM core against plain loops in double precision (wrapping 64-bit integers for
 * integer classes), at every ISA level of the machine. Operands end at an unreadable page and gaps
 * between strided elements must survive. */
#define _GNU_SOURCE 1
#include "base/half.h"
#include "base/pool.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/gemm_kernels.h"
#include "unit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- memory that ends at an unreadable page -------------------------------------------------- */

typedef struct region {
    char *map, *data;
    size_t map_bytes, bytes;
} region;

enum { FILLER = 0xa5 };

static region region_make(size_t bytes, size_t alignment) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (bytes + page - 1) / page * page + page;
    region r = {.map_bytes = body + page, .bytes = bytes};
    r.map = mmap(NULL, r.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(r.map != MAP_FAILED);
    memset(r.map, FILLER, body);
    assert_int_equal(mprotect(r.map + body, page, PROT_NONE), 0);
    r.data = r.map + (body - bytes) / alignment * alignment;
    return r;
}

static void region_free(region *r) { munmap(r->map, r->map_bytes); }

/* ---- values ---------------------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t random_below(int64_t n) { return (int64_t)((random_bits() >> 11) % (uint64_t)n); }

static double random_unit(void) { return (double)random_below(1 << 24) / (1 << 23) - 1.0; }

typedef struct value {
    double re, im;
    uint64_t i;
} value;

static void put_random(void *p, acn_dtype dtype) {
    uint64_t bits = random_bits();
    switch (dtype) {
    case ACN_F32:
        *(float *)p = (float)random_unit();
        break;
    case ACN_F64:
        *(double *)p = random_unit();
        break;
    case ACN_F16:
        *(uint16_t *)p = acn_f32_to_f16((float)random_unit());
        break;
    case ACN_BF16:
        *(uint16_t *)p = acn_f32_to_bf16((float)random_unit());
        break;
    case ACN_C64:
        ((float *)p)[0] = (float)random_unit();
        ((float *)p)[1] = (float)random_unit();
        break;
    default:
        memcpy(p, &bits, acn_dtype_bytes(dtype));
        break;
    }
}

static value get(const void *p, acn_dtype dtype) {
    switch (dtype) {
    case ACN_F32:
        return (value){.re = *(const float *)p};
    case ACN_F64:
        return (value){.re = *(const double *)p};
    case ACN_F16:
        return (value){.re = acn_f16_to_f32(*(const uint16_t *)p)};
    case ACN_BF16:
        return (value){.re = acn_bf16_to_f32(*(const uint16_t *)p)};
    case ACN_C64:
        return (value){.re = ((const float *)p)[0], .im = ((const float *)p)[1]};
    case ACN_I8:
        return (value){.i = (uint64_t) * (const int8_t *)p};
    case ACN_U8:
        return (value){.i = *(const uint8_t *)p};
    case ACN_I16:
        return (value){.i = (uint64_t) * (const int16_t *)p};
    case ACN_I32:
        return (value){.i = (uint64_t) * (const int32_t *)p};
    default:
        return (value){.i = (uint64_t) * (const int64_t *)p};
    }
}

static bool is_integer(acn_dtype t) { return ACN_HAS(ACN_INTS, t); }

/* ---- one case -------------------------------------------------------------------------------- */

typedef enum layout { ROWS, COLUMNS, PADDED, SPARSE, REPEATED, LAYOUT_COUNT } layout;

/* Strides of a rows x cols matrix; returns how many elements its storage has. */
static int64_t lay_out(acn_gemm_matrix *x, layout how, int64_t rows, int64_t cols) {
    int64_t r = rows ? rows : 1, c = cols ? cols : 1;
    *x = (acn_gemm_matrix){0};
    switch (how) {
    case ROWS:
        x->row_stride = c, x->col_stride = 1;
        break;
    case COLUMNS:
        x->row_stride = 1, x->col_stride = r;
        break;
    case PADDED:
        x->row_stride = c + 3, x->col_stride = 1;
        break;
    case SPARSE:
        x->row_stride = 2 * c + 1, x->col_stride = 2;
        break;
    default:
        x->row_stride = 0, x->col_stride = 1;
        break;
    }
    return (r - 1) * x->row_stride + (c - 1) * x->col_stride + 1;
}

typedef struct operands {
    region a, b, c, before; /* |before|: C as it was */
} operands;

static void fill(region *r, acn_dtype dtype) {
    size_t item = acn_dtype_bytes(dtype);
    for (size_t i = 0; i + item <= r->bytes; i += item)
        put_random(r->data + i, dtype);
}

static int64_t batches_of(const acn_gemm *g) {
    int64_t n = 1;
    for (int i = 0; i < g->batch_rank; i++)
        n *= g->batch_dims[i];
    return n;
}

static operands operands_make(acn_gemm *g, layout la, layout lb, layout lc) {
    int64_t count[3] = {lay_out(&g->a, la, g->m, g->k), lay_out(&g->b, lb, g->k, g->n),
                        lay_out(&g->c, lc, g->m, g->n)};
    acn_gemm_matrix *x[3] = {&g->a, &g->b, &g->c};
    for (int which = 0; which < 3; which++)
        for (int i = g->batch_rank - 1; i >= 0; i--) {
            if (which == 0 && i == 0) continue; /* A is broadcast along the first dimension */
            x[which]->batch_stride[i] = count[which];
            count[which] *= g->batch_dims[i] ? g->batch_dims[i] : 1;
        }
    size_t item = acn_dtype_bytes(g->dtype), c_item = acn_dtype_bytes(g->c_dtype);
    operands o = {.a = region_make((size_t)count[0] * item, item),
                  .b = region_make((size_t)count[1] * item, item),
                  .c = region_make((size_t)count[2] * c_item, c_item),
                  .before = region_make((size_t)count[2] * c_item, c_item)};
    fill(&o.a, g->dtype);
    fill(&o.b, g->dtype);
    fill(&o.c, g->c_dtype);
    memcpy(o.before.data, o.c.data, o.c.bytes);
    return o;
}

static void operands_free(operands *o) {
    region_free(&o->a);
    region_free(&o->b);
    region_free(&o->c);
    region_free(&o->before);
}

static void run(const acn_gemm *g, operands *o) {
    region workspace = region_make(acn_gemm_workspace_bytes(g), 64);
    acn_gemm_run(g, o->a.data, o->b.data, o->c.data, workspace.data);
    for (char *p = workspace.map; p < workspace.data; p++)
        assert_int_equal((unsigned char)*p, FILLER);
    region_free(&workspace);
}

static int64_t batch_offset(const acn_gemm *g, const acn_gemm_matrix *x, int64_t batch) {
    int64_t offset = 0;
    for (int i = g->batch_rank - 1; i >= 0; i--) {
        offset += batch % g->batch_dims[i] * x->batch_stride[i];
        batch /= g->batch_dims[i];
    }
    return offset;
}

/* What an epilogue of these tests does to element (row, col). */
static double after(double x, int64_t row, int64_t col) {
    return 0.5 * x + (double)(row % 7) - 0.25 * (double)(col % 5);
}

static void epilogue(void *context, float *c, int64_t c_stride, int64_t row, int64_t col,
                     int64_t rows, int64_t cols) {
    int64_t *elements = context;
    __atomic_fetch_add(elements, rows * cols, __ATOMIC_RELAXED);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            c[i * c_stride + j] = (float)after(c[i * c_stride + j], row + i, col + j);
}

static double rounding(acn_dtype t) {
    return t == ACN_F64 ? DBL_EPSILON : t == ACN_F16 ? 0x1p-11 : t == ACN_BF16 ? 0x1p-8 : 0x1p-24;
}

static void check_element(const acn_gemm *g, const operands *o, int64_t batch, int64_t i,
                          int64_t j) {
    size_t item = acn_dtype_bytes(g->dtype), c_item = acn_dtype_bytes(g->c_dtype);
    const char *a = o->a.data + batch_offset(g, &g->a, batch) * (int64_t)item;
    const char *b = o->b.data + batch_offset(g, &g->b, batch) * (int64_t)item;
    int64_t at = batch_offset(g, &g->c, batch) + i * g->c.row_stride + j * g->c.col_stride;
    value got = get(o->c.data + at * (int64_t)c_item, g->c_dtype);
    value old = get(o->before.data + at * (int64_t)c_item, g->c_dtype);
    double re = 0, im = 0, size = 0;
    uint64_t whole = 0;
    for (int64_t p = 0; p < g->k; p++) {
        value x = get(a + (i * g->a.row_stride + p * g->a.col_stride) * (int64_t)item, g->dtype);
        value y = get(b + (p * g->b.row_stride + j * g->b.col_stride) * (int64_t)item, g->dtype);
        re += x.re * y.re - x.im * y.im;
        im += x.re * y.im + x.im * y.re;
        size += (fabs(x.re) + fabs(x.im)) * (fabs(y.re) + fabs(y.im));
        whole += x.i * y.i;
    }
    if (is_integer(g->c_dtype)) {
        uint64_t alpha = (uint64_t)(g->alpha_int ? g->alpha_int : (int64_t)g->alpha);
        uint64_t beta = (uint64_t)(g->beta_int ? g->beta_int : (int64_t)g->beta);
        uint64_t expected = whole * alpha + old.i * beta, bits = ~0ull >> (64 - 8 * c_item);
        assert_int_equal(got.i & bits, expected & bits);
        return;
    }
    double want = g->alpha * re - g->alpha_im * im + g->beta * old.re - g->beta_im * old.im;
    double want_im = g->alpha * im + g->alpha_im * re + g->beta * old.im + g->beta_im * old.re;
    size = (fabs(g->alpha) + fabs(g->alpha_im)) * size +
           (fabs(g->beta) + fabs(g->beta_im)) * (fabs(old.re) + fabs(old.im));
    if (g->epilogue) {
        int64_t row = batch * g->m + i;
        size += fabs(after(0, row, j));
        want = after(want, row, j);
    }
    double sum_rounding = g->c_dtype == ACN_F64 ? DBL_EPSILON : 0x1p-24;
    double bound = 2 * ((double)g->k + 4) * sum_rounding * size +
                   (g->c_dtype == ACN_F16 || g->c_dtype == ACN_BF16
                        ? rounding(g->c_dtype) * fabs(want) + 0x1p-25
                        : 0);
    if (fabs(got.re - want) > bound || (g->c_dtype == ACN_C64 && fabs(got.im - want_im) > bound))
        fail_msg("%s %s->%s m=%ld n=%ld k=%ld c[%ld][%ld] batch %ld: got %g, expected %g +- %g",
                 acn_kernels_get()->isa, acn_dtype_name(g->dtype), acn_dtype_name(g->c_dtype),
                 (long)g->m, (long)g->n, (long)g->k, (long)i, (long)j, (long)batch, got.re, want,
                 bound);
}

/* Elements of C are right and everything between them is untouched. */
static void check(const acn_gemm *g, operands *o) {
    size_t item = acn_dtype_bytes(g->c_dtype);
    char *is_ours = calloc(o->c.bytes ? o->c.bytes : 1, 1);
    assert_non_null(is_ours);
    for (int64_t batch = 0; batch < batches_of(g); batch++)
        for (int64_t i = 0; i < g->m; i++)
            for (int64_t j = 0; j < g->n; j++) {
                int64_t at =
                    batch_offset(g, &g->c, batch) + i * g->c.row_stride + j * g->c.col_stride;
                memset(is_ours + at * (int64_t)item, 1, item);
                check_element(g, o, batch, i, j);
            }
    for (size_t i = 0; i < o->c.bytes; i++)
        if (!is_ours[i]) assert_int_equal(o->c.data[i], o->before.data[i]);
    for (char *p = o->c.map; p < o->c.data; p++)
        assert_int_equal((unsigned char)*p, FILLER);
    free(is_ours);
}

static void run_case(acn_gemm g, layout la, layout lb, layout lc) {
    int64_t elements = 0;
    if (g.epilogue) g.epilogue_context = &elements;
    operands o = operands_make(&g, la, lb, lc);
    run(&g, &o);
    check(&g, &o);
    if (g.epilogue) assert_int_equal(elements, batches_of(&g) * g.m * g.n);
    operands_free(&o);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const struct {
    acn_dtype dtype, c_dtype;
} types[] = {
    {ACN_F32, ACN_F32}, {ACN_F32, ACN_F16},  {ACN_F32, ACN_BF16},  {ACN_F16, ACN_F16},
    {ACN_F16, ACN_F32}, {ACN_F16, ACN_BF16}, {ACN_BF16, ACN_BF16}, {ACN_BF16, ACN_F32},
    {ACN_F64, ACN_F64}, {ACN_I8, ACN_I8},    {ACN_I8, ACN_I32},    {ACN_U8, ACN_U8},
    {ACN_I16, ACN_I16}, {ACN_I32, ACN_I32},  {ACN_I64, ACN_I64},   {ACN_C64, ACN_C64},
};
enum { TYPE_COUNT = sizeof types / sizeof types[0] };

static acn_gemm describe(int type, int64_t m, int64_t n, int64_t k) {
    return (acn_gemm){.m = m,
                      .n = n,
                      .k = k,
                      .dtype = types[type].dtype,
                      .c_dtype = types[type].c_dtype,
                      .alpha = 1};
}

static void vary(acn_gemm *g) {
    static const double scales[] = {0, 1, -2, 0.5};
    g->alpha = scales[1 + random_below(3)];
    g->beta = scales[random_below(4)];
    if (g->dtype == ACN_C64) {
        g->alpha_im = scales[random_below(4)];
        g->beta_im = scales[random_below(4)];
    }
    if (g->dtype == ACN_I64 && random_below(2)) g->alpha_int = (int64_t)random_bits() | 1;
    bool is_f32 = g->c_dtype == ACN_F32 || g->c_dtype == ACN_F16 || g->c_dtype == ACN_BF16;
    if (is_f32 && random_below(3) == 0) g->epilogue = epilogue;
}

static void for_each_level(void (*test)(void)) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    const char *before = acn_kernels_get()->isa;
    assert_true(count > 0);
    for (int i = (count - 1) % UNIT_EVERY(2); i < count; i += UNIT_EVERY(2)) { /* with the best */
        assert_true(acn_kernels_select(levels[i]->isa));
        test();
    }
    assert_true(acn_kernels_select(before));
}

static void small_sizes(void) {
    int type = 0;
    for (int m = 0; m <= 40; m++)
        for (int n = 0; n <= 40; n++)
            for (int k = (3 * m + n) % 8; k <= 40; k += 8 * UNIT_EVERY(4)) {
                acn_gemm g = describe(type++ % TYPE_COUNT, m, n, k);
                vary(&g);
                run_case(g, (layout)random_below(LAYOUT_COUNT), (layout)random_below(LAYOUT_COUNT),
                         (layout)random_below(REPEATED));
            }
}

static void test_small_sizes(void **state) { for_each_level(small_sizes); }

static void every_type_and_layout(void) {
    for (int type = 0; type < TYPE_COUNT; type++)
        for (int la = 0; la < LAYOUT_COUNT; la++)
            for (int lb = 0; lb < LAYOUT_COUNT; lb++)
                for (int lc = 0; lc < REPEATED; lc++) {
                    acn_gemm g = describe(type, 17 + la, 33 + lb, 19);
                    vary(&g);
                    run_case(g, (layout)la, (layout)lb, (layout)lc);
                }
}

static void test_every_type_and_layout(void **state) { for_each_level(every_type_and_layout); }

/* Around the borders of tiles, passes over k and blocks of columns. */
static void block_borders(void) {
    const acn_gemm_class *f32 = acn_kernels_get()->gemm->by_class[ACN_K_F32];
    const int64_t steps[] = {f32->kc - 1, f32->kc + f32->kc / 3, f32->kc + f32->kc / 3 + 1,
                             2 * f32->kc + 3, 40 * f32->kc + 1};
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++)
        for (int type = 0; type < TYPE_COUNT; type++) {
            acn_gemm g = describe(type, f32->mr + 1, f32->nr + 1, steps[s]);
            vary(&g);
            run_case(g, (layout)random_below(LAYOUT_COUNT), (layout)random_below(LAYOUT_COUNT),
                     (layout)random_below(REPEATED));
        }
    for (int type = 0; type < TYPE_COUNT; type++) { /* B too large to be read in place */
        acn_gemm g = describe(type, 2 * f32->mr + 1, 1025, 67);
        run_case(g, (layout)(type % 3), type % 2 ? PADDED : ROWS, (layout)(type % 4));
    }
    for (int64_t n = 4095; n <= 4097; n++)
        for (int layouts = 0; layouts < 4; layouts++)
            for (int type = 0; type < 4; type += 3) {
                acn_gemm g = describe(type, 3, n, 70), t = describe(type, n, 3, 70);
                run_case(g, ROWS, (layout)(layouts % 2), (layout)(layouts / 2));
                run_case(t, (layout)(layouts % 2), ROWS, (layout)(layouts / 2));
            }
}

static void test_block_borders(void **state) { for_each_level(block_borders); }

static void vectors(void) {
    for (int type = 0; type < TYPE_COUNT; type++)
        for (int layouts = 0; layouts < 8; layouts++)
            for (int i = 0; i < 3; i++) {
                int64_t length = (int64_t[]){1, 63, 2085}[i];
                acn_gemm row = describe(type, 1, length, 67),
                         column = describe(type, length, 1, 67);
                vary(&row);
                vary(&column);
                layout first = (layout)(layouts % 4), second = layouts < 4 ? ROWS : SPARSE;
                run_case(row, second, first, second);
                run_case(column, first, second, second);
            }
}

static void test_vectors(void **state) { for_each_level(vectors); }

static void batches(void) {
    for (int type = 0; type < TYPE_COUNT; type++)
        for (int shape = 0; shape < 4; shape++) {
            acn_gemm g = describe(type, shape == 3 ? 1 : 9 + shape, 21, 13);
            g.batch_rank = 3;
            memcpy(g.batch_dims, (int64_t[]){3, shape == 2 ? 0 : 2, 5}, 3 * sizeof(int64_t));
            vary(&g);
            run_case(g, (layout)(shape % 2), (layout)(shape / 2), (layout)random_below(REPEATED));
        }
}

static void test_batches(void **state) { for_each_level(batches); }

/* The same bits whatever the number of threads, and right ones. */
static void threads(void) {
    static const int64_t shapes[][4] = {
        {301, 517, 403, 1}, {64, 1030, 900, 1}, {1025, 37, 401, 1}, {1, 5003, 301, 1},
        {4099, 1, 301, 1},  {40, 48, 32, 37},   {3, 3001, 400, 2},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s += UNIT_EVERY(3))
        for (int type = 0; type < TYPE_COUNT; type += 3 * UNIT_EVERY(2)) {
            acn_gemm g = describe(type, shapes[s][0], shapes[s][1], shapes[s][2]);
            int64_t elements = 0;
            vary(&g);
            g.epilogue_context = &elements;
            g.batch_rank = 1;
            g.batch_dims[0] = shapes[s][3];
            operands o = operands_make(&g, ROWS, (layout)(s % 2), (layout)(s % 4));
            region first = region_make(o.c.bytes, 8);
            for (int count = 1; count <= 3; count++) {
                acn_pool_set_size(count);
                memcpy(o.c.data, o.before.data, o.c.bytes);
                run(&g, &o);
                if (count == 1) memcpy(first.data, o.c.data, o.c.bytes);
                assert_memory_equal(first.data, o.c.data, o.c.bytes);
            }
            for (int i = 0; i < 200; i++)
                check_element(&g, &o, random_below(shapes[s][3]), random_below(g.m),
                              random_below(g.n));
            region_free(&first);
            operands_free(&o);
        }
}

static void test_threads(void **state) {
    int before = acn_pool_size();
    for_each_level(threads);
    acn_pool_set_size(before);
}

/* Zeros are multiplied like all else, and beta 0 does not read C. */
static void not_numbers(void) {
    enum { N = 37 };
    for (int n = 1; n <= N; n += N - 1)
        for (int m = 1; m <= N; m += N - 1) {
            float a[N * N] = {0}, b[N * N], c[N * N];
            for (int i = 0; i < N * N; i++)
                b[i] = 1, c[i] = NAN;
            b[5 * n] = INFINITY; /* row 5, column 0 */
            acn_gemm g = describe(0, m, n, N);
            g.a = (acn_gemm_matrix){.row_stride = N, .col_stride = 1};
            g.b = g.c = (acn_gemm_matrix){.row_stride = n, .col_stride = 1};
            region workspace = region_make(acn_gemm_workspace_bytes(&g), 64);
            acn_gemm_run(&g, a, b, c, workspace.data);
            for (int i = 0; i < m; i++)
                for (int j = 0; j < n; j++) {
                    if (j == 0)
                        assert_true(isnan(c[i * n + j]));
                    else
                        assert_true(c[i * n + j] == 0);
                }
            region_free(&workspace);
        }
}

static void test_not_numbers(void **state) { for_each_level(not_numbers); }

static void test_supports(void **state) {
    assert_true(acn_gemm_supports(ACN_BF16, ACN_F32));
    assert_true(acn_gemm_supports(ACN_I8, ACN_I32));
    assert_false(acn_gemm_supports(ACN_F32, ACN_F64));
    assert_false(acn_gemm_supports(ACN_I32, ACN_F32));
    assert_false(acn_gemm_supports(ACN_BOOL, ACN_BOOL));
    assert_false(acn_gemm_supports(ACN_UNDEFINED, ACN_F32));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_sizes),   cmocka_unit_test(test_every_type_and_layout),
        cmocka_unit_test(test_block_borders), cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_batches),       cmocka_unit_test(test_threads),
        cmocka_unit_test(test_not_numbers),   cmocka_unit_test(test_supports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
