/* numbers.c - inputs that say which rank and which place they come from, and what results must be.
 * All are whole numbers so small that each type holds them and the results exactly. */
#include "hccl_test.h"

#include "base/half.h"

enum { TOLD = 8, WIDEST = 1000003 };

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 32) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 32;
}

/* Inputs are below this, so that sums of all stay exact. */
static uint64_t bound(const test_run *run) {
    bool sums = test_case_reduces(run->test) && run->options->op == HCCL_REDUCE_SUM;
    uint64_t most = run->options->type->exact / (sums ? run->ranks : 1);
    return most < WIDEST ? most : WIDEST;
}

bool test_numbers_are_exact(const test_run *run) { return bound(run) >= 2; }

/* A product is 1 or 2: one rank at most has the 2, another one in each place. */
static uint64_t number(const test_run *run, uint64_t bound, uint32_t rank, uint64_t at,
                       uint32_t round) {
    uint64_t place = mix(at + ((uint64_t)round << 48));
    if (test_case_reduces(run->test) && run->options->op == HCCL_REDUCE_PROD)
        return place % (run->ranks + 1) == rank ? 2 : 1;
    return mix(place + rank) % bound;
}

static uint64_t result(const test_run *run, uint64_t bound, const test_piece *piece, uint64_t at,
                       uint32_t round) {
    if (piece->from < run->ranks) return number(run, bound, piece->from, at, round);
    uint64_t x = number(run, bound, 0, at, round);
    for (uint32_t rank = 1; rank < run->ranks; rank++) {
        uint64_t y = number(run, bound, rank, at, round);
        if (run->options->op == HCCL_REDUCE_SUM) x += y;
        if (run->options->op == HCCL_REDUCE_PROD) x *= y;
        if (run->options->op == HCCL_REDUCE_MAX) x = x > y ? x : y;
        if (run->options->op == HCCL_REDUCE_MIN) x = x < y ? x : y;
    }
    return x;
}

static void put(HcclDataType type, size_t bytes, void *memory, uint64_t at, uint64_t x) {
    char *to = (char *)memory + at * bytes;
    if (type == HCCL_DATA_TYPE_FP32)
        memcpy(to, &(float){(float)x}, bytes);
    else if (type == HCCL_DATA_TYPE_FP64)
        memcpy(to, &(double){(double)x}, bytes);
    else if (type == HCCL_DATA_TYPE_FP16)
        memcpy(to, &(uint16_t){acn_f32_to_f16((float)x)}, bytes);
    else if (type == HCCL_DATA_TYPE_BFP16)
        memcpy(to, &(uint16_t){acn_f32_to_bf16((float)x)}, bytes);
    else
        memcpy(to, &x, bytes); /* the first bytes are the low ones */
}

static double get(HcclDataType type, size_t bytes, const void *memory, uint64_t at) {
    const char *from = (const char *)memory + at * bytes;
    uint64_t bits = 0;
    double x;
    memcpy(&bits, from, bytes);
    if (type == HCCL_DATA_TYPE_FP32) return (double)acn_f32_from_bits((uint32_t)bits);
    if (type == HCCL_DATA_TYPE_FP16) return (double)acn_f16_to_f32((uint16_t)bits);
    if (type == HCCL_DATA_TYPE_BFP16) return (double)acn_bf16_to_f32((uint16_t)bits);
    memcpy(&x, &bits, sizeof x);
    return type == HCCL_DATA_TYPE_FP64 ? x : (double)bits;
}

void test_numbers_fill(const test_run *run, void *memory, uint64_t count, uint32_t round) {
    const test_type *type = run->options->type;
    uint64_t most = bound(run);
    for (uint64_t i = 0; i < count; i++)
        put(type->code, type->bytes, memory, i, number(run, most, run->rank, i, round));
}

static void tell(const test_run *run, uint64_t at, double got, double wanted) {
    fprintf(stderr, "%s_test: rank %u: element %llu is %.17g; expected %.17g\n", test_name,
            run->rank, (unsigned long long)at, got, wanted);
}

uint64_t test_numbers_check(const test_run *run, const void *memory, uint32_t round) {
    const test_type *type = run->options->type;
    test_piece pieces[run->ranks];
    uint32_t count = test_case_pieces(run, pieces);
    uint64_t wrong = 0, most = bound(run), told = run->options->check > 1 ? TOLD : 1;
    for (uint32_t p = 0; p < count; p++)
        for (uint64_t i = 0; i < pieces[p].count; i++) {
            double wanted = (double)result(run, most, &pieces[p], pieces[p].from_at + i, round);
            double got = get(type->code, type->bytes, memory, pieces[p].at + i);
            if (got == wanted) continue;
            if (wrong++ < told) tell(run, pieces[p].at + i, got, wanted);
        }
    return wrong;
}
