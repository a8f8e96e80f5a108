/* copy_late.c - see copy_late.h. */
#include "runtime/copy_late.h"

#include "runtime/core.h"
#include "runtime/memory.h"
#include <string.h>

typedef struct described_task {
    const void *description;
    acn_copy_kind kind;
} described_task;

static acn_copy flat(uint64_t to, uint64_t from, uint64_t bytes, acn_copy_kind kind) {
    return (acn_copy){.destination = (void *)(uintptr_t)to,
                      .source = (const void *)(uintptr_t)from,
                      .bytes = bytes,
                      .rows = 1,
                      .destination_pitch = bytes,
                      .source_pitch = bytes,
                      .kind = kind};
}

static acn_status run_described(void *argument) {
    const described_task *data = argument;
    acn_copy_description d;
    memcpy(&d, acn_memory_view(data->description), sizeof d);
    if (d.mark != ACN_COPY_DESCRIPTION_MARK || d.kind != (int32_t)data->kind)
        return acn_fail(ACN_PARAM_INVALID,
                        "desc %p does not describe a copy of kind %d; fill it with "
                        "aclrtSetMemcpyDesc for that kind",
                        data->description, (int)data->kind);
    acn_copy copy = flat(d.destination, d.source, d.bytes, data->kind);
    return acn_copy_now(&copy);
}

static acn_status run_indirect(void *argument) {
    const acn_copy_indirect *c = argument;
    void *to;
    const void *from;
    memcpy(&to, acn_memory_view(c->destination), sizeof to);
    memcpy(&from, acn_memory_view(c->source), sizeof from);
    acn_copy copy = flat((uintptr_t)to + c->destination_offset, (uintptr_t)from + c->source_offset,
                         c->bytes, c->kind);
    return acn_copy_now(&copy);
}

static acn_status submit(const void *arguments, size_t bytes, acn_status (*run)(void *),
                         acn_stream *stream) {
    void *data = acn_task_alloc();
    if (data == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a task");
    memcpy(data, arguments, bytes);
    /* What it copies is not known yet, so it counts as long: never in the caller's thread. */
    acn_task task = {.run = run,
                     .drop = acn_task_free,
                     .data = data,
                     .cost_us = UINT32_MAX,
                     .name = "copy memory"};
    return acn_stream_submit(stream, &task);
}

acn_status acn_copy_described(const void *description, acn_copy_kind kind, acn_stream *stream) {
    described_task data = {description, kind};
    return submit(&data, sizeof data, run_described, stream);
}

acn_status acn_copy_indirectly(const acn_copy_indirect *copy, acn_stream *stream) {
    return submit(copy, sizeof *copy, run_indirect, stream);
}
