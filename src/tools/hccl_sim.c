/* hccl_sim.c - `anycann hccl-sim`: what a collective would take among ranks that need not exist,
 * from what this machine does in a second of measuring and links that the caller describes. With
 * --measure the same collectives run here, by hccl_test, and the error of each prediction is told.
 */
#include "doors/anycann/simulate.h"
#include "tools/tool.h"
#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_MEASURED_RANKS = 64 };

typedef struct options {
    acn_tool_machine machine;
    acn_tool_simulation wanted;
    unsigned long long first, last, factor;
    bool measures, is_json;
} options;

static bool number(const char *text, double least, double most, double *out) {
    char *end;
    double n = strtod(text, &end);
    if (*end == 'K' || *end == 'k') n *= 1 << 10, end++;
    if (*end == 'M' || *end == 'm') n *= 1 << 20, end++;
    if (*end == 'G' || *end == 'g') n *= 1 << 30, end++;
    *out = n;
    return end != text && *end == '\0' && n >= least && n <= most;
}

static int usage(const char *what) {
    if (what != NULL) acn_say(ACN_EXIT_USAGE, "hccl-sim: %s", what);
    return acn_say(
        ACN_EXIT_USAGE,
        "usage: anycann hccl-sim [--ranks N] [--collective NAME] [--algorithm NAME] [--root R]\n"
        "         [-b BYTES] [-e BYTES] [-f FACTOR] [--measure] [--json]\n"
        "         [--server N]      ranks that share memory (all); others are reached by links of\n"
        "         [--latency US]    this latency (5) and\n"
        "         [--bandwidth GB]  bandwidth in GB/s (12.5), one for each pair of ranks");
}

static const struct option long_options[] = {
    {"ranks", required_argument, NULL, 'n'},
    {"collective", required_argument, NULL, 'c'},
    {"algorithm", required_argument, NULL, 'a'},
    {"root", required_argument, NULL, 'r'},
    {"server", required_argument, NULL, 's'},
    {"latency", required_argument, NULL, 'l'},
    {"bandwidth", required_argument, NULL, 'g'},
    {"measure", no_argument, NULL, 'm'},
    {"json", no_argument, NULL, 'j'},
    {0},
};

/* Returns NULL, or what is wrong. */
static const char *take(options *o, int letter) {
    double n = 0;
    switch (letter) {
    case 'n':
        if (!number(optarg, 1, 65535, &n)) return "--ranks expects 1 to 65535";
        o->wanted.ranks = (uint32_t)n;
        return NULL;
    case 'c':
        o->wanted.collective = optarg;
        return NULL;
    case 'a':
        o->wanted.algorithm = optarg;
        return NULL;
    case 'r':
        if (!number(optarg, 0, 65534, &n)) return "--root expects a rank";
        o->wanted.root = (uint32_t)n;
        return NULL;
    case 's':
        if (!number(optarg, 1, 65535, &n)) return "--server expects 1 to 65535 ranks";
        o->machine.server_ranks = (uint32_t)n;
        return NULL;
    case 'l':
        if (!number(optarg, 0, 1e9, &o->machine.link_latency_us)) return "--latency expects us";
        return NULL;
    case 'g':
        if (!number(optarg, 1e-6, 1e6, &o->machine.link_gb_s)) return "--bandwidth expects GB/s";
        return NULL;
    case 'b':
    case 'e':
        if (!number(optarg, 1, 1e12, &n)) return "-b and -e expect bytes, such as 8K";
        *(letter == 'b' ? &o->first : &o->last) = (unsigned long long)n;
        return NULL;
    case 'f':
        if (!number(optarg, 2, 1e6, &n)) return "-f expects a number from 2";
        o->factor = (unsigned long long)n;
        return NULL;
    case 'm':
        o->measures = true;
        return NULL;
    case 'j':
        o->is_json = true;
        return NULL;
    default:
        return "an option is not known";
    }
}

