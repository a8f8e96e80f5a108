/* err_msg.c - errors that operators and programs report with a code of their own, for
 * aclGetRecentErrMsg to tell. */
#include "base/err_msg.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/status.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A code that a program made known, with its title and text. */
typedef struct known_code {
    char code[16], title[64];
    char *text;
    struct known_code *next;
} known_code;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static known_code *known;

static known_code *find(const char *code) {
    known_code *at = known;
    while (at != NULL && strcmp(at->code, code) != 0)
        at = at->next;
    return at;
}

static const char *text_of(const acn_json *object, const char *key) {
    const acn_json *value = acn_json_get(object, key);
    return value != NULL && value->kind == ACN_JSON_TEXT ? value->text : "";
}

/* With the mutex held. Codes that are known already stay as they are. */
static int add(const acn_json *row) {
    const char *code = text_of(row, "ErrCode");
    if (*code == '\0' || strlen(code) >= sizeof known->code) return -1;
    if (find(code) != NULL) return 0;
    known_code *made = calloc(1, sizeof *made);
    char *text = strdup(text_of(row, "ErrMessage"));
    if (made == NULL || text == NULL) {
        free(made);
        free(text);
        acn_fail(ACN_BAD_ALLOC, "no host memory for error code %s", code);
        return -1;
    }
    snprintf(made->code, sizeof made->code, "%s", code);
    snprintf(made->title, sizeof made->title, "%s", text_of(row, "errTitle"));
    made->text = text;
    made->next = known;
    known = made;
    return 0;
}

static int add_all(const acn_json *root) {
    const acn_json *list = acn_json_get(root, "error_info_list");
    if (list == NULL || list->kind != ACN_JSON_ARRAY) return -1;
    int result = 0;
    pthread_mutex_lock(&mutex);
    for (const acn_json *row = list->child; row != NULL; row = row->next)
        if (add(row) != 0) result = -1;
    pthread_mutex_unlock(&mutex);
    return result;
}

int32_t RegisterFormatErrorMessage(const char *error_msg, size_t error_msg_len) {
    acn_arena arena = {0};
    acn_json *root;
    if (error_msg == NULL) return -1;
    acn_status status = acn_json_parse(&arena, "error_msg", error_msg, error_msg_len, &root);
    int result = status == ACN_OK ? add_all(root) : -1;
    acn_arena_release(&arena);
    return result;
}

static int32_t report(const char *code, const char *title, const char *text) {
    if (code == NULL || *code == '\0') return -1;
    acn_error_report(code, title, text);
    return 0;
}

int32_t ReportPredefinedErrMsg(const char *error_code) {
    char title[64] = "", text[LIMIT_PER_MSG] = "";
    if (error_code == NULL) return -1;
    pthread_mutex_lock(&mutex);
    const known_code *found = find(error_code);
    if (found != NULL) {
        snprintf(title, sizeof title, "%s", found->title);
        snprintf(text, sizeof text, "%s", found->text);
    }
    pthread_mutex_unlock(&mutex);
    return found != NULL ? report(error_code, title, text) : -1;
}

int32_t ReportUserDefinedErrMsg(const char *error_code, const char *format, ...) {
    char text[LIMIT_PER_MSG];
    va_list arguments;
    if (format == NULL) return -1;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return report(error_code, "User_Defined", text);
}

int32_t ReportInnerErrMsg(const char *file_name, const char *func, uint32_t line,
                          const char *error_code, const char *format, ...) {
    char text[LIMIT_PER_MSG];
    va_list arguments;
    if (format == NULL) return -1;
    va_start(arguments, format);
    int used = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, "[FUNC:%s][FILE:%s][LINE:%u]",
                 func != NULL ? func : "", file_name != NULL ? file_name : "", line);
    return report(error_code, "Inner_Error", text);
}
