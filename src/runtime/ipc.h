/* ipc.h - device memory that another process uses, without copying: exported and imported by key.
 * Keys are those of share.h, with a NUL behind them. */
#ifndef ACN_RUNTIME_IPC_H
#define ACN_RUNTIME_IPC_H

#include "runtime/virtual.h"
#include <stdatomic.h>

/* |address| with |bytes| must lie in one block of acn_memory_alloc. */
acn_status acn_ipc_export(void *address, size_t bytes, bool to_all, char key[ACN_SHARE_KEY_BYTES]);
acn_status acn_ipc_allow(const char *key, const int32_t *pids, size_t count);
/* The same key gives the same address again, and is to be closed as often. */
acn_status acn_ipc_import(const char *key, void **out_address);
/* Of an import: unmaps it. Of an export: nobody can import it any more. */
acn_status acn_ipc_close(const char *key);

/* The block at |base| is freed: its exports end. */
extern atomic_int acn_ipc_exports; /* how many there are */
void acn_ipc_forget(const void *base);

/* Memory without an address, by number or key. */
acn_status acn_ipc_import_physical(const char *key, acn_physical **out);

#endif
