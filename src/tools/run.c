/* run.c - `anycann run CMD...`: sets the variables and becomes CMD. */
#define _GNU_SOURCE
#include "tools/tool.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int become(char **argv) {
    execvp(argv[0], argv);
    return acn_say(ACN_EXIT_ENVIRONMENT, "cannot run %s: %m", argv[0]);
}

/* Ctrl-C is the child's to handle. */
int acn_run_child(char **argv, int *out_pid) {
    pid_t child = fork();
    if (child < 0) return acn_say(ACN_EXIT_ENVIRONMENT, "cannot fork: %m");
    if (child == 0) _exit(become(argv));
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (out_pid) *out_pid = (int)child;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_and_report(char **argv) {
    int pid = 0, status = acn_run_child(argv, &pid);
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    char *arguments[] = {"report", text, NULL};
    optind = 0; /* getopt starts anew */
    acn_verb_report(2, arguments);
    return status;
}

void acn_set_variables(void) {
    char *values[16];
    for (int i = 0; acn_variables[i].name; i++)
        values[i] = acn_variable_value(&acn_variables[i]);
    for (int i = 0; acn_variables[i].name; i++) {
        setenv(acn_variables[i].name, values[i], 1);
        free(values[i]);
    }
}

int acn_verb_run(int argc, char **argv) {
    static const struct option options[] = {
        {"devices", required_argument, NULL, 'd'},
        {"soc", required_argument, NULL, 's'},
        {"report", no_argument, NULL, 'r'},
        {0},
    };
    bool wants_report = false;
    /* "+": options end at CMD; what follows is CMD's own. */
    for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        char *end;
        switch (c) {
        case 'd':
            if (strtol(optarg, &end, 10) < 1 || *end) {
                return acn_say(ACN_EXIT_USAGE, "--devices is `%s`; expected a number from 1 on",
                               optarg);
            }
            setenv("ANYCANN_DEVICES", optarg, 1);
            break;
        case 's':
            setenv("ANYCANN_SOC", optarg, 1);
            break;
        case 'r':
            wants_report = true;
            break;
        default:
            return ACN_EXIT_USAGE;
        }
    }
    argv += optind;
    if (!argv[0]) {
        return acn_say(ACN_EXIT_USAGE, "which command? e.g. anycann run python train.py");
    }
    if (access("/dev/davinci0", F_OK) == 0) {
        acn_say(0, "warning: this machine has an NPU (/dev/davinci0); %s will not use it", argv[0]);
    }
    acn_set_variables();
    return wants_report ? run_and_report(argv) : become(argv);
}
