/* comm_config.c - HcclCommConfig: what it says is checked, obeyed where it means something here,
 * and otherwise counted, so that `anycann report` tells it. */
#include "base/log.h"
#include "base/report.h"
#include "doors/hccl/hccl_door.h"
#include <stddef.h>
#include <string.h>

#define HAS_END(config, field) (memchr((config)->field, '\0', sizeof(config)->field) != NULL)

/* Of those that are read. */
static acn_status check_texts(const HcclCommConfig *c) {
    const char *endless = !HAS_END(c, hcclCommName) ? "hcclCommName"
                          : !HAS_END(c, hcclAlgo)   ? "hcclAlgo"
                                                    : NULL;
    if (endless == NULL) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID, "%s of the config has no end; expected a text with a NUL",
                    endless);
}

static acn_status out_of_range(const char *field, uint32_t value, const char *expected) {
    return acn_fail(ACN_PARAM_INVALID, "%s of the config is %u; expected %s", field, value,
                    expected);
}

static acn_status check_numbers(const HcclCommConfig *c) {
    static const uint32_t not_set = 0xffffffff;
    if (c->hcclBufferSize == 0) return out_of_range("hcclBufferSize", 0, "at least 1 (MB)");
    if (c->hcclDeterministic != not_set && c->hcclDeterministic > 2)
        return out_of_range("hcclDeterministic", c->hcclDeterministic, "0, 1 or 2");
    uint32_t traffic = c->hcclRdmaTrafficClass, level = c->hcclRdmaServiceLevel;
    if (traffic != not_set && (traffic > 255 || traffic % 4 != 0))
        return out_of_range("hcclRdmaTrafficClass", traffic, "0 to 255, a multiple of 4");
    if (level != not_set && level > 7) return out_of_range("hcclRdmaServiceLevel", level, "0 to 7");
    if (c->hcclExecTimeOut < -1)
        return acn_fail(ACN_PARAM_INVALID,
                        "hcclExecTimeOut of the config is %d; expected seconds, 0 for ever or -1 "
                        "for HCCL_EXEC_TIMEOUT",
                        (int)c->hcclExecTimeOut);
    return ACN_OK;
}

/* Names, time-outs and algorithms have effect; results are always the same bit for bit, graphs
 * never copy, and ids are only for logs. The rest is about hardware that is not there. */
static void count_ignored(const HcclCommConfig *c) {
    static const uint32_t not_set = 0xffffffff;
    const struct {
        const char *name;
        bool is_set;
    } fields[] = {
        {"HcclCommConfig hcclBufferSize", c->hcclBufferSize != not_set},
        {"HcclCommConfig hcclOpExpansionMode", c->hcclOpExpansionMode != 0},
        {"HcclCommConfig hcclRdmaTrafficClass", c->hcclRdmaTrafficClass != not_set},
        {"HcclCommConfig hcclRdmaServiceLevel", c->hcclRdmaServiceLevel != not_set},
        {"HcclCommConfig hcclRetryEnable", c->hcclRetryEnable[0] != '\0'},
        {"HcclCommConfig hcclRetryParams", c->hcclRetryParams[0] != '\0'},
        {"HcclCommConfig hcclBufferName", c->hcclBufferName[0] != '\0'},
        {"HcclCommConfig hcclQos", c->hcclQos != 0 && c->hcclQos != not_set},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!fields[i].is_set) continue;
        acn_report_count(acn_report_open("ignored", fields[i].name), 0);
        ACN_LOG("HCCL", ACN_LOG_INFO, "%s changes nothing here", fields[i].name);
    }
}

acn_status acn_hccl_read_config(const HcclCommConfig *given, HcclCommConfig *room,
                                acn_comm_options *out) {
    size_t size;
    uint32_t magic;
    *out = (acn_comm_options){.timeout_ms = INT64_MIN};
    if (given == NULL) return ACN_OK;
    HcclCommConfigInit(room);
    memcpy(&size, given, sizeof size);
    memcpy(&magic, (const char *)given + sizeof size, sizeof magic);
    if (magic != HCCL_COMM_CONFIG_MAGIC_WORD || size < offsetof(HcclCommConfig, hcclBufferSize))
        return acn_fail(ACN_PARAM_INVALID,
                        "config is not initialised; call HcclCommConfigInit first");
    /* Older callers have a shorter structure. */
    memcpy(room, given, size < sizeof *room ? size : sizeof *room);
    ACN_TRY(check_texts(room));
    ACN_TRY(check_numbers(room));
    count_ignored(room);
    out->name = room->hcclCommName;
    out->algorithm = room->hcclAlgo;
    if (room->hcclExecTimeOut == 0) out->timeout_ms = -1;
    if (room->hcclExecTimeOut > 0) out->timeout_ms = (int64_t)room->hcclExecTimeOut * 1000;
    return ACN_OK;
}
