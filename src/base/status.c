/* status.c - the thread's recorded error and its text in CANN's form.
 *
 * A record is made once, by acn_fail, and kept until aclGetRecentErrMsg takes it or a newer one
 * replaces it. Nothing here is on a path that succeeds.
 */
#include "base/status.h"

#include "base/log.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct status_row {
    int acl, aclnn;
    const char *name, *report, *title;
} status_row;

static const status_row status_rows[ACN_STATUS_COUNT] = {
#define ACN_STATUS(name, acl, aclnn, report, title) {acl, aclnn, #name, report, title},
#include "base/status.def"
#undef ACN_STATUS
};

typedef struct error_record {
    acn_status status;
    int code;
    struct timespec time;
    char report[16], title[64]; /* a program's own; empty: what the status says */
    char api[96];
    char text[1200];
} error_record;

typedef struct error_slot {
    error_record record; /* status is ACN_OK when there is none */
    char message[1600];  /* what acn_error_take handed out */
} error_slot;

static _Thread_local error_slot thread_slot;
static _Thread_local acn_status thread_sticky;
static error_slot process_slot;
static bool process_wide_mode;
static pthread_mutex_t process_mutex = PTHREAD_MUTEX_INITIALIZER;

static const status_row *row_of(acn_status status) {
    return &status_rows[(unsigned)status < ACN_STATUS_COUNT ? status : ACN_INTERNAL];
}

int acn_status_acl(acn_status status) { return row_of(status)->acl; }
int acn_status_aclnn(acn_status status) { return row_of(status)->aclnn; }
const char *acn_status_title(acn_status status) { return row_of(status)->title; }
const char *acn_status_name(acn_status status) { return row_of(status)->name; }

static void record(acn_status status, const char *text) {
    error_record *slot = &thread_slot.record;
    slot->status = status;
    slot->code = 0;
    slot->api[0] = slot->report[0] = slot->title[0] = '\0';
    clock_gettime(CLOCK_REALTIME, &slot->time);
    if (text != slot->text) snprintf(slot->text, sizeof slot->text, "%s", text);
}

/* Clients ask for the current device before they set one; that is a question, not a fault. */
static acn_log_level level_of(acn_status status) {
    return status == ACN_CONTEXT_NULL ? ACN_LOG_WARNING : ACN_LOG_ERROR;
}

acn_status acn_fail(acn_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(thread_slot.record.text, sizeof thread_slot.record.text, format, arguments);
    va_end(arguments);
    record(status, thread_slot.record.text);
    ACN_LOG("ASCENDCL", level_of(status), "%s: %s", acn_status_title(status),
            thread_slot.record.text);
    return status;
}

static void publish(error_record *slot) {
    if (!__atomic_load_n(&process_wide_mode, __ATOMIC_RELAXED)) return;
    pthread_mutex_lock(&process_mutex);
    process_slot.record = *slot;
    pthread_mutex_unlock(&process_mutex);
    slot->status = ACN_OK;
}

void acn_error_report(const char *report, const char *title, const char *text) {
    error_record *slot = &thread_slot.record;
    record(ACN_INTERNAL, text);
    snprintf(slot->report, sizeof slot->report, "%s", report);
    snprintf(slot->title, sizeof slot->title, "%s", title);
    ACN_LOG("ASCENDCL", ACN_LOG_ERROR, "%s(%s): %s", title, report, text);
    publish(slot);
}

void acn_error_set_api(const char *api, int code) {
    error_record *slot = &thread_slot.record;
    if (slot->status == ACN_OK) record(ACN_INTERNAL, "failed without a recorded reason");
    slot->code = code;
    snprintf(slot->api, sizeof slot->api, "%s", api);
    publish(slot);
}

static const char *format_record(error_slot *slot) {
    error_record *error = &slot->record;
    const status_row *row = row_of(error->status);
    struct tm local;
    localtime_r(&error->time.tv_sec, &local);
    char when[32], report[16];
    strftime(when, sizeof when, "%Y-%m-%d-%H:%M:%S", &local);
    bool is_own = error->report[0] != '\0';
    snprintf(report, sizeof report, "%s", is_own ? error->report : row->report);
    if (!is_own && strncmp(error->api, "aclnn", 5) == 0 && error->status != ACN_DEVICE_MEMORY)
        report[1] = 'Z';
    long us = error->time.tv_nsec / 1000;
    snprintf(slot->message, sizeof slot->message,
             "[PID: %d] %s.%03ld.%03ld %s(%s): %s%s%s\n"
             "        Error code: %d\n",
             (int)getpid(), when, us / 1000, us % 1000, is_own ? error->title : row->title, report,
             error->api, error->api[0] != '\0' ? ": " : "", error->text,
             error->code != 0 ? error->code : row->acl);
    error->status = ACN_OK;
    return slot->message;
}

const char *acn_error_take(void) {
    if (thread_slot.record.status != ACN_OK) return format_record(&thread_slot);
    if (!__atomic_load_n(&process_wide_mode, __ATOMIC_RELAXED)) return NULL;
    pthread_mutex_lock(&process_mutex);
    thread_slot.record = process_slot.record;
    process_slot.record.status = ACN_OK;
    pthread_mutex_unlock(&process_mutex);
    return thread_slot.record.status != ACN_OK ? format_record(&thread_slot) : NULL;
}

char *acn_error_clone(void) {
    const error_record *slot = &thread_slot.record;
    return strdup(slot->status != ACN_OK ? slot->text : "failed without a recorded reason");
}

void acn_error_clear(void) { thread_slot.record.status = ACN_OK; }

void acn_error_restore(acn_status status, const char *text) {
    record(status, text != NULL ? text : "out of host memory while the cause was being kept");
}

void acn_error_set_process_wide(bool process_wide) {
    __atomic_store_n(&process_wide_mode, process_wide, __ATOMIC_RELAXED);
}

void acn_error_set_sticky(acn_status status) { thread_sticky = status; }
acn_status acn_error_sticky(void) { return thread_sticky; }
