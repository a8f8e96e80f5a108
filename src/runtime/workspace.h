/* workspace.h - memory that a call needs while it runs: from the device, or from the allocator
 * that the client gave the stream. */
#ifndef ACN_RUNTIME_WORKSPACE_H
#define ACN_RUNTIME_WORKSPACE_H

#include "base/status.h"
#include "runtime/stream.h"
#include <stddef.h>

/* A client's allocator; |handle| is only given back to who asks. */
typedef struct acn_allocator {
    void *handle, *object;
    void *(*alloc)(void *object, size_t bytes); /* gives a block, NULL: none to be had */
    void (*free)(void *object, void *block);
    void *(*alloc_advise)(void *object, size_t bytes, void *address);
    void *(*address_of)(void *block);
} acn_allocator;

/* NULL: the device's memory again. */
acn_status acn_allocator_set(const acn_stream *stream, const acn_allocator *allocator);
bool acn_allocator_get(const acn_stream *stream, acn_allocator *out);

typedef struct acn_workspace {
    void *address; /* NULL: there is none */
    void *block;   /* of |allocator| */
    void *object;
    void (*free)(void *object, void *block);
} acn_workspace;

acn_status acn_workspace_take(const acn_stream *stream, size_t bytes, acn_workspace *out);
void acn_workspace_give_back(acn_workspace *workspace);

#endif
