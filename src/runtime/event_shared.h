/* event_shared.h - events that several processes record and wait for: a count of records in a cell
 * of share.h, and for each of the last records whether it was reached. */
#ifndef ACN_RUNTIME_EVENT_SHARED_H
#define ACN_RUNTIME_EVENT_SHARED_H

#include "runtime/share.h"
#include "runtime/stream.h"

typedef struct acn_shared_event acn_shared_event;

acn_status acn_shared_event_create(acn_shared_event **out);
acn_status acn_shared_event_import(const char *key, acn_shared_event **out);
acn_status acn_shared_event_export(acn_shared_event *event, char key[ACN_SHARE_KEY_BYTES]);
/* Tasks that use it keep it. */
void acn_shared_event_release(acn_shared_event *event);
acn_status acn_shared_event_record(acn_shared_event *event, acn_stream *stream);
/* For what was recorded until now; |timeout_ms| -1: for ever. */
acn_status acn_shared_event_wait(acn_shared_event *event, acn_stream *stream, int64_t timeout_ms);
acn_status acn_shared_event_synchronize(acn_shared_event *event, int64_t timeout_ms);
bool acn_shared_event_is_complete(const acn_shared_event *event);
/* When the last record was reached; 0: not yet. */
int64_t acn_shared_event_time_ns(const acn_shared_event *event);

#endif
