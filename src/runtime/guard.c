/* guard.c - see guard.h. Blocks stand in a table by address; it is a debugging mode, so inserting
 * may take its time. */
#include "runtime/guard.h"

#include "base/report.h"
#include "runtime/virtual.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 12, ROOM_BYTES = 512, MAX_QUARANTINED = 512 };
/* Freed memory reads as NaN, or as -1. */
enum { FREED = 0xff, ROOM = 0xfa };
static const size_t quarantine_limit_bytes = (size_t)64 << 20;

typedef struct trace {
    const char *api;
    int count;
    void *frames[FRAMES];
} trace;

typedef struct block {
    char *start;
    size_t bytes, reserved_bytes; /* what may be used; with the room behind it */
    int device;
    bool is_freed, is_damaged; /* damage is reported once */
    trace allocated, freed;
    acn_heap *heap;
} block;

_Thread_local const char *acn_guard_caller;
atomic_bool acn_guard_has_holes;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static block **blocks; /* by address */
static size_t count, room;
static block *quarantine[MAX_QUARANTINED]; /* a ring, the oldest at |oldest| */
static size_t oldest, quarantined, quarantined_bytes;

static trace trace_here(void) {
    trace t = {.api = acn_guard_caller};
    t.count = backtrace(t.frames, FRAMES);
    return t;
}

/* Reports. */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof text - 1) length = sizeof text - 1;
    if (length > 0) (void)!write(STDERR_FILENO, text, (size_t)length);
}

void acn_guard_say_frames(void *const *frames, int frame_count) {
    Dl_info own, at;
    int first = 0; /* who called us is wanted, not what we do */
    if (dladdr((void *)acn_guard_say_frames, &own) != 0)
        while (first < frame_count && dladdr(frames[first], &at) != 0 &&
               at.dli_fbase == own.dli_fbase)
            first++;
    if (first == frame_count) first = 0; /* everything is one program, as in a test */
    backtrace_symbols_fd(frames + first, frame_count - first, STDERR_FILENO);
}

static void say_trace(const char *what, const trace *t) {
    say("  %s by %s, called from\n", what, t->api != NULL ? t->api : "the runtime");
    acn_guard_say_frames(t->frames, t->count);
}

static void say_block(const block *b) {
    say("  block of %zu bytes at %p on device %d%s\n", b->bytes, (void *)b->start, b->device,
        b->is_freed ? ", freed" : "");
    say_trace("allocated", &b->allocated);
    if (b->is_freed) say_trace("freed", &b->freed);
}

static void count_finding(const char *kind) { acn_report_count(acn_report_open("check", kind), 0); }

/* The table; with the mutex held. */

/* The first block that ends behind |address|. */
static size_t position(const char *address) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (blocks[middle]->start + blocks[middle]->reserved_bytes <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static block *find(const void *address) {
    size_t at = position(address);
    return at < count && blocks[at]->start <= (const char *)address ? blocks[at] : NULL;
}

static bool insert(block *b) {
    if (count == room) {
        size_t more = 2 * room + 256;
        block **grown = realloc(blocks, more * sizeof *grown);
        if (grown == NULL) return false;
        blocks = grown;
        room = more;
    }
    size_t at = position(b->start);
    memmove(&blocks[at + 1], &blocks[at], (count - at) * sizeof *blocks);
    blocks[at] = b;
    count++;
    return true;
}

static void forget(block *b) {
    size_t at = position(b->start);
    memmove(&blocks[at], &blocks[at + 1], (count - at - 1) * sizeof *blocks);
    count--;
    free(b);
}

/* First byte from |from| to |end| that is not |value|; |end| when all are. */
static size_t changed(const block *b, size_t from, size_t end, int value) {
    const unsigned char *bytes = acn_window_view(b->start);
    while (from < end && bytes[from] == value)
        from++;
    return from;
}

static void look_at_room(block *b) {
    size_t at = changed(b, b->bytes, b->reserved_bytes, ROOM);
    if (b->is_damaged || at == b->reserved_bytes) return;
    b->is_damaged = true;
    count_finding("overrun");
    say("anycann: check memory: something wrote behind the end of a block, at its byte %zu\n", at);
    say_block(b);
}

/* The oldest of the blocks that are kept back goes to its heap. */
static void end_oldest(void) {
    block *b = quarantine[oldest];
    oldest = (oldest + 1) % MAX_QUARANTINED;
    quarantined--;
    quarantined_bytes -= b->reserved_bytes;
    size_t at = changed(b, 0, b->bytes, FREED);
    if (at < b->bytes) {
        count_finding("written after free");
        say("anycann: check memory: something wrote to a block after it was freed, at its byte "
            "%zu\n",
            at);
        say_block(b);
    }
    acn_heap_free(b->heap, b->start);
    forget(b);
}

/* Allocating and freeing. */

void *acn_guard_alloc(acn_heap *heap, int device, size_t bytes) {
    size_t reserved = (bytes + ROOM_BYTES + ACN_HEAP_ALIGN - 1) & ~(size_t)(ACN_HEAP_ALIGN - 1);
    block *b = reserved > bytes ? calloc(1, sizeof *b) : NULL;
    if (b == NULL) return NULL;
    pthread_mutex_lock(&mutex);
    char *address = acn_heap_alloc(heap, reserved);
    while (address == NULL && quarantined > 0) {
        end_oldest();
        address = acn_heap_alloc(heap, reserved);
    }
    *b = (block){.start = address,
                 .bytes = bytes,
                 .reserved_bytes = reserved,
                 .device = device,
                 .allocated = trace_here(),
                 .heap = heap};
    if (address != NULL && !insert(b)) {
        acn_heap_free(heap, address);
        address = NULL;
    }
    if (address != NULL)
        memset((char *)acn_window_view(address) + bytes, ROOM, reserved - bytes);
    else
        free(b);
    pthread_mutex_unlock(&mutex);
    return address;
}

bool acn_guard_free(acn_heap *heap, void *address) {
    pthread_mutex_lock(&mutex);
    block *b = find(address);
    bool good = b != NULL && b->start == address && !b->is_freed;
    if (good) {
        look_at_room(b);
        b->is_freed = true;
        b->freed = trace_here();
        memset(acn_window_view(b->start), FREED, b->bytes);
        while (quarantined == MAX_QUARANTINED ||
               (quarantined > 0 && quarantined_bytes + b->reserved_bytes > quarantine_limit_bytes))
            end_oldest();
        quarantine[(oldest + quarantined++) % MAX_QUARANTINED] = b;
        quarantined_bytes += b->reserved_bytes;
    } else if (b != NULL) {
        count_finding(b->is_freed ? "freed twice" : "freed inside a block");
        say("anycann: check memory: %p is freed%s\n", address,
            b->is_freed ? " twice" : ", which lies inside a block");
        say_block(b);
    }
    pthread_mutex_unlock(&mutex);
    return good;
}

void acn_guard_clear(int device) {
    pthread_mutex_lock(&mutex);
    while (quarantined > 0)
        end_oldest();
    for (size_t i = count; i-- > 0;)
        if (blocks[i]->device == device) forget(blocks[i]);
    pthread_mutex_unlock(&mutex);
}

size_t acn_guard_overhead_bytes(int device) {
    size_t bytes = 0;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < count; i++) {
        const block *b = blocks[i];
        size_t needed = (b->bytes + ACN_HEAP_ALIGN - 1) & ~(size_t)(ACN_HEAP_ALIGN - 1);
        if (b->device == device)
            bytes += b->is_freed ? b->reserved_bytes : b->reserved_bytes - needed;
    }
    pthread_mutex_unlock(&mutex);
    return bytes;
}

