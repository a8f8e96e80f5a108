/* look.c - what there is: devices from the settings, their use from the report files of running
 * processes (base/report.h). */
#define _GNU_SOURCE
#include "base/env.h"
#include "base/report.h"
#include "doors/anycann/describe.h"
#include "tools/npu_smi/npu_smi.h"
#include "tools/tool.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLE_MS = 100 };

typedef struct busy {
    int pid;
    uint64_t devices; /* a bit for each that the process uses */
    uint64_t ns;
} busy;

typedef struct sample {
    busy processes[ACN_SMI_PROCESSES];
    int count;
} sample;

/* How long each process has run operators until now, all of its devices together. */
static bool take_busy(void *context, const char *path, const acn_report_header *header,
                      const acn_report_slot *slots) {
    sample *s = context;
    busy b = {.pid = header->pid};
    for (int d = 0; d < ACN_SMI_DEVICES; d++)
        if (header->devices[d].used_bytes > 0) b.devices |= 1ull << d;
    if (!b.devices || s->count == ACN_SMI_PROCESSES || !acn_report_is_alive(header)) return true;
    for (uint32_t i = 0; i < header->used; i++)
        if (strcmp(slots[i].kind, "op") == 0) b.ns += slots[i].total_ns;
    s->processes[s->count++] = b;
    return true;
}

/* The share of the time between two samples in which operators ran. A process with several devices
 * is counted in equal parts, since its operators are counted together. */
static void find_busy(acn_smi *smi, const sample *before, const sample *after) {
    for (int i = 0; i < after->count; i++) {
        const busy *b = &after->processes[i];
        for (int k = 0; k < before->count; k++) {
            const busy *a = &before->processes[k];
            if (a->pid != b->pid || b->ns < a->ns) continue;
            int devices = __builtin_popcountll(b->devices);
            int percent = (int)((b->ns - a->ns) / 10000 / SAMPLE_MS) / devices;
            for (int d = 0; d < smi->device_count; d++)
                if (b->devices >> d & 1) smi->devices[d].busy_percent += percent;
        }
    }
    for (int d = 0; d < smi->device_count; d++)
        if (smi->devices[d].busy_percent > 100) smi->devices[d].busy_percent = 100;
}

static void read_name(acn_smi_process *process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", process->pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(process->name, sizeof process->name, file)) process->name[0] = '\0';
    if (file) fclose(file);
    process->name[strcspn(process->name, "\n")] = '\0';
}

static bool take_use(void *context, const char *path, const acn_report_header *header,
                     const acn_report_slot *slots) {
    acn_smi *smi = context;
    if (!acn_report_is_alive(header)) return true;
    for (int d = 0; d < ACN_SMI_DEVICES; d++) {
        uint64_t used = header->devices[d].used_bytes;
        if (used == 0 || smi->process_count == ACN_SMI_PROCESSES) continue;
        acn_smi_process *process = &smi->processes[smi->process_count++];
        *process = (acn_smi_process){.pid = header->pid, .device = d, .used_bytes = used};
        read_name(process);
        smi->devices[d].used_bytes += used;
        smi->devices[d].total_bytes = header->devices[d].total_bytes;
        if (d >= smi->device_count) smi->device_count = d + 1;
    }
    return true;
}

static int by_device(const void *a, const void *b) {
    const acn_smi_process *x = a, *y = b;
    return x->device != y->device ? x->device - y->device : x->pid - y->pid;
}

/* The key and value of one line of `anycann info`. */
static void take_fact(void *context, const char *const *cells) {
    uint64_t *bytes = context;
    if (strcmp(cells[0], "device_memory_mib") == 0) *bytes = strtoull(cells[1], NULL, 10) << 20;
}

static uint64_t default_bytes(void) {
    uint64_t bytes = 0;
    acn_tool_info_fn *info = (acn_tool_info_fn *)acn_core_function("acn_tool_info");
    info(take_fact, &bytes);
    return bytes;
}

static int read_celsius(void) {
    int thousandths = -1;
    FILE *file = fopen("/sys/class/thermal/thermal_zone0/temp", "re");
    if (file && fscanf(file, "%d", &thousandths) != 1) thousandths = -1;
    if (file) fclose(file);
    return thousandths < 0 ? -1 : thousandths / 1000;
}

static int configured_devices(void) {
    int64_t count = acn_env_int(ACN_ENV_DEVICES);
    return count < 1 ? 1 : count > ACN_SMI_DEVICES ? ACN_SMI_DEVICES : (int)count;
}

void acn_smi_look(acn_smi *out) {
    char folder[1024];
    const char *soc = acn_env_text(ACN_ENV_SOC);
    uint64_t bytes = default_bytes();
    *out = (acn_smi){.device_count = configured_devices(), .celsius = read_celsius()};
    snprintf(out->soc, sizeof out->soc, "%s", strncmp(soc, "Ascend", 6) == 0 ? soc + 6 : soc);
    snprintf(out->version, sizeof out->version, "%s", acn_env_text(ACN_ENV_CANN_VERSION));
    if (acn_report_folder(folder, sizeof folder)) {
        sample before = {.count = 0}, after = {.count = 0};
        acn_report_read(folder, take_busy, &before);
        if (before.count > 0) {
            nanosleep(&(struct timespec){.tv_nsec = SAMPLE_MS * 1000000L}, NULL);
            acn_report_read(folder, take_busy, &after);
        }
        acn_report_read(folder, take_use, out);
        find_busy(out, &before, &after);
    }
    for (int d = 0; d < out->device_count; d++)
        if (out->devices[d].total_bytes == 0) out->devices[d].total_bytes = bytes;
    qsort(out->processes, (size_t)out->process_count, sizeof out->processes[0], by_device);
}
