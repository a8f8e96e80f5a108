/* options.c - the command line of hccl_test. */
#include "hccl_test.h"

#include <stdlib.h>
#include <string.h>

static const test_type types[] = {
    {"int8", HCCL_DATA_TYPE_INT8, 1, 127},         {"int16", HCCL_DATA_TYPE_INT16, 2, 32767},
    {"int32", HCCL_DATA_TYPE_INT32, 4, 1 << 24},   {"int64", HCCL_DATA_TYPE_INT64, 8, 1 << 24},
    {"uint8", HCCL_DATA_TYPE_UINT8, 1, 255},       {"uint16", HCCL_DATA_TYPE_UINT16, 2, 65535},
    {"uint32", HCCL_DATA_TYPE_UINT32, 4, 1 << 24}, {"uint64", HCCL_DATA_TYPE_UINT64, 8, 1 << 24},
    {"fp16", HCCL_DATA_TYPE_FP16, 2, 2048},        {"bfp16", HCCL_DATA_TYPE_BFP16, 2, 256},
    {"fp32", HCCL_DATA_TYPE_FP32, 4, 1 << 24},     {"fp64", HCCL_DATA_TYPE_FP64, 8, 1 << 24},
};
static const char *const ops[] = {"sum", "prod", "max", "min"}; /* HcclReduceOp's order */

static void help(void) {
    printf(
        "usage: %s_test [OPTIONS]     (by mpirun, srun or torchrun, or alone with --np)\n\n"
        "Measures a collective of HCCL: the mean time of calls that are queued one behind the "
        "other\n"
        "between two events, of the slowest rank. bytes/time is the algorithm's bandwidth.\n\n"
        "  -b, --minbytes BYTES      the first size (64M): of the larger of a rank's buffers\n"
        "  -e, --maxbytes BYTES      the last one (64M); K, M and G are understood\n"
        "  -i, --stepbytes BYTES     the next is this much larger ...\n"
        "  -f, --stepfactor N        ... or so many times as large, which wins\n"
        "  -n, --iters N             calls that are timed (20)\n"
        "  -w, --warmup_iters N      calls before them (10)\n"
        "  -o, --op OP               sum, prod, max, min (sum)\n"
        "  -d, --datatype TYPE       int8 to int64, uint8 to uint64, fp16, bfp16, fp32, fp64 "
        "(fp32)\n"
        "  -r, --root RANK           (0)\n"
        "  -c, --check 0|1|2         compares results (1), with details (2); other numbers in "
        "each\n"
        "                            place and rank, so that what is shuffled is found\n"
        "  -p, --npus N              devices of this machine: rank R takes device R %% N; devices "
        "are\n"
        "                            made unless ANYCANN_DEVICES says how many there are\n"
        "      --np N                starts N ranks here, without a launcher\n"
        "      --root-file PATH      where ranks of a launcher meet (in memory of this machine)\n"
        "  -m -t -a -z -s 0|1        understood and without effect: there is one kind of memory, "
        "one\n"
        "                            way to run a collective, and events are the device's own\n\n"
        "HCCL_TEST_USE_DEVS=0,2 names the devices. check_result: success, failed, or NULL where it "
        "is\n"
        "not checked or the type cannot hold the numbers. Exit: 0, 1 wrong results or an error, "
        "2.\n",
        test_name);
}

static _Noreturn void refuse(const char *option, const char *value, const char *expected) {
    fprintf(stderr, "%s_test: %s is \"%s\"; expected %s (see --help)\n", test_name, option,
            value == NULL ? "" : value, expected);
    exit(2);
}

static uint64_t number(const char *option, const char *value, uint64_t least, uint64_t most,
                       const char *expected) {
    char *end = NULL;
    unsigned long long n = value == NULL ? 0 : strtoull(value, &end, 10);
    int shift = 0;
    if (value == NULL || end == value || *value == '-') refuse(option, value, expected);
    if (*end == 'K' || *end == 'k') shift = 10;
    if (*end == 'M' || *end == 'm') shift = 20;
    if (*end == 'G' || *end == 'g') shift = 30;
    if (shift > 0) end++;
    if (*end == 'B' || *end == 'b') end++;
    if (*end != '\0' || n < least || n > most >> shift) refuse(option, value, expected);
    return n << shift;
}

