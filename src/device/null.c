/* null.c - a device that only has addresses: shapes, plans and protocols run, data does not move.
 * It shows what a new back-end must bring, and makes overheads measurable. */
#include "device/device.h"

/* The span stays unreadable: whoever touches its memory is found at once. */
static acn_status map(int device, acn_span *span) { return ACN_OK; }
static void prepare(const acn_span *span, char *address, size_t bytes) {}
static void discard(const acn_span *span, char *address, size_t bytes) {}
static void copy(void *destination, const void *source, size_t bytes) {}
static void fill(void *destination, int value, size_t bytes) {}
static void fill_words(void *destination, unsigned value, size_t words) {}
static acn_status launch(struct acn_call *call) { return ACN_OK; }

ACN_REGISTER(device_backend, null) = {
    .name = "null",
    .map = map,
    .prepare = prepare,
    .discard = discard,
    .copy = copy,
    .fill = fill,
    .fill_words = fill_words,
    .launch = launch,
};
