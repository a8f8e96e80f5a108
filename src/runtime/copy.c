/* copy.c - see copy.h. What a copy may do is decided by where its addresses lie. */
#include "runtime/copy.h"

#include "device/device.h"
#include "runtime/capture.h"
#include "runtime/check.h"
#include "runtime/core.h"
#include "runtime/guard.h"
#include "runtime/memory.h"
#include <stdlib.h>
#include <string.h>

/* What one core copies in a microsecond, for the choice of thread; need not be exact. */
enum { BYTES_PER_US = 8192 };
enum { MAX_TOUCHED_ROWS = 256 };

static const char *const kind_names[ACN_COPY_KINDS] = {
    "host to host",     "host to device",           "device to host",  "device to device",
    "taken by address", "host to buffer to device", "within a device", "between devices",
};
static const char *const memory_names[] = {"ordinary host memory", "page-locked host memory",
                                           "device memory"};

/* Page-locked memory may stand for either side: devices can reach it. */
static bool is_host(acn_memory_kind kind) { return kind != ACN_MEMORY_DEVICE; }
static bool is_reachable(acn_memory_kind kind) { return kind != ACN_MEMORY_PAGEABLE; }

static acn_status check(const acn_copy *copy, acn_memory_kind *to, acn_memory_kind *from) {
    static const struct {
        bool to_device, from_device;
    } sides[ACN_COPY_KINDS] = {
        {false, false}, {true, false}, {false, true}, {true, true},
        {false, false}, {true, false}, {true, true},  {true, true},
    };
    *to = acn_memory_classify(copy->destination, NULL);
    *from = acn_memory_classify(copy->source, NULL);
    if (copy->kind == ACN_COPY_DEFAULT) return ACN_OK;
    bool to_device = sides[copy->kind].to_device, from_device = sides[copy->kind].from_device;
    if (to_device ? !is_reachable(*to) : !is_host(*to))
        return acn_fail(ACN_PARAM_INVALID,
                        "dst %p is %s, but kind %d copies %s; correct the kind or the address",
                        copy->destination, memory_names[*to], (int)copy->kind,
                        kind_names[copy->kind]);
    if (from_device ? !is_reachable(*from) : !is_host(*from))
        return acn_fail(ACN_PARAM_INVALID,
                        "src %p is %s, but kind %d copies %s; correct the kind or the address",
                        copy->source, memory_names[*from], (int)copy->kind, kind_names[copy->kind]);
    return ACN_OK;
}

/* All rows, from the first's start to the last's end. */
static size_t extent(const acn_copy *copy, size_t pitch) {
    return copy->rows != 0 ? (copy->rows - 1) * pitch + copy->bytes : 0;
}

static acn_status check_ranges(const acn_copy *copy) {
    ACN_TRY(acn_guard_range(copy->source, extent(copy, copy->source_pitch), "source", "a copy"));
    return acn_guard_range(copy->destination, extent(copy, copy->destination_pitch), "destination",
                           "a copy");
}

static acn_status move(const acn_copy *copy) {
    const acn_device_backend *backend;
    if (acn_guard_is_needed()) ACN_TRY(check_ranges(copy));
    ACN_TRY(acn_device_backend_get(&backend));
    size_t rows = copy->rows, bytes = copy->bytes;
    if (rows > 1 && bytes == copy->destination_pitch && bytes == copy->source_pitch)
        bytes *= rows, rows = 1;
    for (size_t row = 0; row < rows; row++)
        backend->copy((char *)acn_memory_view(copy->destination) + row * copy->destination_pitch,
                      (const char *)acn_memory_view(copy->source) + row * copy->source_pitch,
                      bytes);
    return ACN_OK;
}

/* Row by row, unless there are so many that telling them would take longer than copying. */
static void touch_copy(const acn_copy *copy, acn_touch_fn touch, void *context) {
    size_t rows = copy->rows, bytes = copy->bytes;
    if (bytes == copy->destination_pitch && bytes == copy->source_pitch) bytes *= rows, rows = 1;
    for (size_t row = 0; row < rows && rows <= MAX_TOUCHED_ROWS; row++) {
        touch(context, (const char *)copy->source + row * copy->source_pitch, bytes, false);
        touch(context, (char *)copy->destination + row * copy->destination_pitch, bytes, true);
    }
}

static void touch_at_once(void *name, const void *address, size_t bytes, bool is_write) {
    acn_check_host_touches(name, address, bytes, is_write);
}

acn_status acn_copy_now(const acn_copy *copy) {
    acn_memory_kind to, from;
    ACN_TRY(check(copy, &to, &from));
    if (acn_check_streams()) touch_copy(copy, touch_at_once, "aclrtMemcpy");
    return move(copy);
}

typedef struct copy_task {
    acn_copy copy;
    void *snapshot;
} copy_task;

static acn_status run_copy(void *data) { return move(&((copy_task *)data)->copy); }

static void drop_copy(void *data) {
    free(((copy_task *)data)->snapshot);
    acn_task_free(data);
}

