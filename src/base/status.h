/* status.h - the one internal status and the thread's error text.
 *
 * A function that can fail returns acn_status. The function that FIRST knows the cause records it
 * with acn_fail(); all others pass it on with ACN_TRY. Doors translate with acn_status_acl() and
 * its kin (see src/doors/door.h), which also add the public function's name to the text.
 */
#ifndef ACN_BASE_STATUS_H
#define ACN_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum acn_status {
#define ACN_STATUS(name, acl, aclnn, report, title) ACN_##name,
#include "base/status.def"
#undef ACN_STATUS
    ACN_STATUS_COUNT
} acn_status;

#define ACN_TRY(expr)                                                                              \
    do {                                                                                           \
        acn_status acn_try_status_ = (expr);                                                       \
        if (__builtin_expect(acn_try_status_ != ACN_OK, 0)) return acn_try_status_;                \
    } while (0)

/* For functions with `acn_status status` and cleanup labels in reverse order. */
#define ACN_TRY_OR(label, expr)                                                                    \
    do {                                                                                           \
        if (__builtin_expect((status = (expr)) != ACN_OK, 0)) goto label;                          \
    } while (0)

/* Records the cause for aclGetRecentErrMsg, logs it once, and returns |status|. The text says:
 * which argument, its value, what was expected, what to do. The API's name is added by the door. */
acn_status acn_fail(acn_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));

int acn_status_acl(acn_status status);
int acn_status_aclnn(acn_status status);
const char *acn_status_title(acn_status status);
const char *acn_status_name(acn_status status);

/* Records an error of a program or operator with a report code of its own, such as EU0001. */
void acn_error_report(const char *report, const char *title, const char *text)
    __attribute__((cold));
/* The thread's recorded error. |api| is the public function's name. */
void acn_error_set_api(const char *api, int code) __attribute__((cold));
/* The message in CANN's form, or NULL when none is recorded; valid until this thread's next call.
 * Taking it clears it. */
const char *acn_error_take(void);
/* Keeps / restores a recorded text across threads: a stream keeps its first failure's text. */
char *acn_error_clone(void);
void acn_error_clear(void);
void acn_error_restore(acn_status status, const char *text);

/* acl.json's err_msg_mode "1": one record for the process instead of one for each thread. */
void acn_error_set_process_wide(bool process_wide);

/* What aclrtPeekAtLastError and aclrtGetLastError read: only failures of queued tasks that this
 * thread was told of. Argument mistakes are returned where they are made and leave it alone. */
void acn_error_set_sticky(acn_status status);
acn_status acn_error_sticky(void);

#endif
