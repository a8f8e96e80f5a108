/* Protobuf's wire format: what is written reads back; what is damaged ends the reading. */
#include "unit.h"

#include "base/wire.h"

static bool collect(void *context, uint64_t bits) {
    int64_t **next = context;
    *(*next)++ = (int64_t)bits;
    return true;
}

static void what_is_written_reads_back(void **state) {
    acn_wire_out out = {0};
    const int64_t numbers[] = {0, 1, -1, 300, INT64_MAX, INT64_MIN};
    int64_t read[6], *next = read;
    acn_wire_put_number(&out, 1, UINT64_MAX);
    acn_wire_put_f32(&out, 2, -0.5f);
    acn_wire_put_text(&out, 3, "text");
    size_t outer = acn_wire_begin(&out, 4), inner = acn_wire_begin(&out, 5);
    acn_wire_put_numbers(&out, 1000, numbers, 6);
    acn_wire_end(&out, inner);
    acn_wire_end(&out, outer);
    assert_false(out.has_failed);

    acn_wire wire = acn_wire_open(out.bytes, out.size);
    acn_wire_field f;
    assert_true(acn_wire_next(&wire, &f));
    assert_true(f.number == 1 && f.kind == ACN_WIRE_VARINT && f.value == UINT64_MAX);
    assert_true(acn_wire_next(&wire, &f));
    assert_true(f.number == 2 && acn_wire_f32(f.value) == -0.5f);
    assert_true(acn_wire_next(&wire, &f));
    assert_true(f.number == 3 && f.size == 4 && memcmp(f.bytes, "text", 4) == 0);
    assert_true(acn_wire_next(&wire, &f) && f.number == 4);
    acn_wire inside = acn_wire_inside(&f);
    assert_true(acn_wire_next(&inside, &f) && f.number == 5);
    inside = acn_wire_inside(&f);
    assert_true(acn_wire_next(&inside, &f) && f.number == 1000);
    assert_true(acn_wire_numbers(&f, 0, collect, &next));
    assert_memory_equal(read, numbers, sizeof numbers);
    assert_false(acn_wire_next(&wire, &f));
    assert_false(wire.is_bad);
    acn_wire_release(&out);
}

/* A message longer than its length's first byte moves what follows it. */
static void lengths_of_several_bytes(void **state) {
    static char text[300000];
    memset(text, 'x', sizeof text - 1);
    acn_wire_out out = {0};
    size_t begun = acn_wire_begin(&out, 1);
    acn_wire_put_text(&out, 2, text);
    acn_wire_end(&out, begun);
    acn_wire wire = acn_wire_open(out.bytes, out.size);
    acn_wire_field f;
    assert_true(acn_wire_next(&wire, &f));
    acn_wire inside = acn_wire_inside(&f);
    assert_true(acn_wire_next(&inside, &f));
    assert_int_equal(f.size, sizeof text - 1);
    assert_memory_equal(f.bytes, text, f.size);
    acn_wire_release(&out);
}

/* Every prefix and every changed byte: reading ends, inside the bytes that there are. */
static void damage_ends_the_reading(void **state) {
    acn_wire_out out = {0};
    for (uint32_t i = 1; i < 40; i++) {
        size_t begun = acn_wire_begin(&out, i);
        acn_wire_put_number(&out, i, 1u << (i % 31));
        acn_wire_end(&out, begun);
    }
    uint8_t *copy = malloc(out.size);
    for (size_t cut = 0; cut <= out.size; cut++)
        for (int change = 0; change < 256; change += 51) {
            memcpy(copy, out.bytes, out.size);
            if (cut < out.size) copy[cut] = (uint8_t)change;
            acn_wire wire = acn_wire_open(copy, change ? out.size : cut);
            acn_wire_field f;
            size_t fields = 0;
            while (acn_wire_next(&wire, &f)) {
                assert_true(++fields <= out.size);
                if (f.kind == ACN_WIRE_BYTES)
                    assert_true(f.bytes >= copy && f.bytes + f.size <= copy + out.size);
            }
        }
    free(copy);
    acn_wire_release(&out);
}

static void mistakes_are_bad(void **state) {
    static const uint8_t overlong[] = {8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1};
    static const uint8_t group[] = {11, 12}, beyond[] = {10, 5, 1};
    const struct {
        const uint8_t *bytes;
        size_t size;
    } cases[] = {{overlong, sizeof overlong}, {group, sizeof group}, {beyond, sizeof beyond}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        acn_wire wire = acn_wire_open(cases[i].bytes, cases[i].size);
        acn_wire_field f;
        assert_false(acn_wire_next(&wire, &f));
        assert_true(wire.is_bad);
    }
    acn_wire_field number = {.number = 1, .kind = ACN_WIRE_VARINT};
    acn_wire inside = acn_wire_inside(&number);
    assert_true(inside.is_bad);
    assert_false(acn_wire_next(&inside, &number));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(lengths_of_several_bytes),
        cmocka_unit_test(damage_ends_the_reading),
        cmocka_unit_test(mistakes_are_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
