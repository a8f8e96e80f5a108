/* anycann.c - the front command: verbs as git has them. This file only finds the verb; each verb is
 * one function in a file of its own or with its kin. */
#include "tools/tool.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static int verb_help(int argc, char **argv);
static int verb_version(int argc, char **argv);

typedef struct verb {
    const char *name, *arguments, *doc;
    int (*run)(int argc, char **argv);
} verb;

static const verb verbs[] = {
    {"run", "[--devices N] [--soc NAME] [--report] CMD...", "run CMD on AnyCANN", acn_verb_run},
    {"enable", "[--python EXE] [--force]", "let plain `python` of an environment find AnyCANN",
     acn_verb_enable},
    {"disable", "[--python EXE]", "take that back", acn_verb_disable},
    {"env", "[--json | --export]", "variables that AnyCANN reads; --export: lines for eval",
     acn_verb_env},
    {"home", "", "root of this toolkit", acn_verb_home},
    {"info", "[--json]", "version, SoC, devices, instruction set, threads, memory, paths",
     acn_verb_info},
    {"ops", "[NAME] [--json | --markdown]", "operators, their types and public names",
     acn_verb_ops},
    {"convert", "MODEL.onnx [-o OUT.om] [-s SHAPES] [--batch LIST]",
     "an ONNX model becomes a .om for aclmdl; `convert` alone shows all options", acn_verb_convert},
    {"bench", "MODEL.om [--seconds S] [--gear G] [--threads N] [--json]",
     "how fast a .om runs, and which operators take the time", acn_verb_bench},
    {"coverage", "[--client NAME] [--json]", "every symbol that a client asks for, and its state",
     acn_verb_coverage},
    {"report", "[PID|last] [--json]", "what a process ran: operators, calls, time, gaps",
     acn_verb_report},
    {"trace", "[-o FOLDER] CMD...", "run CMD and write down every call and task; a timeline",
     acn_verb_trace},
    {"selftest", "[--python EXE] [--json]",
     "does this installation work: devices, operators, client", acn_verb_selftest},
    {"doctor", "[--python EXE] [--json]",
     "what is wrong with this machine or environment, and how "
     "to mend it",
     acn_verb_doctor},
    {"hccl-why", "PID", "why collectives of a process do not go on: who waits for whom",
     acn_verb_hccl_why},
    {"hccl-sim", "[--ranks N] [--collective NAME] [--algorithm NAME] [--server N] [--measure]",
     "what a collective would take among thousands of ranks", acn_verb_hccl_sim},
    {"completion", "", "for bash: eval \"$(anycann completion)\" in ~/.bashrc",
     acn_verb_completion},
    {"explain", "[CODE|NAME] [--json]", "what a code of CANN means, and what to do about it",
     acn_verb_explain},
    {"help", "[VERB]", "this page, or what VERB takes; so does `anycann VERB --help`", verb_help},
    {"--version", "", "version of AnyCANN and of the CANN that it speaks", verb_version},
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static void print_verb(FILE *out, const char *before, const verb *v) {
    fprintf(out, "%s%s%s%s\n      %s\n", before, v->name, *v->arguments ? " " : "", v->arguments,
            v->doc);
}

static void print_help(FILE *out) {
    fputs("anycann - CANN's published interface on ordinary CPUs\n\nusage: anycann VERB ...\n",
          out);
    for (int i = 0; i < VERB_COUNT; i++)
        print_verb(out, "  ", &verbs[i]);
    fputs("\nexit codes: 0 fine, 1 findings, 2 usage, 3 environment; run, trace: CMD's own\n", out);
}

static const verb *find_verb(const char *name) {
    for (int i = 0; i < VERB_COUNT; i++)
        if (strcmp(name, verbs[i].name) == 0) return &verbs[i];
    return NULL;
}

static int no_verb(const char *name) {
    return acn_say(ACN_EXIT_USAGE, "no verb `%s`; `anycann help` lists them", name);
}

static int help_of(const verb *v) {
    print_verb(stdout, "usage: anycann ", v);
    return ACN_EXIT_FINE;
}

static int verb_help(int argc, char **argv) {
    if (argc > 1) {
        const verb *v = find_verb(argv[1]);
        return v ? help_of(v) : no_verb(argv[1]);
    }
    print_help(stdout);
    return ACN_EXIT_FINE;
}

static int verb_version(int argc, char **argv) {
    puts("anycann " ACN_VERSION " (CANN " ACN_CANN_VERSION ")");
    return ACN_EXIT_FINE;
}

bool acn_listing_options(int argc, char **argv, bool *out_is_json, const char **out_word) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    *out_is_json = false;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c != 'j') return false;
        *out_is_json = true;
    }
    *out_word = argv[optind];
    return true;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return ACN_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    const verb *v = find_verb(name);
    if (v == NULL) return no_verb(name);
    bool wants_help = argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
    return wants_help ? help_of(v) : v->run(argc - 1, argv + 1);
}
