/* settings.c - see settings.h. */
#include "hccl/settings.h"

#include "base/env.h"
#include "base/report.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct setting setting;
typedef bool check_fn(const setting *s, const char *text);

struct setting {
    acn_env_id id;
    bool has_effect;
    check_fn *check;
    const char *expected; /* in words; for |is_word| the words, with commas between them */
    long least, most, multiple;
};

static bool is_number(const setting *s, const char *text) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && number >= s->least && number <= s->most &&
           (s->multiple == 0 || number % s->multiple == 0);
}

static bool is_in(const char *list, const char *word, size_t length) {
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strcspn(at, ",") == length && strncmp(at, word, length) == 0) return true;
    }
    return false;
}

static bool is_word(const setting *s, const char *text) {
    return is_in(s->expected, text, strlen(text));
}

static bool is_address(const setting *s, const char *text) {
    char room[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, room) == 1 || inet_pton(AF_INET6, text, room) == 1;
}

static bool is_short(const setting *s, const char *text) { return strlen(text) < 128; }
static bool is_any(const setting *s, const char *text) { return true; }

/* Numbers, ranges and commas, or "auto". */
static bool is_ports(const setting *s, const char *text) {
    if (strcmp(text, "auto") == 0) return true;
    for (;;) {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (end == text) return false;
        if (*end == '-') {
            text = end + 1;
            last = strtol(text, &end, 10);
            if (end == text) return false;
        }
        if (first < 1 || last < first || last > 65535) return false;
        if (*end == '\0') return true;
        if (*end != ',') return false;
        text = end + 1;
    }
}

static bool is_real(const setting *s, const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

/* NAME:VALUE,... with known names. */
static bool is_faults(const setting *s, const char *text) {
    static const char names[] = "connection_fault_detection_time, cluster_heartbeat, "
                                "stuck_detection, inconsistent_check, task_exception, "
                                "task_monitor_interval";
    for (const char *at = text; at != NULL; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ":,");
        if (at[length] != ':' || !is_in(names, at, length)) return false;
    }
    return true;
}

#define NUMBER(least, most, text) is_number, text, least, most, 0

static const setting settings[] = {
    {ACN_ENV_HCCL_BUFFSIZE, false, NUMBER(1, 1 << 20, "at least 1 (MB)")},
    {ACN_ENV_HCCL_DETERMINISTIC, true, is_word, "false, true, strict", 0, 0, 0},
    {ACN_ENV_HCCL_OP_EXPANSION_MODE, false, is_any, "", 0, 0, 0},
    {ACN_ENV_HCCL_IF_IP, true, is_address, "an IPv4 or IPv6 address", 0, 0, 0},
    {ACN_ENV_HCCL_SOCKET_IFNAME, false, is_any, "", 0, 0, 0},
    {ACN_ENV_HCCL_SOCKET_FAMILY, false, is_word, "AF_INET, AF_INET6", 0, 0, 0},
    {ACN_ENV_HCCL_IF_BASE_PORT, false, NUMBER(1024, 65520, "1024 to 65520")},
    {ACN_ENV_HCCL_HOST_SOCKET_PORT_RANGE, false, is_ports,
     "ports such as 60000-60031,61000, or auto", 0, 0, 0},
    {ACN_ENV_HCCL_NPU_SOCKET_PORT_RANGE, false, is_ports,
     "ports such as 60000-60031,61000, or auto", 0, 0, 0},
    {ACN_ENV_HCCL_WHITELIST_DISABLE, false, NUMBER(0, 1, "0 or 1")},
    {ACN_ENV_HCCL_WHITELIST_FILE, false, is_any, "", 0, 0, 0},
    {ACN_ENV_HCCL_INTRA_PCIE_ENABLE, false, NUMBER(0, 1, "0 or 1")},
    {ACN_ENV_HCCL_INTRA_ROCE_ENABLE, false, NUMBER(0, 1, "0 or 1")},
    {ACN_ENV_HCCL_INTER_HCCS_DISABLE, false, is_word, "TRUE, FALSE", 0, 0, 0},
    {ACN_ENV_HCCL_LOGIC_SUPERPOD_ID, false, is_short, "fewer than 128 characters", 0, 0, 0},
    {ACN_ENV_HCCL_ENTRY_LOG_ENABLE, true, NUMBER(0, 1, "0 or 1")},
    {ACN_ENV_HCCL_DIAGNOSE_ENABLE, false, NUMBER(0, 1, "0 or 1")},
    {ACN_ENV_HCCL_DEBUG_CONFIG, false, is_any, "", 0, 0, 0},
    {ACN_ENV_HCCL_DFS_CONFIG, false, is_faults,
     "known names with values, such as cluster_heartbeat:on", 0, 0, 0},
    {ACN_ENV_HCCL_OP_RETRY_ENABLE, false, is_any, "", 0, 0, 0},
    {ACN_ENV_HCCL_OP_RETRY_PARAMS, false, is_any, "", 0, 0, 0},
    {ACN_ENV_HCCL_MULTI_QP_THRESHOLD, false, NUMBER(1, 8192, "1 to 8192 (KB)")},
    {ACN_ENV_HCCL_RDMA_QPS_PER_CONNECTION, false, NUMBER(1, 32, "1 to 32")},
    {ACN_ENV_HCCL_RDMA_TC, false, is_number, "0 to 255, a multiple of 4", 0, 255, 4},
    {ACN_ENV_HCCL_RDMA_SL, false, NUMBER(0, 7, "0 to 7")},
    {ACN_ENV_HCCL_RDMA_RETRY_CNT, false, NUMBER(1, 7, "1 to 7")},
    {ACN_ENV_HCCL_RDMA_TIMEOUT, false, NUMBER(0, 31, "0 to 31")},
    {ACN_ENV_HCCL_RDMA_PCIE_DIRECT_POST_NOSTRICT, false, is_word, "TRUE, FALSE", 0, 0, 0},
    {ACN_ENV_HCCL_ALG_MULTIPLE_DIMENSION_SPLIT_RATIO, false, is_real, "a number", 0, 0, 0},
};

/* Both on, or one of them off and the other not set. */
static acn_status check_links(void) {
    const char *pcie = acn_env_text(ACN_ENV_HCCL_INTRA_PCIE_ENABLE);
    const char *roce = acn_env_text(ACN_ENV_HCCL_INTRA_ROCE_ENABLE);
    bool both = strcmp(pcie, "1") == 0 && strcmp(roce, "1") == 0;
    bool neither =
        (strcmp(pcie, "0") == 0 && *roce == '\0') || (strcmp(roce, "0") == 0 && *pcie == '\0');
    if (!both && !neither) return ACN_OK;
    return acn_fail(ACN_PARAM_INVALID,
                    "HCCL_INTRA_PCIE_ENABLE is \"%s\" and HCCL_INTRA_ROCE_ENABLE is \"%s\"; "
                    "expected exactly one of them to be 1",
                    pcie, roce);
}

acn_status acn_hccl_settings_check(void) {
    static _Atomic bool is_counted;
    bool counts = !is_counted;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const setting *s = &settings[i];
        const char *text = acn_env_text(s->id), *name = acn_env_table()[s->id].name;
        if (*text == '\0') continue;
        if (!s->check(s, text))
            return acn_fail(ACN_PARAM_INVALID, "%s is \"%.64s\"; expected %s", name, text,
                            s->expected);
        if (counts && !s->has_effect) acn_report_count(acn_report_open("ignored", name), 0);
    }
    is_counted = true;
    return check_links();
}
