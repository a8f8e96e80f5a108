/* print.c - the tables of `npu-smi info`, in the widths and words that other programs read. */
#define _GNU_SOURCE
#include "tools/npu_smi/npu_smi.h"
#include "tools/tool.h"
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const char line[] = "+---------------------------+---------------+----------------------"
                           "------------------------------+";
static const char double_line[] = "+===========================+===============+=================="
                                  "==================================+";

static uint64_t mib(uint64_t bytes) { return bytes >> 20; }

static const char *celsius(const acn_smi *smi, char *text, size_t bytes) {
    if (smi->celsius < 0) return "NA";
    snprintf(text, bytes, "%d", smi->celsius);
    return text;
}

static void print_devices(const acn_smi *smi) {
    char version[128], temperature[16];
    snprintf(version, sizeof version, "npu-smi %-24s Version: AnyCANN %s", smi->version,
             ACN_VERSION);
    puts("+--------------------------------------------------------------------------------------"
         "----------+");
    printf("| %-94s |\n%s\n", version, line);
    puts("| NPU   Name                | Health        | Power(W)    Temp(C)           "
         "Hugepages-Usage(page)|");
    puts("| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  "
         "HBM-Usage(MB)        |");
    puts(double_line);
    for (int d = 0; d < smi->device_count; d++) {
        const acn_smi_device *device = &smi->devices[d];
        printf("| %-5d %-19s | %-13s | %-11s %-17s %-4d / %-12d  |\n", d, smi->soc, "OK", "NA",
               celsius(smi, temperature, sizeof temperature), 0, 0);
        printf("| %-25d | %-13s | %-11d %-4d / %-9d  %-5" PRIu64 "/ %-14" PRIu64 "|\n", 0, "NA",
               device->busy_percent, 0, 0, mib(device->used_bytes), mib(device->total_bytes));
        puts(double_line);
    }
}

static void print_processes(const acn_smi *smi) {
    puts(line);
    puts("| NPU     Chip              | Process id    | Process name             | Process "
         "memory(MB)      |");
    puts(double_line);
    for (int d = 0; d < smi->device_count; d++) {
        int shown = 0;
        for (int i = 0; i < smi->process_count; i++) {
            const acn_smi_process *process = &smi->processes[i];
            if (process->device != d) continue;
            printf("| %-7d %-17d | %-13d | %-24.24s | %-23" PRIu64 " |\n", d, 0, process->pid,
                   process->name, mib(process->used_bytes));
            shown++;
        }
        char text[64];
        snprintf(text, sizeof text, "No running processes found in NPU %d", d);
        if (shown == 0) printf("| %-94s |\n", text);
        puts(double_line);
    }
}

void acn_smi_print_summary(const acn_smi *smi) {
    print_devices(smi);
    print_processes(smi);
}

static void print_fact(const char *key, const char *value) { printf("\t%-30s : %s\n", key, value); }

static void print_number(const char *key, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    print_fact(key, text);
}

void acn_smi_print_list(const acn_smi *smi) {
    print_number("Total Count", (uint64_t)smi->device_count);
    for (int d = 0; d < smi->device_count; d++) {
        putchar('\n');
        print_number("NPU ID", (uint64_t)d);
        print_number("Chip Count", 1);
    }
}

void acn_smi_print_mapping(const acn_smi *smi) {
    printf("\t%-30s%-30s%-30s%-30s\n", "NPU ID", "Chip ID", "Chip Logic ID", "Chip Name");
    for (int d = 0; d < smi->device_count; d++) {
        char name[64];
        snprintf(name, sizeof name, "Ascend %s", smi->soc);
        printf("\t%-30d%-30d%-30d%-30s\n", d, 0, d, name);
    }
}

/* ---- info -t ------------------------------------------------------------------------------- */

static void print_board(const acn_smi *smi, int device) {
    print_number("NPU ID", (uint64_t)device);
    print_fact("Product Name", "AnyCANN virtual device");
    print_fact("Model", smi->soc);
    print_fact("Manufacturer", "AnyCANN");
    print_fact("Serial Number", "NA");
    print_fact("Software Version", ACN_VERSION);
    print_fact("Firmware Version", "NA");
    print_fact("Compatibility", "OK");
    print_fact("PCIe Bus Info", "NA");
    print_number("Chip Count", 1);
}

static uint64_t percent(const acn_smi_device *device) {
    return device->total_bytes ? device->used_bytes * 100 / device->total_bytes : 0;
}

static void print_usages(const acn_smi *smi, int device) {
    const acn_smi_device *d = &smi->devices[device];
    print_number("NPU ID", (uint64_t)device);
    print_number("Chip Count", 1);
    putchar('\n');
    print_number("HBM Capacity(MB)", mib(d->total_bytes));
    print_number("HBM Usage Rate(%)", percent(d));
    print_number("Aicore Usage Rate(%)", (uint64_t)d->busy_percent);
    print_fact("Aivector Usage Rate(%)", "NA");
    print_fact("HBM Bandwidth Usage Rate(%)", "NA");
    print_number("Chip ID", 0);
}

