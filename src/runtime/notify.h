/* notify.h - words that streams set and wait for, also across processes. A notify is a flag that
 * waiting clears again; a counting one is changed and compared in several ways. */
#ifndef ACN_RUNTIME_NOTIFY_H
#define ACN_RUNTIME_NOTIFY_H

#include "runtime/share.h"
#include "runtime/stream.h"

typedef struct acn_notify acn_notify;

/* The interface's modes. */
typedef enum acn_notify_change {
    ACN_NOTIFY_SET = 0,
    ACN_NOTIFY_ADD = 1,
    ACN_NOTIFY_OR = 2,
    ACN_NOTIFY_AND = 4,
} acn_notify_change;

typedef enum acn_notify_compare {
    ACN_NOTIFY_LESS,
    ACN_NOTIFY_EQUAL,
    ACN_NOTIFY_GREATER,
    ACN_NOTIFY_AT_LEAST,
    ACN_NOTIFY_HAS_BITS, /* (word and value) equals value */
    ACN_NOTIFY_COMPARISONS
} acn_notify_compare;

typedef struct acn_notify_condition {
    acn_notify_compare compare;
    uint32_t value;
    bool clears;        /* the word is 0 afterwards, in the same instant */
    int64_t timeout_ms; /* -1: for ever */
} acn_notify_condition;

acn_status acn_notify_create(bool is_counting, acn_notify **out);
acn_status acn_notify_resolve(void *handle, bool is_counting, acn_notify **out);
acn_status acn_notify_destroy(acn_notify *notify);
uint32_t acn_notify_id(const acn_notify *notify);
acn_status acn_notify_record(acn_notify *notify, acn_stream *stream, acn_notify_change change,
                             uint32_t value);
acn_status acn_notify_wait(acn_notify *notify, acn_stream *stream,
                           const acn_notify_condition *condition);
/* At once, not in the order of a stream. */
void acn_notify_clear(acn_notify *notify);

acn_status acn_notify_export(acn_notify *notify, bool to_all, char key[ACN_SHARE_KEY_BYTES]);
acn_status acn_notify_allow(acn_notify *notify, const int32_t *pids, size_t count);
acn_status acn_notify_import(const char *key, acn_notify **out);

#endif
