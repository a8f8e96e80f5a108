/* env.c - reads the table of env.def once, and tells about ANYCANN_* names that are not in it. */
#include "base/env.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern char **environ;

static const acn_env_row rows[ACN_ENV_COUNT] = {
#define ACN_ENV(id, name, kind, fallback, doc) {name, kind, fallback, doc},
#include "base/env.def"
#undef ACN_ENV
};

static struct {
    const char *text;
    int64_t number;
} values[ACN_ENV_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool parse_int(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0) return false;
    *out = number;
    return true;
}

static bool parse_bool(const char *text, int64_t *out) {
    static const char *const words[2][4] = {{"0", "false", "off", "no"},
                                            {"1", "true", "on", "yes"}};
    for (int value = 0; value < 2; value++)
        for (int i = 0; i < 4; i++)
            if (strcasecmp(text, words[value][i]) == 0) return *out = value, true;
    return false;
}

static bool parse_bytes(const char *text, int64_t *out) {
    char *end;
    double number = strtod(text, &end);
    static const char suffixes[] = "KMGT";
    const char *suffix = *end != '\0' ? strchr(suffixes, *end & ~0x20) : NULL;
    int shift = suffix != NULL ? 10 * (int)(suffix - suffixes + 1) : 0;
    if (suffix != NULL) end++;
    if (shift != 0 && strcasecmp(end, "iB") == 0) end += 2;
    if ((*end & ~0x20) == 'B') end++;
    double bytes = number * (double)((int64_t)1 << shift);
    if (*end != '\0' || !(bytes >= 0) || bytes > 1e18) return false;
    *out = (int64_t)bytes;
    return true;
}

static bool parse(const char *kind, const char *text, int64_t *out) {
    if (strcmp(kind, "int") == 0) return parse_int(text, out);
    if (strcmp(kind, "bool") == 0) return parse_bool(text, out);
    if (strcmp(kind, "bytes") == 0) return parse_bytes(text, out);
    return true;
}

/* Levenshtein distance; names are short. */
static size_t distance(const char *a, size_t a_length, const char *b) {
    size_t line[64] = {0}, b_length = strlen(b);
    if (b_length > 62) return b_length;
    for (size_t j = 0; j <= b_length; j++)
        line[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = line[0];
        line[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (line[j] + 1 < best) best = line[j] + 1;
            if (line[j - 1] + 1 < best) best = line[j - 1] + 1;
            diagonal = line[j];
            line[j] = best;
        }
    }
    return line[b_length];
}

typedef void env_tell(void *context, const char *text);

static void check_name(const char *name, size_t length, env_tell *tell, void *context) {
    const char *nearest = rows[0].name;
    size_t best = SIZE_MAX;
    char text[256];
    for (int i = 0; i < ACN_ENV_COUNT; i++) {
        if (strncmp(rows[i].name, "ANYCANN_", 8) != 0) continue;
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) return;
        size_t d = distance(name, length, rows[i].name);
        if (d < best) best = d, nearest = rows[i].name;
    }
    snprintf(text, sizeof text, "unknown environment variable %.*s is ignored; did you mean %s?",
             (int)length, name, nearest);
    tell(context, text);
}

/* CANN's own variables take their defaults without a word, as in CANN. */
void acn_env_check(env_tell *tell, void *context) {
    char text[256];
    int64_t number;
    for (int i = 0; i < ACN_ENV_COUNT; i++) {
        const char *value = getenv(rows[i].name);
        if (strncmp(rows[i].name, "ANYCANN_", 8) != 0 || value == NULL || *value == '\0') continue;
        if (parse(rows[i].kind, value, &number)) continue;
        snprintf(text, sizeof text, "%s=%s is not of kind %s; taking the default \"%s\"",
                 rows[i].name, value, rows[i].kind, rows[i].fallback);
        tell(context, text);
    }
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, "ANYCANN_", 8) == 0)
            check_name(*entry, strcspn(*entry, "="), tell, context);
}

static void tell_stderr(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "anycann: %s\n", text);
}

static void load(void) {
    for (int i = 0; i < ACN_ENV_COUNT; i++) {
        const acn_env_row *row = &rows[i];
        const char *text = getenv(row->name);
        bool given = text != NULL && *text != '\0' && parse(row->kind, text, &values[i].number);
        if (!given) values[i].number = 0;
        if (!given && *row->fallback != '\0') parse(row->kind, row->fallback, &values[i].number);
        char *kept = given ? strdup(text) : NULL; /* the client may change its environment */
        values[i].text = kept != NULL ? kept : row->fallback;
    }
    acn_env_check(tell_stderr, NULL);
}

const char *acn_env_text(acn_env_id id) {
    pthread_once(&once, load);
    return values[id].text;
}

int64_t acn_env_int(acn_env_id id) {
    pthread_once(&once, load);
    return values[id].number;
}

bool acn_env_bool(acn_env_id id) { return acn_env_int(id) != 0; }
int64_t acn_env_bytes(acn_env_id id) { return acn_env_int(id); }
const acn_env_row *acn_env_table(void) { return rows; }
