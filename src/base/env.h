/* env.h - every environment variable that the project reads, as one table (env.def). */
#ifndef ACN_BASE_ENV_H
#define ACN_BASE_ENV_H

#include <stdbool.h>
#include <stdint.h>

typedef enum acn_env_id {
#define ACN_ENV(id, name, kind, fallback, doc) ACN_ENV_##id,
#include "base/env.def"
#undef ACN_ENV
    ACN_ENV_COUNT
} acn_env_id;

/* Values are read once, at first use. A value that does not parse is reported and the default
 * taken. */
const char *acn_env_text(acn_env_id id);
int64_t acn_env_int(acn_env_id id);
bool acn_env_bool(acn_env_id id);
/* Accepts 512M, 8G, plain bytes. */
int64_t acn_env_bytes(acn_env_id id);

/* Calls |tell| for each ANYCANN_ variable that is unknown or has a value of the wrong kind. The
 * first use of a value does that on stderr. */
void acn_env_check(void (*tell)(void *context, const char *text), void *context);

typedef struct acn_env_row {
    const char *name, *kind, *fallback, *doc;
} acn_env_row;
const acn_env_row *acn_env_table(void); /* ACN_ENV_COUNT rows */

#endif
