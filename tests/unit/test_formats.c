/* test_formats.c - where elements lie in private formats: shapes of their memory, and places that
 * follow from the formats' names. */
#include "ops/formats.h"
#include "unit.h"

static int64_t place(const acn_format_layout *l, const int64_t *index) {
    int64_t at = 0;
    for (int d = 0; d < l->rank; d++)
        at += l->is_split[d] ? index[d] / 16 * l->block[d] + index[d] % 16 * l->inner[d]
                             : index[d] * l->block[d];
    return at;
}

static void expect_shape(const acn_format_layout *l, int rank, const int64_t *dims) {
    assert_int_equal(l->storage_rank, rank);
    for (int d = 0; d < rank; d++)
        assert_int_equal(l->storage[d], dims[d]);
}

static void test_channel_blocks(void **state) {
    acn_format_layout l;
    assert_int_equal(
        acn_format_layout_of(ACN_FORMAT_NC1HWC0, 4, (const int64_t[]){2, 20, 5, 7}, &l), ACN_OK);
    expect_shape(&l, 5, (const int64_t[]){2, 2, 5, 7, 16});
    assert_int_equal(place(&l, (const int64_t[]){1, 18, 3, 4}),
                     (((1 * 2 + 1) * 5 + 3) * 7 + 4) * 16 + 2);
    assert_int_equal(
        acn_format_layout_of(ACN_FORMAT_NDC1HWC0, 5, (const int64_t[]){2, 20, 3, 5, 7}, &l),
        ACN_OK);
    expect_shape(&l, 6, (const int64_t[]){2, 3, 2, 5, 7, 16});
    assert_int_equal(place(&l, (const int64_t[]){1, 18, 2, 3, 4}),
                     ((((1 * 3 + 2) * 2 + 1) * 5 + 3) * 7 + 4) * 16 + 2);
}

static void test_filters(void **state) {
    acn_format_layout l;
    assert_int_equal(
        acn_format_layout_of(ACN_FORMAT_FRACTAL_Z, 4, (const int64_t[]){33, 20, 5, 7}, &l), ACN_OK);
    expect_shape(&l, 4, (const int64_t[]){2 * 5 * 7, 3, 16, 16});
    assert_int_equal(place(&l, (const int64_t[]){32, 18, 3, 4}),
                     ((((1 * 5 + 3) * 7 + 4) * 3 + 2) * 16 + 0) * 16 + 2);
}

static void test_matrices(void **state) {
    acn_format_layout l;
    assert_int_equal(
        acn_format_layout_of(ACN_FORMAT_FRACTAL_NZ, 3, (const int64_t[]){3, 35, 17}, &l), ACN_OK);
    expect_shape(&l, 5, (const int64_t[]){3, 2, 3, 16, 16});
    assert_int_equal(place(&l, (const int64_t[]){2, 33, 16}),
                     (((2 * 2 + 1) * 3 + 2) * 16 + 1) * 16 + 0);
    assert_int_equal(acn_format_elements(&l), 3 * 2 * 3 * 256);
}

static void test_refusals(void **state) {
    acn_format_layout l;
    assert_int_not_equal(
        acn_format_layout_of(ACN_FORMAT_NC1HWC0, 5, (const int64_t[]){1, 2, 3, 4, 5}, &l), ACN_OK);
    assert_int_not_equal(acn_format_layout_of(7, 2, (const int64_t[]){1, 2}, &l), ACN_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel_blocks),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_matrices),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
