/* keys.h - keys by which other processes open things: the checks that all their doors make. */
#ifndef ACN_DOORS_ASCENDCL_KEYS_H
#define ACN_DOORS_ASCENDCL_KEYS_H

#include "runtime/share.h"
#include <stddef.h>
#include <string.h>

enum { ACN_DOOR_KEY_BYTES = ACN_SHARE_KEY_BYTES + 1 };

static inline acn_status acn_door_check_key_room(size_t room) {
    if (room == ACN_DOOR_KEY_BYTES) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "len is %zu; expected a key of %d bytes", room,
                    ACN_DOOR_KEY_BYTES);
}

static inline void acn_door_give_key(const char made[ACN_SHARE_KEY_BYTES], char *key) {
    memcpy(key, made, ACN_SHARE_KEY_BYTES);
    key[ACN_SHARE_KEY_BYTES] = '\0';
}

static inline acn_status acn_door_check_flags(uint64_t flags, uint64_t known) {
    if ((flags & ~known) == 0) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "flags is 0x%llx; expected bits of 0x%llx",
                    (unsigned long long)flags, (unsigned long long)known);
}

static inline acn_status acn_door_check_pids(const int32_t *pids, size_t count) {
    if (count == 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "the number of processes is 0; expected 1 or more");
    for (size_t i = 0; i < count; i++)
        if (pids[i] <= 0)
            return acn_fail(ACN_PARAM_INVALID, "pid[%zu] is %d; expected a process id", i,
                            (int)pids[i]);
    return ACN_OK;
}

#endif
