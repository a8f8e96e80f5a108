/* stage.c - see stage.h. */
#include "hccl/stage.h"

#include "base/report.h"
#include "device/device.h"
#include "hccl/peer.h"
#include "runtime/memory.h"

acn_status acn_stage_locate(acn_stage *stage, int device, const char *what, const void *address,
                            uint64_t bytes, uint64_t *out_offset) {
    bool is_scattered;
    *stage = (acn_stage){0};
    ACN_TRY(acn_peer_locate(device, what, address, bytes, out_offset, &is_scattered));
    if (!is_scattered) return ACN_OK;
    void *memory;
    ACN_TRY(acn_memory_alloc(device, bytes, &memory));
    acn_status status = acn_peer_locate(device, what, memory, bytes, out_offset, &is_scattered);
    if (status != ACN_OK) {
        acn_memory_free(memory);
        return status;
    }
    acn_report_count(acn_report_open("api", "collectives that copied mapped memory"), 0);
    *stage = (acn_stage){memory, (void *)(uintptr_t)address, bytes};
    return ACN_OK;
}

void acn_stage_fill(const acn_stage *stage) {
    if (stage->memory == NULL) return;
    acn_host_copy(acn_window_view(stage->memory), acn_window_view(stage->client), stage->bytes);
}

void acn_stage_return(const acn_stage *stage) {
    if (stage->memory == NULL) return;
    acn_host_copy(acn_window_view(stage->client), acn_window_view(stage->memory), stage->bytes);
}

void acn_stage_end(acn_stage *stage) {
    if (stage->memory != NULL) acn_memory_free(stage->memory);
    stage->memory = NULL;
}