static unsigned small(const char *option, const char *value, unsigned least) {
    return (unsigned)number(option, value, least, 1000000,
                            least > 0 ? "a number from 1" : "a number");
}

static void set(test_options *o, const char *option, char letter, const char *value) {
    const uint64_t most = (uint64_t)1 << 40;
    switch (letter) {
    case 'b':
        o->min_bytes = number(option, value, 0, most, "bytes, such as 8K");
        return;
    case 'e':
        o->max_bytes = number(option, value, 0, most, "bytes, such as 64M");
        return;
    case 'i':
        o->step_bytes = number(option, value, 1, most, "bytes, such as 1M");
        return;
    case 'f':
        o->step_factor = number(option, value, 2, most, "a number from 2");
        return;
    case 'n':
        o->iterations = small(option, value, 1);
        return;
    case 'w':
        o->warm_ups = small(option, value, 0);
        return;
    case 'r':
        o->root = small(option, value, 0);
        return;
    case 'c':
        o->check = (unsigned)number(option, value, 0, 2, "0, 1 or 2");
        return;
    case 'p':
        o->devices = (unsigned)number(option, value, 1, 1024, "1 to 1024 devices");
        return;
    case 'N':
        o->ranks = (unsigned)number(option, value, 1, 1024, "1 to 1024 ranks");
        return;
    case 'R':
        if (value == NULL || *value == '\0') refuse(option, value, "a path");
        o->root_file = value;
        return;
    case 'o':
        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
            if (value != NULL && strcmp(value, ops[i]) == 0) {
                o->op = (HcclReduceOp)i;
                return;
            }
        refuse(option, value, "sum, prod, max or min");
    case 'd':
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            if (value != NULL && strcmp(value, types[i].name) == 0) {
                o->type = &types[i];
                return;
            }
        refuse(option, value, "a type, such as fp32");
    default: /* without effect */
        number(option, value, 0, most, "a number");
    }
}

static const struct {
    const char *name;
    char letter;
} names[] = {
    {"minbytes", 'b'},  {"maxbytes", 'e'},     {"stepbytes", 'i'}, {"stepfactor", 'f'},
    {"iters", 'n'},     {"warmup_iters", 'w'}, {"op", 'o'},        {"datatype", 'd'},
    {"root", 'r'},      {"check", 'c'},        {"npus", 'p'},      {"np", 'N'},
    {"root-file", 'R'}, {"help", 'h'},         {"zero_copy", 'z'}, {"symmetric_memory", 'm'},
};

static char letter_of(const char *word) {
    if (word[0] != '-') return 0;
    if (word[1] != '-') {
        bool is_known = word[1] != '\0' && strchr("beifnwodrcpmtazsh", word[1]) != NULL;
        return is_known && word[2] == '\0' ? word[1] : 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(word + 2, names[i].name) == 0) return names[i].letter;
    return 0;
}

void test_options_read(test_options *options, int argc, char **argv) {
    const uint64_t usual = (uint64_t)64 << 20;
    test_options o = {.min_bytes = usual, .max_bytes = usual, .iterations = 20, .warm_ups = 10};
    o.check = 1;
    o.op = HCCL_REDUCE_SUM;
    set(&o, "-d", 'd', "fp32");
    for (int i = 1; i < argc; i += 2) {
        char letter = letter_of(argv[i]);
        if (letter == 'h') {
            help();
            exit(0);
        }
        if (letter == 0) refuse("an option", argv[i], "one of those that --help lists");
        set(&o, argv[i], letter, i + 1 < argc ? argv[i + 1] : NULL);
    }
    if (o.max_bytes < o.min_bytes) refuse("-e", "less than -b", "at least as many bytes");
    *options = o;
}
