/* compile_options.c - aclSetCompileopt and its kin. Nothing is compiled at run time here, so the
 * options are remembered and given back; programs read them to decide what they call. */
#include "acl/acl.h"
#include "acl/acl_op_compiler.h"
#include "doors/door.h"
#include <pthread.h>
#include <string.h>

enum { OPTIONS = 32, OPTION_BYTES = 256, JIT_COMPILE = 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards values */
static char values[OPTIONS][OPTION_BYTES] = {[JIT_COMPILE] = "disable"};

static acn_status check_option(int option) {
    if (option >= 0 && option < OPTIONS) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT, "opt is %d; expected one of aclCompileOpt", option);
}

static acn_status set_option(int option, const char *value) {
    ACN_TRY(check_option(option));
    if (!value) return acn_fail(ACN_NULL_POINTER, "value is NULL; expected text");
    if (strlen(value) >= OPTION_BYTES)
        return acn_fail(ACN_INVALID_ARGUMENT, "value has %zu characters; expected fewer than %d",
                        strlen(value), OPTION_BYTES);
    pthread_mutex_lock(&lock);
    memcpy(values[option], value, strlen(value) + 1);
    pthread_mutex_unlock(&lock);
    return ACN_OK;
}

aclError aclSetCompileopt(aclCompileOpt opt, const char *value) {
    return ACN_ACL(set_option((int)opt, value));
}

size_t aclGetCompileoptSize(aclCompileOpt opt) {
    acn_status status = check_option((int)opt);
    if (status != ACN_OK) {
        ACN_ACL(status);
        return 0;
    }
    pthread_mutex_lock(&lock);
    size_t bytes = strlen(values[opt]) + 1;
    pthread_mutex_unlock(&lock);
    return bytes;
}

static acn_status get_option(int option, char *value, size_t bytes) {
    ACN_TRY(check_option(option));
    if (!value) return acn_fail(ACN_NULL_POINTER, "value is NULL; expected room for the text");
    pthread_mutex_lock(&lock);
    size_t needed = strlen(values[option]) + 1;
    if (needed <= bytes) memcpy(value, values[option], needed);
    pthread_mutex_unlock(&lock);
    if (needed <= bytes) return ACN_OK;
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "length is %zu; the value takes %zu bytes (aclGetCompileoptSize tells)", bytes,
                    needed);
}

aclError aclGetCompileopt(aclCompileOpt opt, char *value, size_t length) {
    return ACN_ACL(get_option((int)opt, value, length));
}

aclError aclopSetCompileFlag(aclOpCompileFlag flag) {
    (void)flag; /* static, dynamic and fuzzy compilation are one here: all shapes are dynamic */
    return 0;
}
