/* fault.c - see fault.h. */
#include "hccl/fault.h"

#include "base/env.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum fault_kind { KILL, DELAY, DROP, KINDS } fault_kind;

struct acn_fault {
    fault_kind kind;
    unsigned long long step;
    unsigned ms;
    atomic_ullong made; /* steps so far */
};

static acn_status parse(const char *text, acn_fault *out, uint32_t *out_rank) {
    static const char *const names[KINDS] = {"kill", "delay", "drop"};
    char name[8] = "";
    unsigned rank = 0;
    int count = sscanf(text, "%7[a-z]:%u:%llu:%u", name, &rank, &out->step, &out->ms), kind = 0;
    while (kind < KINDS && strcmp(names[kind], name) != 0)
        kind++;
    if (kind == KINDS || count != (kind == DELAY ? 4 : 3) || out->step == 0)
        return acn_fail(ACN_PARAM_INVALID,
                        "ANYCANN_HCCL_FAULT is \"%s\"; expected kill:RANK:STEP, drop:RANK:STEP or "
                        "delay:RANK:STEP:MS with steps from 1",
                        text);
    out->kind = (fault_kind)kind;
    *out_rank = rank;
    return ACN_OK;
}

acn_status acn_fault_make(uint32_t rank, acn_fault **out) {
    acn_fault parsed = {0};
    uint32_t of = 0;
    const char *text = acn_env_text(ACN_ENV_HCCL_FAULT);
    *out = NULL;
    if (*text == '\0') return ACN_OK;
    ACN_TRY(parse(text, &parsed, &of));
    if (of != rank) return ACN_OK;
    acn_fault *made = calloc(1, sizeof *made);
    if (made == NULL) return acn_fail(ACN_BAD_ALLOC, "no memory for a fault");
    made->kind = parsed.kind;
    made->step = parsed.step;
    made->ms = parsed.ms;
    *out = made;
    return ACN_OK;
}

void acn_fault_step(acn_fault *fault) {
    unsigned long long step = atomic_fetch_add(&fault->made, 1) + 1;
    struct timespec pause = {fault->ms / 1000, fault->ms % 1000 * 1000000L};
    if (step == fault->step && fault->kind == KILL) kill(getpid(), SIGKILL);
    if (step == fault->step && fault->kind == DELAY) nanosleep(&pause, NULL);
}

bool acn_fault_is_mute(const acn_fault *fault) {
    return fault->kind == DROP && atomic_load(&fault->made) >= fault->step;
}
