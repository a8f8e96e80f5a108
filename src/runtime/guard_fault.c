/* guard_fault.c - what happens when host code touches the view of device memory that clients have.
 * The report is made; then the fault takes its course, in the client's own handler if it has one.
 */
#include "runtime/guard.h"

#include "base/report.h"
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { FRAMES = 24 };

static struct sigaction before;
static acn_report_slot *findings; /* opened beforehand: not in a handler */

static bool is_write(const ucontext_t *context) {
#if defined(__x86_64__)
    return (context->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#else
    return false; /* not told here */
#endif
}

static void report(const void *address, const ucontext_t *context) {
    char text[256];
    void *frames[FRAMES];
    int span = acn_window_find(address);
    int length = snprintf(text, sizeof text,
                          "anycann: check memory: host code %s device memory at %p (%s); copy it "
                          "with aclrtMemcpy\n",
                          is_write(context) ? "writes to" : "touches", address,
                          span == ACN_SPAN_RESERVED ? "reserved addresses" : "a device's");
    (void)!write(STDERR_FILENO, text, (size_t)length);
    acn_guard_describe(address);
    static const char from[] = "  touched from\n";
    (void)!write(STDERR_FILENO, from, sizeof from - 1);
    int count = backtrace(frames, FRAMES);
    acn_guard_say_frames(frames, count);
}

static void on_fault(int number, siginfo_t *info, void *context) {
    int span = acn_window_find(info->si_addr);
    bool is_ours = info->si_code > 0 && span != ACN_SPAN_OUTSIDE && span != ACN_SPAN_HOST &&
                   acn_window_client(info->si_addr) == info->si_addr;
    if (is_ours) {
        acn_report_count(findings, 0);
        report(info->si_addr, context);
    }
    sigaction(number, &before, NULL); /* the instruction faults again, for whoever comes next */
}

static void watch(void) {
    void *frame;
    (void)backtrace(&frame, 1); /* loads what it needs, which a handler must not */
    findings = acn_report_open("check", "host code touched device memory");
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before);
}

void acn_guard_watch_faults(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
}
