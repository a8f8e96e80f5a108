/* Device and page-locked memory: the heap, classes of addresses, copies. */
#include "unit.h"

#include "base/report.h"
#include "device/device.h"
#include "device/heap.h"
#include "runtime/context.h"
#include "runtime/copy.h"
#include "runtime/memory.h"
#include "runtime/virtual.h"
#include <pthread.h>
#include <unistd.h>

static int set_device(void **state) { return acn_device_set(0) != ACN_OK; }

static size_t used(void) {
    acn_memory_state state;
    assert_int_equal(acn_memory_get_state(0, &state), ACN_OK);
    assert_int_equal(state.used_bytes + state.free_bytes, state.total_bytes);
    return state.used_bytes;
}

static void blocks_are_aligned_distinct_and_given_back(void **state) {
    enum { BLOCKS = 2000 };
    static void *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    unsigned random = 1;
    size_t before = used();
    for (int round = 0; round < 20000; round++) {
        random = random * 1664525 + 1013904223;
        int i = (int)(random >> 8) % BLOCKS;
        if (blocks[i] != NULL) {
            for (size_t at = 0; at < sizes[i]; at += 509)
                assert_int_equal(((unsigned char *)blocks[i])[at], (unsigned char)i);
            assert_int_equal(acn_memory_free(blocks[i]), ACN_OK);
            blocks[i] = NULL;
            continue;
        }
        sizes[i] = 1 + (random >> 4) % (random % 64 == 0 ? 3000000 : 9000);
        assert_int_equal(acn_memory_alloc(0, sizes[i], &blocks[i]), ACN_OK);
        assert_int_equal((uintptr_t)blocks[i] % 512, 0);
        memset(blocks[i], i, sizes[i]);
    }
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i] != NULL) assert_int_equal(acn_memory_free(blocks[i]), ACN_OK);
    assert_int_equal(used(), before);
    /* All of it is one range again. */
    void *all;
    acn_memory_state memory;
    acn_memory_get_state(0, &memory);
    assert_int_equal(acn_memory_alloc(0, memory.total_bytes, &all), ACN_OK);
    assert_int_equal(acn_memory_free(all), ACN_OK);
}

static void what_is_used_is_told_to_others(void **state) {
    const acn_report_device *shown = acn_report_device_open(acn_device_physical(0));
    void *address;
    size_t before = used();
    assert_int_equal(shown->used_bytes, before);
    assert_int_equal(shown->total_bytes, acn_device_bytes());
    assert_int_equal(acn_memory_alloc(0, 1000, &address), ACN_OK);
    assert_int_equal(shown->used_bytes, before + 1024);
    assert_int_equal(acn_memory_free(address), ACN_OK);
    assert_int_equal(shown->used_bytes, before);
}

static void large_blocks_start_on_large_pages(void **state) {
    void *small, *large, *other;
    acn_memory_alloc(0, 512, &small);
    assert_int_equal(acn_memory_alloc(0, (2 << 20) + 32, &large), ACN_OK);
    assert_int_equal((uintptr_t)large % (2 << 20), 0);
    assert_int_equal(acn_memory_alloc(0, 20 << 20, &other), ACN_OK);
    assert_int_equal((uintptr_t)other % (2 << 20), 0);
    acn_memory_free(small);
    acn_memory_free(large);
    acn_memory_free(other);
}

static void mistakes_are_told(void **state) {
    void *block, *host, *none = NULL;
    int local;
    assert_int_equal(acn_memory_alloc(0, 5000, &block), ACN_OK);
    assert_int_equal(acn_memory_free((char *)block + 512), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_free((char *)block + 1), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_free_host(block), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_free(block), ACN_OK);
    assert_int_equal(acn_memory_free(block), ACN_PARAM_INVALID);
    assert_non_null(strstr(acn_error_take(), "freed twice"));
    assert_int_equal(acn_memory_free(&local), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_free((void *)~(uintptr_t)0), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_alloc_host(100, &host), ACN_OK);
    assert_int_equal(acn_memory_free(host), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_free_host(host), ACN_OK);
    assert_int_equal(acn_memory_free_host(host), ACN_PARAM_INVALID);
    static const size_t too_large[] = {(size_t)1 << 40, SIZE_MAX, SIZE_MAX - 511};
    for (size_t i = 0; i < COUNT_OF(too_large); i++) {
        assert_int_equal(acn_memory_alloc(0, too_large[i], &none), ACN_DEVICE_MEMORY);
        assert_null(none);
        const char *text = acn_error_take();
        assert_non_null(strstr(text, "Failed to allocate"));
        assert_non_null(strstr(text, "EL0004"));
    }
}

