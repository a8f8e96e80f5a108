/* report.h - what this process did, counted in a file that outlives it: `anycann report` reads it
 * after any kind of end. Nothing the library falls back on or does not do goes uncounted. */
#ifndef ACN_BASE_REPORT_H
#define ACN_BASE_REPORT_H

#include "base/status.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ACN_REPORT_MAGIC = 0x52434e41, /* "ANCR" in the file */
    ACN_REPORT_VERSION = 2,
    ACN_REPORT_SLOTS = 4096,
    ACN_REPORT_KEPT_FILES = 32,
    ACN_REPORT_DEVICES = 64,
};

/* Kinds: "op" (operators that ran), "api" (public functions worth counting), "unsupported"
 * (functions that are not done yet), "deviation" (results that may differ from the SoC's),
 * "ignored" (settings that change nothing here), "check" (mistakes of the program that
 * ANYCANN_CHECK found). */
typedef struct acn_report_slot {
    char name[48];
    char kind[16];
    _Atomic uint64_t count;
    _Atomic uint64_t total_ns;
} acn_report_slot;

/* What the process has of one device, by its number on the machine; `npu-smi` shows it. */
typedef struct acn_report_device {
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t total_bytes; /* 0: the process does not use this device */
} acn_report_device;

/* The file is this header and then |slots| slots; it is mapped, so it is always complete. */
typedef struct acn_report_header {
    uint32_t magic, version;
    int32_t pid;
    uint32_t slots; /* room; those in use have a name */
    _Atomic uint32_t used;
    uint32_t reserved;
    int64_t start_unix_ns;
    uint64_t start_ticks; /* of the process since boot: another one of this number has another */
    char command[256];    /* arguments with spaces between them, cut to fit */
    char device[64];      /* CPU model */
    char soc[32];         /* what clients were told */
    acn_report_device devices[ACN_REPORT_DEVICES];
} acn_report_header;

/* The slot of |kind| and |name| (cut to fit), made if new. Never NULL: when the table is full, or
 * no file can be made, a slot that nobody reads. Keep the pointer; look-ups take a lock. */
acn_report_slot *acn_report_open(const char *kind, const char *name);

/* The entry of the machine's |device|, for whoever uses it to keep up to date. Never NULL. */
acn_report_device *acn_report_device_open(int device);

static inline void acn_report_count(acn_report_slot *slot, uint64_t ns) {
    atomic_fetch_add_explicit(&slot->count, 1, memory_order_relaxed);
    if (ns != 0) atomic_fetch_add_explicit(&slot->total_ns, ns, memory_order_relaxed);
}

/* For readers. Whether the process that wrote |header| still runs. */
bool acn_report_is_alive(const acn_report_header *header);
/* |folder| of this user's reports; false when it cannot be named. */
bool acn_report_folder(char *folder, size_t bytes);
/* Calls |visit| for each report file, newest first, until it returns false. The memory is valid
 * only during the call. Returns how many files were visited. */
typedef bool (*acn_report_visit)(void *context, const char *path, const acn_report_header *header,
                                 const acn_report_slot *slots);
int acn_report_read(const char *folder, acn_report_visit visit, void *context);

#endif