static void print_memory(const acn_smi *smi, int device) {
    print_number("NPU ID", (uint64_t)device);
    print_number("Chip Count", 1);
    putchar('\n');
    print_number("HBM Capacity(MB)", mib(smi->devices[device].total_bytes));
    print_fact("HBM Clock Speed(MHz)", "NA");
    print_fact("HBM Temperature(C)", "NA");
    print_number("Chip ID", 0);
}

static void print_power(const acn_smi *smi, int device) {
    print_number("NPU ID", (uint64_t)device);
    print_number("Chip Count", 1);
    putchar('\n');
    print_fact("Power Dissipation(W)", "NA");
    print_number("Chip ID", 0);
}

static void print_temperature(const acn_smi *smi, int device) {
    char text[16];
    print_number("NPU ID", (uint64_t)device);
    print_number("Chip Count", 1);
    putchar('\n');
    print_fact("NPU Temperature(C)", celsius(smi, text, sizeof text));
    print_number("Chip ID", 0);
}

static void print_health(const acn_smi *smi, int device) {
    print_number("NPU ID", (uint64_t)device);
    print_number("Chip Count", 1);
    putchar('\n');
    print_fact("Health", "OK");
    print_fact("Error Code", "NA");
    print_number("Chip ID", 0);
}

static void print_common(const acn_smi *smi, int device) {
    char text[16];
    print_usages(smi, device);
    print_fact("NPU Temperature(C)", celsius(smi, text, sizeof text));
    print_fact("Power Dissipation(W)", "NA");
}

static void print_product(const acn_smi *smi, int device) {
    print_fact("Product Type", "AnyCANN virtual device");
}

static void print_process_memory(const acn_smi *smi, int device) {
    print_number("NPU ID", (uint64_t)device);
    print_number("Chip Count", 1);
    putchar('\n');
    print_number("Chip ID", 0);
    for (int i = 0; i < smi->process_count; i++) {
        const acn_smi_process *process = &smi->processes[i];
        if (process->device != device) continue;
        printf("\tProcess id:%-8d Process name:%-20s Process memory(MB):%" PRIu64 "\n",
               process->pid, process->name, mib(process->used_bytes));
    }
}

/* The CPUs that do a device's work, as ranges. */
static void print_cpus(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    bool is_first = true;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        int last = cpu;
        if (!CPU_ISSET(cpu, &set)) continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set))
            last++;
        printf(last > cpu ? "%s%d-%d" : "%s%d", is_first ? "" : ",", cpu, last);
        is_first = false;
        cpu = last;
    }
    putchar('\n');
}

/* Who reaches whom: all devices share the machine's memory. Not one device's, unlike the rest. */
static void print_topology(const acn_smi *smi, int device) {
    printf("\t%-12s", "");
    for (int d = 0; d < smi->device_count; d++)
        printf("NPU%-9d", d);
    puts("CPU Affinity");
    for (int row = 0; row < smi->device_count; row++) {
        printf("\tNPU%-9d", row);
        for (int d = 0; d < smi->device_count; d++)
            printf("%-12s", d == row ? "X" : "SYS");
        print_cpus();
    }
    puts("\n\tLegend:\n\n\t  X    = Self\n\t  SYS  = By the memory of the machine");
}

static const struct {
    const char *name;
    void (*print)(const acn_smi *smi, int device);
} types[] = {
    {"board", print_board},   {"usages", print_usages},    {"memory", print_memory},
    {"power", print_power},   {"temp", print_temperature}, {"health", print_health},
    {"common", print_common}, {"product", print_product},  {"proc-mem", print_process_memory},
    {"topo", print_topology},
};

const char *acn_smi_types(void) {
    static char names[256];
    if (names[0]) return names;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "", types[i].name);
    }
    return names;
}

bool acn_smi_print_type(const acn_smi *smi, const char *type, int device) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, type) != 0) continue;
        types[i].print(smi, device);
        return true;
    }
    return false;
}

void acn_smi_print_json(const acn_smi *smi) {
    printf("{\"soc\": ");
    acn_json_text(stdout, smi->soc);
    fputs(", \"devices\": [", stdout);
    for (int d = 0; d < smi->device_count; d++) {
        const acn_smi_device *device = &smi->devices[d];
        printf("%s\n  {\"npu\": %d, \"used_bytes\": %" PRIu64 ", \"total_bytes\": %" PRIu64
               ", \"busy_percent\": %d}",
               d ? "," : "", d, device->used_bytes, device->total_bytes, device->busy_percent);
    }
    fputs("\n ], \"processes\": [", stdout);
    for (int i = 0; i < smi->process_count; i++) {
        const acn_smi_process *process = &smi->processes[i];
        printf("%s\n  {\"npu\": %d, \"pid\": %d, \"used_bytes\": %" PRIu64 ", \"name\": ",
               i ? "," : "", process->device, process->pid, process->used_bytes);
        acn_json_text(stdout, process->name);
        putchar('}');
    }
    puts("\n ]}");
}
