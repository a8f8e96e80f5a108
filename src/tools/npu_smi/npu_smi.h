/* npu_smi.h - the `npu-smi` program: the driver's front command, as far as it shows. Its tables
 * have the columns and widths that other programs read; what a CPU does not have is "NA". */
#ifndef ACN_TOOLS_NPU_SMI_NPU_SMI_H
#define ACN_TOOLS_NPU_SMI_NPU_SMI_H

#include <stdbool.h>
#include <stdint.h>

enum { ACN_SMI_DEVICES = 64, ACN_SMI_PROCESSES = 256 };

typedef struct acn_smi_process {
    int pid, device;
    uint64_t used_bytes;
    char name[32];
} acn_smi_process;

typedef struct acn_smi_device {
    uint64_t used_bytes, total_bytes;
    int busy_percent;
} acn_smi_device;

/* What there is now: from this shell's settings and from the files of the processes that run. */
typedef struct acn_smi {
    char soc[32]; /* without "Ascend" */
    char version[32];
    int celsius; /* of the machine; -1: not known */
    int device_count, process_count;
    acn_smi_device devices[ACN_SMI_DEVICES];
    acn_smi_process processes[ACN_SMI_PROCESSES];
} acn_smi;

void acn_smi_look(acn_smi *out);

void acn_smi_print_summary(const acn_smi *smi);
void acn_smi_print_list(const acn_smi *smi);
void acn_smi_print_mapping(const acn_smi *smi);
void acn_smi_print_json(const acn_smi *smi);
/* One device's facts of |type|; false when there is no such type. */
bool acn_smi_print_type(const acn_smi *smi, const char *type, int device);
/* The types, with spaces between them. */
const char *acn_smi_types(void);

#endif
