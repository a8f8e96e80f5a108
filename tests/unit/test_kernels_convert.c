/* Conversions between storage types and classes, copies and fills, at every level of the machine.
 */
#include "kernels_reference.h"
#include "unit.h"

#include "base/half.h"

static const acn_dtype dtypes[] = {ACN_F32, ACN_F16, ACN_BF16, ACN_F64, ACN_I8,
                                   ACN_U8,  ACN_I16, ACN_U16,  ACN_I32, ACN_U32,
                                   ACN_I64, ACN_U64, ACN_BOOL, ACN_C64, ACN_C128};
static const acn_dtype stored_as[] = {ACN_F32, ACN_F64, ACN_I32, ACN_I64, ACN_C64, ACN_BOOL};

enum { COUNT = 1 << 16, LONGEST = 70, GUARD = 64 };
static _Alignas(64) char source[COUNT * 16], result[COUNT * 16];

static void each_level(void (*check)(const acn_kernels *)) {
    const acn_kernels *const *levels;
    int count = acn_kernels_levels(&levels);
    for (int l = 0; l < count; l++)
        check(levels[l]);
}

static size_t bytes_of(acn_dtype dtype) {
    switch (dtype) {
    case ACN_I8:
    case ACN_U8:
    case ACN_BOOL:
        return 1;
    case ACN_F16:
    case ACN_BF16:
    case ACN_I16:
    case ACN_U16:
        return 2;
    case ACN_C128:
        return 16;
    case ACN_F32:
    case ACN_I32:
    case ACN_U32:
        return 4;
    default:
        return 8;
    }
}

static bool is_float(acn_dtype dtype) {
    return dtype == ACN_F32 || dtype == ACN_F64 || dtype == ACN_F16 || dtype == ACN_BF16 ||
           dtype == ACN_C64 || dtype == ACN_C128;
}

/* ---- one value, exactly ---------------------------------------------------------------------- */

typedef struct value {
    bool is_integer;
    wide i;
    long double re, im;
} value;

#define READ(type)                                                                                 \
    type x[2] = {0, 0};                                                                            \
    memcpy(x, address, sizeof x[0])
#define READ_INTEGER(type)                                                                         \
    {                                                                                              \
        READ(type);                                                                                \
        return (value){.is_integer = true, .i = x[0]};                                             \
    }

/* C128 is carried in C64, so its parts are floats. */
static value read_value(acn_dtype dtype, const void *address) {
    uint16_t half;
    float f[2] = {0, 0};
    double d[2] = {0, 0};
    switch (dtype) {
    case ACN_I8:
        READ_INTEGER(int8_t)
    case ACN_U8:
        READ_INTEGER(uint8_t)
    case ACN_I16:
        READ_INTEGER(int16_t)
    case ACN_U16:
        READ_INTEGER(uint16_t)
    case ACN_I32:
        READ_INTEGER(int32_t)
    case ACN_U32:
        READ_INTEGER(uint32_t)
    case ACN_I64:
        READ_INTEGER(int64_t)
    case ACN_U64:
        READ_INTEGER(uint64_t)
    case ACN_BOOL:
        return (value){.is_integer = true, .i = *(const uint8_t *)address != 0};
    case ACN_F16:
    case ACN_BF16:
        memcpy(&half, address, sizeof half);
        f[0] = dtype == ACN_F16 ? acn_f16_to_f32(half) : acn_bf16_to_f32(half);
        return (value){.re = f[0]};
    case ACN_F64:
        memcpy(d, address, sizeof d[0]);
        return (value){.re = d[0]};
    case ACN_C128:
        memcpy(d, address, sizeof d);
        return (value){.re = (float)d[0], .im = (float)d[1]};
    default:
        memcpy(f, address, dtype == ACN_C64 ? 8 : 4);
        return (value){.re = f[0], .im = f[1]};
    }
}

static wide to_integer(value v, int bits) {
    if (v.is_integer) return v.i;
    wide limit = (wide)1 << (bits - 1);
    if (isnan(v.re)) return 0;
    return v.re >= limit ? limit - 1 : v.re <= -limit ? -limit : (wide)v.re;
}

static long double to_real(value v) { return v.is_integer ? (long double)v.i : v.re; }