static void addresses_have_classes(void **state) {
    void *block, *host;
    int device = -1;
    static char plain[10000];
    acn_memory_alloc(0, 100, &block);
    acn_memory_alloc_host(100, &host);
    assert_int_equal(acn_memory_classify(block, &device), ACN_MEMORY_DEVICE);
    assert_int_equal(device, 0);
    assert_int_equal(acn_memory_classify(host, NULL), ACN_MEMORY_PINNED);
    assert_int_equal(acn_memory_classify(plain, NULL), ACN_MEMORY_PAGEABLE);
    assert_int_equal(acn_memory_classify(NULL, NULL), ACN_MEMORY_PAGEABLE);
    assert_int_equal(acn_memory_register(plain + 1000, 1000), ACN_OK);
    assert_int_equal(acn_memory_register(plain, 500), ACN_OK);
    assert_int_equal(acn_memory_register(plain + 1500, 10), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_register(plain + 400, 1000), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_register(block, 10), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_classify(plain + 1999, NULL), ACN_MEMORY_PINNED);
    assert_int_equal(acn_memory_classify(plain + 2000, NULL), ACN_MEMORY_PAGEABLE);
    assert_int_equal(acn_memory_classify(plain + 500, NULL), ACN_MEMORY_PAGEABLE);
    assert_int_equal(acn_memory_unregister(plain + 1001), ACN_PARAM_INVALID);
    assert_int_equal(acn_memory_unregister(plain + 1000), ACN_OK);
    assert_int_equal(acn_memory_unregister(plain), ACN_OK);
    assert_int_equal(acn_memory_classify(plain + 1999, NULL), ACN_MEMORY_PAGEABLE);
    void *base;
    size_t bytes;
    assert_true(acn_memory_find((char *)block + 99, &base, &bytes));
    assert_ptr_equal(base, block);
    assert_int_equal(bytes, 512);
    assert_false(acn_memory_find(plain, &base, &bytes));
    acn_memory_free(block);
    assert_false(acn_memory_find(block, &base, &bytes));
    acn_memory_free_host(host);
    acn_error_take();
}

/* Pages of this process that are in memory. */
static long resident_pages(void) {
    long pages = -1, total;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL && fscanf(file, "%ld %ld", &total, &pages) != 2) pages = -1;
    if (file != NULL) fclose(file);
    return pages;
}

static void large_freed_memory_goes_back_to_the_machine(void **state) {
#ifdef __SANITIZE_THREAD__
    skip(); /* its shadow pages are resident too */
#endif
    const size_t bytes = (size_t)400 << 20;
    void *block;
    long before = resident_pages();
    assert_int_equal(acn_memory_alloc(0, bytes, &block), ACN_OK);
    memset(block, 1, bytes);
    assert_true(resident_pages() - before > (long)(bytes / 4096 / 2));
    assert_int_equal(acn_memory_free(block), ACN_OK);
    assert_true(resident_pages() - before < (long)(bytes / 4096 / 2));
}

static void *churn(void *data) {
    for (int round = 0; round < 3000; round++) {
        void *block;
        size_t bytes = 1 + (size_t)round * 37 % 5000;
        if (acn_memory_alloc(0, bytes, &block) != ACN_OK) return (void *)1;
        memset(block, (int)(uintptr_t)data, bytes);
        for (size_t i = 0; i < bytes; i++)
            if (((unsigned char *)block)[i] != (unsigned char)(uintptr_t)data) return (void *)2;
        if (acn_memory_free(block) != ACN_OK) return (void *)3;
    }
    return NULL;
}

