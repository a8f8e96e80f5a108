/* exception.h - functions of the client that are told about each failed task. */
#ifndef ACN_RUNTIME_EXCEPTION_H
#define ACN_RUNTIME_EXCEPTION_H

#include "base/status.h"

/* What aclrtExceptionInfo points to. */
typedef struct acn_exception {
    uint32_t task, stream, thread, device;
    acn_status status;
} acn_exception;

typedef void (*acn_exception_fn)(acn_exception *exception);

/* The one of aclrtSetExceptionInfoCallback; NULL removes it. */
void acn_exception_set(acn_exception_fn callback);
/* Further ones. */
acn_status acn_exception_add(acn_exception_fn callback);
acn_status acn_exception_remove(acn_exception_fn callback);

#endif