/* The nearest of the patterns around a first guess; ties go to the even one. */
static uint16_t nearest_half(long double x, acn_dtype dtype) {
    uint16_t guess = dtype == ACN_F16 ? acn_f32_to_f16((float)x) : acn_f32_to_bf16((float)x);
    if (isnan(x)) return guess;
    int infinity = dtype == ACN_F16 ? 0x7c00 : 0x7f80, magnitude = guess & 0x7fff, best = -1;
    long double least = INFINITY;
    for (int m = magnitude - 1; m <= magnitude + 1; m++) {
        if (m < 0 || m > infinity) continue;
        /* infinity stands where the next number would */
        float at = dtype == ACN_F16 ? acn_f16_to_f32((uint16_t)m) : acn_bf16_to_f32((uint16_t)m);
        long double number = m < infinity ? at : dtype == ACN_F16 ? 0x1p16L : 0x1p128L;
        long double distance = fabsl(fabsl(x) - number);
        if (isinf(x)) distance = m == infinity ? 0 : 1;
        if (distance < least || (distance == least && m % 2 == 0)) best = m, least = distance;
    }
    return (uint16_t)(best | (signbit(x) ? 0x8000 : 0));
}

static void write_value(acn_dtype dtype, void *address, value v) {
    float f[2] = {(float)to_real(v), (float)v.im};
    double d[2] = {f[0], f[1]};
    if (v.is_integer) f[0] = (float)v.i, d[0] = f[0]; /* once, not through long double */
    int64_t i;
    uint16_t half;
    switch (dtype) {
    case ACN_F32:
        memcpy(address, f, 4);
        break;
    case ACN_C64:
        memcpy(address, f, 8);
        break;
    case ACN_C128:
        memcpy(address, d, 16);
        break;
    case ACN_F64:
        d[0] = v.is_integer ? (double)v.i : (double)v.re;
        memcpy(address, d, 8);
        break;
    case ACN_F16:
    case ACN_BF16:
        half = nearest_half(to_real(v), dtype);
        memcpy(address, &half, 2);
        break;
    case ACN_BOOL:
        *(uint8_t *)address = v.is_integer ? v.i != 0 : v.re != 0 || v.im != 0;
        break;
    default:
        i = (int64_t)to_integer(v, acn_class_of(dtype) == ACN_K_I32 ? 32 : 64);
        memcpy(address, &i, bytes_of(dtype)); /* the low bytes: wraps */
    }
}

static bool same_value(acn_dtype dtype, const void *got, const void *want) {
    if (!memcmp(got, want, bytes_of(dtype))) return true;
    if (!is_float(dtype)) return false;
    value x = read_value(dtype, got), y = read_value(dtype, want);
    bool same_re = (isnan(x.re) && isnan(y.re)) || x.re == y.re;
    bool same_im = (isnan(x.im) && isnan(y.im)) || x.im == y.im;
    return same_re && same_im && (isnan(x.re) || isnan(x.im));
}

/* ---- samples --------------------------------------------------------------------------------- */

/* Bits at random, ordinary numbers, edges of integers, and numbers at or next to the middle between
 * two halves. */
static double random_real(int i) {
    static const double edges[] = {0,         -0.0,         0.5,          -0.9,          INFINITY,
                                   -INFINITY, NAN,          0x1p31,       -0x1p31,       0x1p63,
                                   -0x1p63,   2147483647.0, 0x1p31 - 0.5, -0x1p31 - 0.5, 1e300,
                                   -1e300,    0x1p-150,     65519.99,     65520,         0x1p-25,
                                   0x1.8p-25, 1e-320,       0x1.fep127,   0x1.ffp127};
    uint64_t r = next_random();
    double x;
    switch (i % 4) {
    case 0:
        memcpy(&x, &r, 8);
        return x;
    case 1:
        return ((double)(r >> 11) * 0x1p-53 - 0.5) * 600;
    case 2: {
        uint16_t h = (uint16_t)(r & 0x7fff);
        double low = i % 8 == 2 ? acn_f16_to_f32(h) : acn_bf16_to_f32(h);
        double high = i % 8 == 2 ? acn_f16_to_f32(h + 1) : acn_bf16_to_f32((uint16_t)(h + 1));
        double middle = (low + high) / 2 * (1 + ((double)(r >> 20 & 3) - 1) * 0x1p-50);
        return r >> 63 ? -middle : middle;
    }
    default:
        return edges[r % COUNT_OF(edges)];
    }
}