static void many_threads_allocate(void **state) {
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

static acn_copy flat(void *to, const void *from, size_t bytes, acn_copy_kind kind) {
    return (acn_copy){to, from, bytes, 1, bytes, bytes, kind};
}

static void copies_of_all_sizes_arrive(void **state) {
    const size_t room = 40 << 20;
    unsigned char *host = malloc(room), *back = malloc(room);
    void *device, *other;
    acn_memory_alloc(0, room, &device);
    acn_memory_alloc(0, room, &other);
    for (size_t i = 0; i < room; i++)
        host[i] = (unsigned char)(i * 2654435761u >> 13);
    static const size_t sizes[] = {1, 3, 4096, 1 << 20, (4 << 20) + 1, (8 << 20) + 5, 40 << 20};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        acn_copy up = flat(device, host, sizes[i], ACN_COPY_HOST_TO_DEVICE);
        acn_copy over = flat(other, device, sizes[i], ACN_COPY_DEVICE_TO_DEVICE);
        acn_copy down = flat(back, other, sizes[i], ACN_COPY_DEVICE_TO_HOST);
        memset(back, 0, room);
        assert_int_equal(acn_copy_now(&up), ACN_OK);
        assert_int_equal(acn_copy_now(&over), ACN_OK);
        assert_int_equal(acn_copy_now(&down), ACN_OK);
        assert_memory_equal(back, host, sizes[i]);
        if (sizes[i] < room) assert_int_equal(back[sizes[i]], 0);
    }
    /* Overlapping ranges move as if through a buffer. */
    acn_copy shift = flat((char *)device + 1, device, room - 1, ACN_COPY_DEVICE_TO_DEVICE);
    assert_int_equal(acn_copy_now(&shift), ACN_OK);
    assert_memory_equal((char *)device + 1, host, room - 1);
    assert_int_equal(acn_fill_now(device, 0x5a, 20 << 20), ACN_OK);
    assert_int_equal(((unsigned char *)device)[(20 << 20) - 1], 0x5a);
    assert_int_equal(((unsigned char *)device)[20 << 20], host[(20 << 20) - 1]);
    assert_int_equal(acn_fill_words_now(device, 0x01020304, 3), ACN_OK);
    assert_int_equal(((unsigned *)device)[2], 0x01020304);
    assert_int_equal(((unsigned *)device)[3], 0x5a5a5a5a);
    acn_memory_free(device);
    acn_memory_free(other);
    free(host);
    free(back);
}

static void two_dimensional_copies_keep_the_gaps(void **state) {
    unsigned char host[6 * 10], back[6 * 7];
    void *device;
    acn_memory_alloc(0, 6 * 12, &device);
    acn_fill_now(device, 0xee, 6 * 12);
    for (int i = 0; i < 60; i++)
        host[i] = (unsigned char)i;
    memset(back, 0xdd, sizeof back);
    acn_copy up = {device, host, 5, 6, 12, 10, ACN_COPY_HOST_TO_DEVICE};
    acn_copy down = {back, device, 5, 6, 7, 12, ACN_COPY_DEVICE_TO_HOST};
    assert_int_equal(acn_copy_now(&up), ACN_OK);
    assert_int_equal(acn_copy_now(&down), ACN_OK);
    for (int row = 0; row < 6; row++) {
        assert_memory_equal(back + 7 * row, host + 10 * row, 5);
        assert_int_equal(back[7 * row + 5], 0xdd);
        assert_int_equal(((unsigned char *)device)[12 * row + 5], 0xee);
    }
    acn_memory_free(device);
}

static void kinds_must_match_addresses(void **state) {
    char host[16];
    void *device, *pinned;
    acn_memory_alloc(0, 16, &device);
    acn_memory_alloc_host(16, &pinned);
    const struct {
        void *to, *from;
        acn_copy_kind kind;
        acn_status expected;
    } cases[] = {
        {host, device, ACN_COPY_HOST_TO_DEVICE, ACN_PARAM_INVALID},
        {device, device, ACN_COPY_HOST_TO_DEVICE, ACN_PARAM_INVALID},
        {device, host, ACN_COPY_DEVICE_TO_HOST, ACN_PARAM_INVALID},
        {device, host, ACN_COPY_DEVICE_TO_DEVICE, ACN_PARAM_INVALID},
        {host, device, ACN_COPY_HOST_TO_HOST, ACN_PARAM_INVALID},
        {device, host, ACN_COPY_DEFAULT, ACN_OK},
        {host, device, ACN_COPY_DEFAULT, ACN_OK},
        {device, pinned, ACN_COPY_DEVICE_TO_DEVICE, ACN_OK},
        {pinned, device, ACN_COPY_DEVICE_TO_HOST, ACN_OK},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        acn_copy copy = flat(cases[i].to, cases[i].from, 16, cases[i].kind);
        assert_int_equal(acn_copy_now(&copy), cases[i].expected);
    }
    assert_non_null(strstr(acn_error_take(), "correct the kind or the address"));
    acn_memory_free(device);
    acn_memory_free_host(pinned);
}

static void snapshots_let_the_source_go(void **state) {
    acn_context *context;
    acn_stream *stream;
    void *device;
    acn_context_current(&context);
    acn_stream_create(context, 0, 0, &stream);
    acn_memory_alloc(0, 1 << 20, &device);
    char *host = malloc(1 << 20);
    for (int round = 0; round < 50; round++) {
        memset(host, round, 1 << 20);
        acn_copy copy = flat(device, host, 1 << 20, ACN_COPY_HOST_TO_BUFFER_TO_DEVICE);
        assert_int_equal(acn_copy_async(&copy, stream), ACN_OK);
        memset(host, 0xff, 1 << 20);
    }
    assert_int_equal(acn_stream_synchronize(stream, -1), ACN_OK);
    for (int i = 0; i < 1 << 20; i++)
        assert_int_equal(((char *)device)[i], 49);
    free(host);
    acn_memory_free(device);
    acn_stream_destroy(stream, false);
}

