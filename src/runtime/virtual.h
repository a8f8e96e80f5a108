/* virtual.h - addresses and memory apart: clients reserve addresses, make memory, and put one
 * behind the other (torch_npu's expandable segments do). */
#ifndef ACN_RUNTIME_VIRTUAL_H
#define ACN_RUNTIME_VIRTUAL_H

#include "base/status.h"
#include <stddef.h>

enum { ACN_VIRTUAL_UNIT_BYTES = 2 << 20 };

typedef struct acn_physical acn_physical;

acn_status acn_virtual_reserve(size_t bytes, void **out_address);
acn_status acn_virtual_release(void *address);
acn_status acn_physical_create(int device, size_t bytes, acn_physical **out);
acn_status acn_physical_resolve(void *handle, acn_physical **out);
/* The memory goes when it is mapped nowhere any more. */
acn_status acn_physical_destroy(acn_physical *physical);
acn_status acn_virtual_map(void *address, size_t bytes, acn_physical *physical);
acn_status acn_virtual_unmap(void *address);
/* Device whose memory is behind |address|, or ACN_SPAN_OUTSIDE. */
int acn_virtual_device(const void *address);

#endif
