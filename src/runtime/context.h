/* context.h - devices and contexts: which one a thread works in, and what lives in it.
 *
 * A device counts its users; the first makes its primary context, which the last takes down.
 * Contexts hold streams; a thread has at most one current context.
 */
#ifndef ACN_RUNTIME_CONTEXT_H
#define ACN_RUNTIME_CONTEXT_H

#include "base/status.h"
#include "runtime/stream.h"
#include <stdbool.h>

enum { ACN_CONTEXT_PARAMS = 8 };

/* aclrtSetDevice and its kin. */
acn_status acn_device_set(int device);
acn_status acn_device_reset(int device, bool force);
acn_status acn_device_check(int64_t device); /* ACN_INVALID_DEVICE when there is no such device */
/* The device of the thread's current context; never falls back on the default device. */
acn_status acn_device_current(int *out_device);
bool acn_device_is_active(int device);
/* Waits for all streams of the current context's device. */
acn_status acn_device_synchronize(int32_t timeout_ms);
/* Drops the work of all streams of a device; see acn_stream_abort. |timeout_ms| 0: no limit. */
acn_status acn_device_abort(int device, int64_t timeout_ms);
/* Device that threads without a context work on: acl.json's default_device; -1 none. */
void acn_device_set_default(int device);

acn_status acn_context_create(int64_t device, acn_context **out);
acn_status acn_context_destroy(void *handle);
acn_status acn_context_set_current(void *handle);
/* The thread's context, else the default device's; ACN_CONTEXT_NULL when there is neither. */
acn_status acn_context_current(acn_context **out);
int acn_context_device(const acn_context *context);
acn_stream *acn_context_default_stream(const acn_context *context);
/* Switches of aclrtCtxSetSysParamOpt; |key| < ACN_CONTEXT_PARAMS. */
int64_t acn_context_param(const acn_context *context, int key);
void acn_context_set_param(acn_context *context, int key, int64_t value);

/* True in a child of fork whose parent had opened a device: nothing of it is usable here. */
bool acn_runtime_is_orphan(void);

/* Calls |visit| for every stream of |device|, or of all devices when it is -1. */
void acn_runtime_each_stream(int device, void (*visit)(acn_stream *stream, void *data), void *data);

#endif