static void reserved_addresses_take_memory(void **state) {
#ifdef ACN_EMULATED
    skip(); /* the emulator is given fewer addresses than this reserves */
#endif
    const size_t unit = ACN_VIRTUAL_UNIT_BYTES;
    char *area, *small;
    acn_physical *a, *b, *found;
    size_t before = used();
    assert_int_equal(acn_virtual_reserve(512, (void **)&small), ACN_OK);
    assert_int_equal(acn_virtual_release(small), ACN_OK);
    assert_int_equal(acn_virtual_reserve((size_t)100 << 30, (void **)&area), ACN_OK);
    assert_int_equal((uintptr_t)area % unit, 0);
    assert_int_equal(acn_memory_classify(area, NULL), ACN_MEMORY_PAGEABLE);
    assert_int_equal(acn_physical_create(0, 10 * unit, &a), ACN_OK);
    assert_int_equal(acn_physical_create(0, 2 * unit, &b), ACN_OK);
    assert_int_equal(acn_virtual_map(area, 10 * unit, a), ACN_OK);
    assert_int_equal(acn_virtual_map(area + 10 * unit, 2 * unit, b), ACN_OK);
    assert_int_equal(acn_virtual_map(area + 9 * unit, 2 * unit, b), ACN_PARAM_INVALID);
    assert_int_equal(acn_virtual_map(area + 20 * unit + 1, 2 * unit, b), ACN_PARAM_INVALID);
    assert_int_equal(acn_virtual_map(area + 20 * unit, 3 * unit, b), ACN_PARAM_INVALID);
    assert_int_equal(acn_virtual_release(area), ACN_PARAM_INVALID);
    /* The same memory once more: what is written at one address is read at the other. */
    assert_int_equal(acn_virtual_map(area + 30 * unit, 2 * unit, b), ACN_OK);
    memset(area, 1, 12 * unit);
    assert_int_equal(area[31 * unit], 1);
    int device = -1;
    assert_int_equal(acn_memory_classify(area + 12 * unit - 1, &device), ACN_MEMORY_DEVICE);
    assert_int_equal(device, 0);
    assert_int_equal(acn_memory_classify(area + 12 * unit, NULL), ACN_MEMORY_PAGEABLE);
    char host[16];
    acn_copy down = flat(host, area + 12 * unit - 16, 16, ACN_COPY_DEVICE_TO_HOST);
    assert_int_equal(acn_copy_now(&down), ACN_OK);
    assert_int_equal(host[15], 1);
    assert_int_equal(acn_physical_destroy(b), ACN_OK);
    assert_int_equal(acn_physical_resolve(b, &found), ACN_INVALID_HANDLE);
    assert_int_equal(area[11 * unit], 1); /* still mapped */
    assert_int_equal(acn_virtual_unmap(area + unit), ACN_PARAM_INVALID);
    assert_int_equal(acn_virtual_unmap(area), ACN_OK);
    assert_int_equal(acn_memory_classify(area, NULL), ACN_MEMORY_PAGEABLE);
    assert_int_equal(acn_memory_classify(area + 10 * unit, NULL), ACN_MEMORY_DEVICE);
    assert_int_equal(acn_virtual_unmap(area + 10 * unit), ACN_OK);
    assert_int_equal(acn_virtual_unmap(area + 30 * unit), ACN_OK);
    assert_int_equal(acn_virtual_unmap(area + 30 * unit), ACN_PARAM_INVALID);
    assert_int_equal(acn_physical_destroy(a), ACN_OK);
    assert_int_equal(acn_virtual_release(area), ACN_OK);
    assert_int_equal(used(), before);
    acn_error_take();
}

int main(void) {
    setenv("ANYCANN_MEMORY", "1G", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_distinct_and_given_back),
        cmocka_unit_test(what_is_used_is_told_to_others),
        cmocka_unit_test(large_blocks_start_on_large_pages),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(addresses_have_classes),
        cmocka_unit_test(large_freed_memory_goes_back_to_the_machine),
        cmocka_unit_test(many_threads_allocate),
        cmocka_unit_test(copies_of_all_sizes_arrive),
        cmocka_unit_test(two_dimensional_copies_keep_the_gaps),
        cmocka_unit_test(kinds_must_match_addresses),
        cmocka_unit_test(reserved_addresses_take_memory),
        cmocka_unit_test(snapshots_let_the_source_go),
    };
    return cmocka_run_group_tests(tests, set_device, NULL);
}