static int64_t random_integer(int i) {
    uint64_t r = next_random();
    int64_t x = (int64_t)r >> (next_random() % 64);
    switch (i % 3) {
    case 0:
        return x;
    case 1:
        return INT64_MIN + (int64_t)(r % 3) - 1;
    default: /* the middle between two bf16, or one beside it */
        return (int64_t)((r & 0xff) << 1 | 0x201) * (INT64_C(1) << (r >> 32) % 53) +
               (int64_t)(r >> 60) % 3 - 1;
    }
}

static void fill_source(acn_dtype dtype) {
    size_t bytes = bytes_of(dtype);
    for (int i = 0; i < COUNT; i++) {
        char *at = source + (size_t)i * bytes;
        double d[2] = {random_real(i), random_real(i + 1)};
        float f[2] = {(float)d[0], (float)d[1]};
        int64_t integer = bytes <= 2 ? i : random_integer(i); /* all patterns of 16 bits */
        if (dtype == ACN_F32 || dtype == ACN_C64)
            memcpy(at, f, bytes);
        else if (dtype == ACN_F64 || dtype == ACN_C128)
            memcpy(at, d, bytes);
        else
            memcpy(at, &integer, bytes);
    }
}

/* ---- conversions ----------------------------------------------------------------------------- */

/* Any length and address gives the bits of the long run, and nothing outside is written. */
static void check_layout(const char *isa, acn_convert_fn convert, acn_dtype from, acn_dtype to) {
    size_t in = bytes_of(from), out = bytes_of(to);
    static _Alignas(64) char buffer[GUARD * 2 + (LONGEST + 4) * 16];
    for (int n = 0; n <= LONGEST; n++) {
        size_t first = (size_t)(n % 5);
        char *target = buffer + GUARD + out * (size_t)(n % 3), *end = target + out * (size_t)n;
        memset(buffer, 0x5a, sizeof buffer);
        convert(target, source + first * in, n);
        if (memcmp(target, result + first * out, out * (size_t)n))
            fail_msg("%s %d -> %d: %d elements: other results", isa, from, to, n);
        for (char *p = buffer; p < buffer + sizeof buffer; p++)
            if ((p < target || p >= end) && *p != 0x5a)
                fail_msg("%s %d -> %d: %d elements: wrote outside", isa, from, to, n);
    }
}

enum { FROM_MEMORY, FROM_CLASS }; /* a bool in memory is any byte; in class B8 it is 0 or 1 */

static void check_convert(const char *isa, acn_convert_fn convert, int where, acn_dtype from,
                          acn_dtype to) {
    if (!convert) fail_msg("%s: no conversion from %d to %d", isa, from, to);
    fill_source(from);
    if (from == ACN_BOOL && where == FROM_CLASS)
        for (int i = 0; i < COUNT; i++)
            source[i] &= 1;
    convert(result, source, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const char *x = source + (size_t)i * bytes_of(from),
                   *got = result + (size_t)i * bytes_of(to);
        char want[16] = {0};
        write_value(to, want, read_value(from, x));
        if (!same_value(to, got, want)) {
            value v = read_value(from, x), y = read_value(to, got), w = read_value(to, want);
            fail_msg("%s %d -> %d: element %d, %.20Lg, gives %.20Lg, not %.20Lg", isa, from, to, i,
                     to_real(v), to_real(y), to_real(w));
        }
    }
    check_layout(isa, convert, from, to);
}

static void check_loads(const acn_kernels *level) {
    for (size_t t = 0; t < COUNT_OF(dtypes); t++)
        for (int k = 0; k < ACN_CLASS_COUNT; k++)
            check_convert(level->isa, level->load[dtypes[t]][k], FROM_MEMORY, dtypes[t],
                          stored_as[k]);
}
static void check_stores(const acn_kernels *level) {
    for (size_t t = 0; t < COUNT_OF(dtypes); t++)
        for (int k = 0; k < ACN_CLASS_COUNT; k++)
            check_convert(level->isa, level->store[dtypes[t]][k], FROM_CLASS, stored_as[k],
                          dtypes[t]);
}
static void check_casts(const acn_kernels *level) {
    for (int from = 0; from < ACN_CLASS_COUNT; from++)
        for (int to = 0; to < ACN_CLASS_COUNT; to++)
            check_convert(level->isa, level->cast[from][to], FROM_CLASS, stored_as[from],
                          stored_as[to]);
}

