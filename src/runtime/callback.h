/* callback.h - the client's functions that run in stream order: in a thread that the client lends
 * (subscribe, process), or in the stream's own. */
#ifndef ACN_RUNTIME_CALLBACK_H
#define ACN_RUNTIME_CALLBACK_H

#include "base/status.h"
#include "runtime/stream.h"

typedef void (*acn_callback_fn)(void *user);

acn_status acn_callback_subscribe(uint64_t thread, acn_stream *stream);
/* The same for host functions: those of |stream| run in |thread|, not in the stream's. */
acn_status acn_callback_subscribe_host(uint64_t thread, acn_stream *stream);
acn_status acn_callback_unsubscribe(uint64_t thread, acn_stream *stream);
/* |blocks|: later tasks of the stream wait until |run| has returned. */
acn_status acn_callback_launch(acn_stream *stream, acn_callback_fn run, void *user, bool blocks);
/* Runs one waiting callback of the calling thread; waits for one for |timeout_ms| (-1: for ever).
 */
acn_status acn_callback_process(int32_t timeout_ms);
/* Runs |run| on the stream's thread, or on that of acn_callback_subscribe_host. */
acn_status acn_callback_host_function(acn_stream *stream, acn_callback_fn run, void *user);

#endif
