/* virtual.h - addresses and memory apart: clients reserve addresses, make memory, and put one
 * behind the other (torch_npu's expandable segments do). */
#ifndef ACN_RUNTIME_VIRTUAL_H
#define ACN_RUNTIME_VIRTUAL_H

#include "base/status.h"
#include "runtime/share.h"
#include <stdbool.h>
#include <stddef.h>

enum { ACN_VIRTUAL_UNIT_BYTES = 2 << 20 };

typedef struct acn_physical acn_physical;

/* The interface's flags. */
typedef enum acn_virtual_access {
    ACN_VIRTUAL_NO_ACCESS = 0,
    ACN_VIRTUAL_READ = 1,
    ACN_VIRTUAL_READ_WRITE = 3,
} acn_virtual_access;

acn_status acn_virtual_reserve(size_t bytes, void **out_address);
acn_status acn_virtual_release(void *address);
acn_status acn_physical_create(int device, size_t bytes, acn_physical **out);
/* Memory of another process, at a whole page of |file|, which it takes. */
acn_status acn_physical_import(int device, int file, size_t offset, size_t bytes,
                               acn_physical **out);
acn_status acn_physical_resolve(void *handle, acn_physical **out);
/* The memory goes when it is mapped nowhere any more. */
acn_status acn_physical_destroy(acn_physical *physical);
/* The handle of what is mapped at |address|, once more to be destroyed. */
acn_status acn_physical_retain(void *address, acn_physical **out);
int acn_physical_device(const acn_physical *physical);
/* What other processes import it by; lives as long as the memory. */
acn_status acn_physical_export(acn_physical *physical, bool to_all, acn_share_cell **out);
acn_status acn_virtual_map(void *address, size_t bytes, acn_physical *physical);
acn_status acn_virtual_unmap(void *address);
acn_status acn_virtual_set_access(void *address, size_t bytes, acn_virtual_access access);
acn_status acn_virtual_get_access(const void *address, acn_virtual_access *out);
/* Whether there is memory behind |address|, a reserved one, that may be read. */
bool acn_virtual_is_usable(const void *address);
/* Device whose memory is behind |address|, or ACN_SPAN_OUTSIDE. */
int acn_virtual_device(const void *address);
/* The same for |bytes|, all of one device, and their offset in that device's own memory:
 * ACN_VIRTUAL_SCATTERED when there is not one for all of them. */
#define ACN_VIRTUAL_SCATTERED UINT64_MAX
int acn_virtual_locate(const void *address, size_t bytes, uint64_t *out_offset);

#endif
