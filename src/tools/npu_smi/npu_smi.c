/* npu_smi.c - the arguments of `npu-smi`. Only what looks is here: there is no hardware to set. */
#include "tools/npu_smi/npu_smi.h"
#include "tools/tool.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

typedef struct request {
    char what; /* 0: the summary; l, m, t, j */
    const char *type;
    int device; /* -1: not given */
} request;

static int print_help(FILE *out, int code) {
    fprintf(out,
            "usage: npu-smi info                    summary of devices and processes\n"
            "       npu-smi info -l                 list of devices\n"
            "       npu-smi info -m                 numbers and names of chips\n"
            "       npu-smi info -t TYPE -i ID [-c 0]\n"
            "                                       TYPE: %s\n"
            "       npu-smi info --json             all of it, for programs\n"
            "       npu-smi -v                      version\n"
            "devices are AnyCANN's; ANYCANN_DEVICES sets how many there are\n",
            acn_smi_types());
    return code;
}

static bool read_number(const char *text, int *out) {
    char *end;
    long number = strtol(text, &end, 10);
    *out = (int)number;
    return end != text && *end == '\0' && number >= 0 && number < ACN_SMI_DEVICES;
}

/* False after a usage error, which has been told. */
static bool read_request(int argc, char **argv, request *r) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    int chip;
    for (int c; (c = getopt_long(argc, argv, "lmt:i:c:", options, NULL)) != -1;) {
        if (c == '?') return false;
        if (strchr("lmtj", c)) r->what = (char)c;
        if (c == 't') r->type = optarg;
        if ((c == 'i' && !read_number(optarg, &r->device)) ||
            (c == 'c' && (!read_number(optarg, &chip) || chip != 0))) {
            acn_say(0, "-%c is `%s`; `npu-smi info -m` lists the numbers", c, optarg);
            return false;
        }
    }
    if (optind < argc) acn_say(0, "`%s` means nothing to npu-smi info", argv[optind]);
    return optind == argc;
}

static int show(const request *r) {
    static acn_smi smi;
    acn_smi_look(&smi);
    bool is_topology = r->type && strcmp(r->type, "topo") == 0;
    if (r->what == 't' && r->device < 0 && !is_topology) {
        return acn_say(ACN_EXIT_USAGE, "-t %s needs -i ID", r->type);
    }
    if (r->device >= smi.device_count) {
        return acn_say(ACN_EXIT_USAGE, "no NPU %d; there are %d (ANYCANN_DEVICES)", r->device,
                       smi.device_count);
    }
    switch (r->what) {
    case 'l':
        acn_smi_print_list(&smi);
        break;
    case 'm':
        acn_smi_print_mapping(&smi);
        break;
    case 'j':
        acn_smi_print_json(&smi);
        break;
    case 't':
        if (acn_smi_print_type(&smi, r->type, r->device)) break;
        return acn_say(ACN_EXIT_USAGE, "no type `%s`; expected one of %s", r->type,
                       acn_smi_types());
    default:
        acn_smi_print_summary(&smi);
    }
    return ACN_EXIT_FINE;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "-h";
    if (strcmp(verb, "-v") == 0) {
        puts("npu-smi version: " ACN_CANN_VERSION " (AnyCANN " ACN_VERSION ")");
        return ACN_EXIT_FINE;
    }
    if (strcmp(verb, "-h") == 0 || strcmp(verb, "--help") == 0)
        return print_help(stdout, ACN_EXIT_FINE);
    if (strcmp(verb, "info") != 0) {
        acn_say(0, "`%s` is not done: there is no hardware to set or to watch", verb);
        return print_help(stderr, ACN_EXIT_USAGE);
    }
    request r = {.device = -1};
    return read_request(argc - 1, argv + 1, &r) ? show(&r) : ACN_EXIT_USAGE;
}
