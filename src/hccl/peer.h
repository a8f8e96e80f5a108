/* peer.h - another rank's device memory, at an address of ours: the whole device at once, so that
 * nothing is to be said about single buffers. */
#ifndef ACN_HCCL_PEER_H
#define ACN_HCCL_PEER_H

#include "runtime/share.h"

/* The key of a device of this process; the same each time. */
acn_status acn_peer_export(int device, char key[ACN_SHARE_KEY_BYTES]);
/* Where offset 0 of the device behind |key| lies here. To be released as often. */
acn_status acn_peer_map(const char *key, char **out_base);
void acn_peer_release(const char *key);
/* Offset of |bytes| at |address| within |device|; fails for any other memory. Memory of aclrtMapMem
 * has one only if its pieces follow one another there, and none if it is another process's: then it
 * is scattered. |what| is the argument's name. */
acn_status acn_peer_locate(int device, const char *what, const void *address, uint64_t bytes,
                           uint64_t *out_offset, bool *out_is_scattered);

#endif