/* "AllReduce" is all_reduce_test. */
static const char *program_of(const char *collective) {
    static const char *const names[][2] = {
        {"allreduce", "all_reduce"},
        {"allgather", "all_gather"},
        {"reducescatter", "reduce_scatter"},
        {"broadcast", "broadcast"},
        {"reduce", "reduce"},
        {"scatter", "scatter"},
        {"alltoall", "alltoall"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t at = 0;
        while (collective[at] != '\0' && tolower((unsigned char)collective[at]) == names[i][0][at])
            at++;
        if (collective[at] == '\0' && names[i][0][at] == '\0') return names[i][1];
    }
    return NULL;
}

/* Microseconds of one call by hccl_test, the least of five, as the machine's own figures are the
 * least of several; 0: it did not work. */
static double measured_us(const char *program, uint32_t ranks, uint32_t root,
                          unsigned long long bytes, const char *algorithm) {
    double least_us = 0;
    char relative[64], count[16], where[16], size[32], calls[16];
    snprintf(relative, sizeof relative, "tools/hccl_test/bin/%s_test", program);
    snprintf(count, sizeof count, "%u", ranks);
    snprintf(where, sizeof where, "%u", root);
    snprintf(size, sizeof size, "%llu", bytes);
    snprintf(calls, sizeof calls, "%d", bytes < 1 << 16 ? 400 : bytes < 1 << 20 ? 40 : 8);
    char *path = acn_toolkit_path(relative);
    for (int i = 0; i < 5; i++) {
        int pipes[2];
        double us = 0;
        if (pipe(pipes) != 0) break;
        pid_t child = fork();
        if (child == 0) {
            char setting[80];
            snprintf(setting, sizeof setting, "level0:NA;level1:%s", algorithm);
            setenv("HCCL_ALGO", setting, 1);
            unsetenv("ANYCANN_DEVICES");
            dup2(pipes[1], STDOUT_FILENO);
            execl(path, path, "--np", count, "-b", size, "-e", size, "-n", calls, "-c", "0", "-r",
                  where, (char *)NULL);
            _exit(127);
        }
        close(pipes[1]);
        FILE *out = fdopen(pipes[0], "r");
        char line[256];
        while (out != NULL && fgets(line, sizeof line, out) != NULL)
            sscanf(line, "%*u | %lf |", &us);
        if (out != NULL) fclose(out);
        waitpid(child, NULL, 0);
        if (us > 0 && (least_us == 0 || us < least_us)) least_us = us;
    }
    free(path);
    return least_us;
}

/* What a call costs one rank, and what the only hand-over of the smallest collective of two adds to
 * that: more than a bare one, since the other's entry and data come with it. */
static void calibrate_calls(acn_tool_machine *machine) {
    machine->call_us = measured_us("all_reduce", 1, 0, 8, "mesh");
    double both_us = measured_us("all_reduce", 2, 0, 8, "mesh_one_shot");
    machine->handover_us = fmax(machine->handover_us, both_us - machine->call_us);
}

static acn_table *make_table(bool measures) {
    static const char *const headings[] = {"bytes", "algorithm",   "predicted us",
                                           "GB/s",  "measured us", "error %"};
    return acn_table_new(measures ? 6 : 4, headings);
}

static int predict(options *o, acn_tool_simulate_fn *simulate, const char *program) {
    acn_table *table = make_table(o->measures);
    double worst = 0, sum = 0;
    int count = 0;
    for (unsigned long long bytes = o->first; bytes <= o->last; bytes *= o->factor) {
        char cells[6][32];
        const char *texts[6], *algorithm = NULL;
        double us = 0;
        o->wanted.bytes = bytes;
        const char *error = simulate(&o->machine, &o->wanted, &us, &algorithm);
        if (error != NULL) return acn_say(ACN_EXIT_FINDINGS, "hccl-sim: %s", error);
        double real = o->measures
                          ? measured_us(program, o->wanted.ranks, o->wanted.root, bytes, algorithm)
                          : 0;
        double part = real > 0 ? (us - real) / real * 100 : 0;
        snprintf(cells[0], sizeof cells[0], "%llu", bytes);
        snprintf(cells[1], sizeof cells[1], "%s", algorithm);
        snprintf(cells[2], sizeof cells[2], "%.2f", us);
        snprintf(cells[3], sizeof cells[3], "%.3f", us > 0 ? (double)bytes / us * 1e-3 : 0);
        snprintf(cells[4], sizeof cells[4], "%.2f", real);
        snprintf(cells[5], sizeof cells[5], "%.0f", part);
        for (int i = 0; i < 6; i++)
            texts[i] = cells[i];
        acn_table_row(table, texts);
        worst = fmax(worst, fabs(part));
        sum += fabs(part);
        count++;
    }
    acn_table_print(table, stdout, o->is_json);
    acn_table_free(table);
    if (o->measures && !o->is_json && count > 0)
        printf("error: %.0f %% on average, %.0f %% at most\n", sum / count, worst);
    return ACN_EXIT_FINE;
}

int acn_verb_hccl_sim(int argc, char **argv) {
    options o = {.first = 8 << 10, .last = 64 << 20, .factor = 8};
    o.wanted.collective = "AllReduce";
    o.wanted.ranks = 2;
    o.machine.link_latency_us = 5;
    o.machine.link_gb_s = 12.5;
    for (int letter; (letter = getopt_long(argc, argv, "b:e:f:", long_options, NULL)) != -1;) {
        const char *wrong = take(&o, letter);
        if (wrong != NULL) return usage(wrong);
    }
    if (optind < argc) return usage("a word is too many");
    if (o.last < o.first) return usage("-e is less than -b");
    if (o.wanted.root >= o.wanted.ranks) return usage("--root is no rank");
    const char *program = program_of(o.wanted.collective);
    if (o.measures && (program == NULL || o.wanted.ranks > MOST_MEASURED_RANKS ||
                       (o.machine.server_ranks != 0 && o.machine.server_ranks < o.wanted.ranks)))
        return usage(
            "--measure needs a collective that hccl_test has, and at most 64 ranks of one server");
    acn_tool_calibrate_fn *calibrate =
        (acn_tool_calibrate_fn *)acn_core_function("acn_tool_calibrate");
    acn_tool_simulate_fn *simulate = (acn_tool_simulate_fn *)acn_core_function("acn_tool_simulate");
    const char *error = calibrate(&o.machine);
    if (error != NULL) return acn_say(ACN_EXIT_ENVIRONMENT, "hccl-sim: %s", error);
    calibrate_calls(&o.machine);
    if (!o.is_json)
        printf("here: a call %.2f us, a hand-over %.2f us, copies %.1f to %.1f GB/s, sums %.1f to "
               "%.1f GB/s (1 KiB to 64 MiB)\n",
               o.machine.call_us, o.machine.handover_us, o.machine.copied_gb_s[0],
               o.machine.copied_gb_s[8], o.machine.reduced_gb_s[0], o.machine.reduced_gb_s[8]);
    return predict(&o, simulate, program);
}