static void loads_are_exact_or_round_once(void **state) { each_level(check_loads); }
static void stores_round_once_or_wrap(void **state) { each_level(check_stores); }
static void casts_truncate_and_saturate(void **state) { each_level(check_casts); }

/* Every half, the middle between it and the next one, and the floats on both sides of that. */
static void check_halves(const acn_kernels *level, acn_dtype dtype) {
    static float x[COUNT * 4];
    static uint16_t got[COUNT * 4];
    bool is_f16 = dtype == ACN_F16;
    for (int i = 0; i < COUNT; i++) {
        uint16_t h = (uint16_t)i, next = (uint16_t)((i & 0x7fff) == 0x7fff ? i : i + 1);
        float low = is_f16 ? acn_f16_to_f32(h) : acn_bf16_to_f32(h);
        float high = is_f16 ? acn_f16_to_f32(next) : acn_bf16_to_f32(next);
        float middle = (float)(((double)low + high) / 2);
        x[i * 4] = low, x[i * 4 + 1] = middle;
        x[i * 4 + 2] = nextafterf(middle, -INFINITY), x[i * 4 + 3] = nextafterf(middle, INFINITY);
    }
    level->store[dtype][ACN_K_F32](got, x, COUNT * 4);
    for (int i = 0; i < COUNT * 4; i++) {
        uint16_t want = is_f16 ? acn_f32_to_f16(x[i]) : acn_f32_to_bf16(x[i]);
        if (got[i] != want)
            fail_msg("%s: %a becomes %04x, not %04x", level->isa, x[i], got[i], want);
        uint16_t quiet = is_f16 ? 0x7e00 : 0x7fc0;
        if (isnan(x[i])) assert_int_equal(got[i] & quiet, quiet);
        if (i % 4 == 0 && !isnan(x[i])) assert_int_equal(got[i], i / 4);
    }
}

static void check_both_halves(const acn_kernels *level) {
    check_halves(level, ACN_F16);
    check_halves(level, ACN_BF16);
}
static void all_halves_round_to_nearest_even(void **state) { each_level(check_both_halves); }

/* ---- copies and fills ------------------------------------------------------------------------ */

static void check_copies(const acn_kernels *level) {
    for (int i = 0; i < 4096; i++)
        source[i] = (char)next_random();
    for (size_t n = 0; n < 1500; n += n < 300 ? 1 : 61) {
        size_t from = n % 7, to = GUARD + n % 67;
        for (int way = 0; way < 2; way++) {
            memset(result, 0x5a, 4096);
            (way ? level->copy_stream : level->copy)(result + to, source + from, n);
            level->stream_end();
            assert_memory_equal(result + to, source + from, n);
            for (size_t i = 0; i < 4096; i++)
                if (i < to || i >= to + n) assert_int_equal(result[i], 0x5a);
        }
    }
    level->copy(NULL, NULL, 0);
    level->copy_stream(NULL, NULL, 0);
}
static void copies_copy(void **state) { each_level(check_copies); }

static void check_fills(const acn_kernels *level) {
    static const size_t widths[] = {1, 2, 4, 8, 16};
    static const size_t counts[] = {0, 1, 2, 3, 7, 33, 512, 5000};
    for (size_t w = 0; w < COUNT_OF(widths); w++) {
        for (size_t c = 0; c < COUNT_OF(counts) * 2; c++) {
            char pattern[16];
            for (int i = 0; i < 16; i++)
                pattern[i] = c % 2 ? (char)(i + 1) : 7;
            size_t bytes = widths[w] * counts[c / 2];
            memset(result, 0x5a, bytes + 2 * GUARD);
            level->fill(result + GUARD, pattern, widths[w], counts[c / 2]);
            for (size_t i = 0; i < bytes; i++)
                assert_int_equal(result[GUARD + i], pattern[i % widths[w]]);
            assert_int_equal(result[GUARD - 1], 0x5a);
            assert_int_equal(result[GUARD + bytes], 0x5a);
        }
    }
}
static void fills_repeat_the_pattern(void **state) { each_level(check_fills); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_are_exact_or_round_once),
        cmocka_unit_test(stores_round_once_or_wrap),
        cmocka_unit_test(casts_truncate_and_saturate),
        cmocka_unit_test(all_halves_round_to_nearest_even),
        cmocka_unit_test(copies_copy),
        cmocka_unit_test(fills_repeat_the_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