static acn_status take_snapshot(copy_task *data) {
    acn_copy *copy = &data->copy;
    size_t bytes = copy->bytes * copy->rows;
    data->snapshot = malloc(bytes != 0 ? bytes : 1);
    if (data->snapshot == NULL)
        return acn_fail(ACN_BAD_ALLOC, "no host memory for a copy of %zu bytes", bytes);
    for (size_t row = 0; row < copy->rows; row++)
        memcpy((char *)data->snapshot + row * copy->bytes,
               (const char *)copy->source + row * copy->source_pitch, copy->bytes);
    copy->source = data->snapshot;
    copy->source_pitch = copy->bytes;
    return ACN_OK;
}

static void copy_touches(const void *data, acn_touch_fn touch, void *context) {
    touch_copy(&((const copy_task *)data)->copy, touch, context);
}

static uint32_t cost_us(size_t bytes) {
    return bytes / BYTES_PER_US < UINT32_MAX ? (uint32_t)(bytes / BYTES_PER_US) : UINT32_MAX;
}

acn_status acn_copy_async(const acn_copy *copy, acn_stream *stream) {
    acn_memory_kind to, from;
    ACN_TRY(check(copy, &to, &from));
    bool buffers = copy->kind == ACN_COPY_HOST_TO_BUFFER_TO_DEVICE;
    bool wait = to == ACN_MEMORY_PAGEABLE || (from == ACN_MEMORY_PAGEABLE && !buffers);
    if (wait) ACN_TRY(acn_capture_check_pageable(stream));
    copy_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = (copy_task){.copy = *copy};
    if (buffers) {
        acn_status status = take_snapshot(data);
        if (status != ACN_OK) {
            acn_task_free(data);
            return status;
        }
    }
    acn_task task = {.run = run_copy,
                     .drop = drop_copy,
                     .data = data,
                     .cost_us = cost_us(copy->bytes * copy->rows),
                     .name = "aclrtMemcpyAsync",
                     .touches = copy_touches};
    uint64_t number, serial = atomic_load(&stream->serial);
    if (!wait || acn_stream_executing() == stream) return acn_stream_submit(stream, &task);
    ACN_TRY(acn_stream_submit_at(stream, &task, &number));
    acn_stream_await(stream, serial, number, -1, NULL);
    if (acn_check_streams()) acn_check_host_knows_stream(stream);
    return ACN_OK;
}

/* Filling. */

typedef struct fill_task {
    void *destination;
    uint32_t value;
    size_t count; /* of bytes, or of 32-bit words */
    size_t bytes;
} fill_task;

static acn_status guard_fill(const fill_task *fill) {
    if (!acn_guard_is_needed()) return ACN_OK;
    return acn_guard_range(fill->destination, fill->bytes, "filling memory", NULL);
}

static acn_status run_fill(void *data) {
    const fill_task *fill = data;
    const acn_device_backend *backend;
    ACN_TRY(guard_fill(fill));
    ACN_TRY(acn_device_backend_get(&backend));
    backend->fill(acn_memory_view(fill->destination), (int)fill->value, fill->count);
    return ACN_OK;
}

static acn_status run_fill_words(void *data) {
    const fill_task *fill = data;
    const acn_device_backend *backend;
    ACN_TRY(guard_fill(fill));
    ACN_TRY(acn_device_backend_get(&backend));
    backend->fill_words(acn_memory_view(fill->destination), fill->value, fill->count);
    return ACN_OK;
}

static void fill_touches(const void *data, acn_touch_fn touch, void *context) {
    const fill_task *fill = data;
    touch(context, fill->destination, fill->bytes, true);
}

static acn_status fill_at_once(fill_task *fill, acn_status (*run)(void *)) {
    if (acn_check_streams())
        acn_check_host_touches("aclrtMemset", fill->destination, fill->bytes, true);
    return run(fill);
}

acn_status acn_fill_now(void *destination, int value, size_t bytes) {
    return fill_at_once(&(fill_task){destination, (uint32_t)value, bytes, bytes}, run_fill);
}

acn_status acn_fill_words_now(void *destination, uint32_t value, size_t words) {
    return fill_at_once(&(fill_task){destination, value, words, 4 * words}, run_fill_words);
}

static acn_status submit_fill(const fill_task *fill, acn_status (*run)(void *),
                              acn_stream *stream) {
    fill_task *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    *data = *fill;
    acn_task task = {.run = run,
                     .drop = acn_task_free,
                     .data = data,
                     .cost_us = cost_us(fill->bytes),
                     .name = "aclrtMemsetAsync",
                     .touches = fill_touches};
    return acn_stream_submit(stream, &task);
}

acn_status acn_fill_async(void *destination, int value, size_t bytes, acn_stream *stream) {
    return submit_fill(&(fill_task){destination, (uint32_t)value, bytes, bytes}, run_fill, stream);
}

acn_status acn_fill_words_async(void *destination, uint32_t value, size_t words,
                                acn_stream *stream) {
    return submit_fill(&(fill_task){destination, value, words, 4 * words}, run_fill_words, stream);
}