/* Using. */

typedef struct use {
    const char *address;
    size_t bytes;
    const char *part, *whole;
} use;

static acn_status refuse(const use *u, const char *why, const block *b) {
    const char *of = u->whole != NULL ? " of " : "", *whole = u->whole != NULL ? u->whole : "";
    if (acn_guard_is_on()) {
        trace here = trace_here();
        count_finding(why);
        say("anycann: check memory: %s%s%s uses %zu bytes at %p: %s\n", u->part, of, whole,
            u->bytes, (const void *)u->address, why);
        if (b != NULL) say_block(b);
        say("  used from\n");
        acn_guard_say_frames(here.frames, here.count);
    }
    return acn_fail(ACN_EXECUTION, "%s%s%s uses %zu bytes at %p: %s", u->part, of, whole, u->bytes,
                    (const void *)u->address, why);
}

/* With the mutex held. */
static acn_status check_block(const use *u) {
    const block *b = find(u->address);
    if (b == NULL) return refuse(u, "no memory is allocated there", NULL);
    if (b->is_freed) return refuse(u, "the memory is freed", b);
    size_t offset = (size_t)(u->address - b->start);
    if (offset > b->bytes || u->bytes > b->bytes - offset)
        return refuse(u, "that goes beyond the end of the block", b);
    return ACN_OK;
}

/* Memory behind reserved addresses is known by whole units. */
static acn_status check_mapped(const use *u) {
    for (size_t at = 0; at < u->bytes; at += ACN_VIRTUAL_UNIT_BYTES)
        if (!acn_virtual_is_usable(u->address + at))
            return refuse(u, "no memory is mapped there that may be used", NULL);
    if (!acn_virtual_is_usable(u->address + u->bytes - 1))
        return refuse(u, "that goes beyond the end of what is mapped", NULL);
    return ACN_OK;
}

acn_status acn_guard_range(const void *address, size_t bytes, const char *part, const char *whole) {
    use u = {acn_window_client(address), bytes, part, whole};
    int span = acn_window_find(u.address);
    if (bytes == 0 || span == ACN_SPAN_OUTSIDE || span == ACN_SPAN_HOST) return ACN_OK;
    if (span == ACN_SPAN_RESERVED) return check_mapped(&u);
    if (!acn_guard_is_on()) return ACN_OK;
    pthread_mutex_lock(&mutex);
    acn_status status = check_block(&u);
    pthread_mutex_unlock(&mutex);
    return status;
}

void acn_guard_rooms(void) {
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < count; i++)
        look_at_room(blocks[i]);
    pthread_mutex_unlock(&mutex);
}

/* Called in a signal handler, where the mutex may be this thread's own. */
void acn_guard_describe(const void *address) {
    if (pthread_mutex_trylock(&mutex) != 0) return;
    const block *b = find(address);
    if (b != NULL)
        say_block(b);
    else
        say("  no memory is allocated there by aclrtMalloc\n");
    pthread_mutex_unlock(&mutex);
}
