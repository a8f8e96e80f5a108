/* wanted.c - see wanted.h. */
#include "hccl/wanted.h"

#include "base/log.h"
#include "base/report.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* HCCL's names; some are algorithms of ours. */
static const char *const known[] = {"NA", "ring", "H-D_R",    "NHR",      "NHR_V1",
                                    "NB", "AHC",  "pipeline", "pairwise", "fullmesh"};

typedef struct piece {
    const char *text;
    size_t length;
} piece;

/* Takes what stands before |end|, and it. False when nothing is left. */
static bool take(piece *rest, char end, piece *out) {
    if (rest->text == NULL) return false;
    const char *at = memchr(rest->text, end, rest->length);
    out->text = rest->text;
    out->length = at != NULL ? (size_t)(at - rest->text) : rest->length;
    rest->length = at != NULL ? rest->length - out->length - 1 : 0;
    rest->text = at != NULL ? at + 1 : NULL;
    return true;
}

static acn_status wrong(const char *text, piece at, const char *what) {
    return acn_fail(ACN_PARAM_INVALID,
                    "the algorithm \"%.128s\" (HCCL_ALGO or hcclAlgo) has %s \"%.*s\"; expected "
                    "such as level0:NA;level1:ring or allreduce=level0:NA;level1:ring/"
                    "allgather=level1:H-D_R",
                    text, what, (int)at.length, at.text);
}

static acn_status read_name(const char *text, piece name, const char **out) {
    char copy[32];
    snprintf(copy, sizeof copy, "%.*s", (int)name.length, name.text);
    const acn_algorithm *found = acn_algorithm_find(copy);
    *out = found != NULL ? found->name : NULL;
    if (found != NULL || strcmp(copy, "NA") == 0) return ACN_OK;
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && strcmp(known[i], copy) != 0)
        i++;
    if (i == sizeof known / sizeof known[0]) return wrong(text, name, "the unknown name");
    char words[64];
    snprintf(words, sizeof words, "HCCL_ALGO %s", copy);
    acn_report_count(acn_report_open("ignored", words), 0);
    ACN_LOG("HCCL", ACN_LOG_WARNING,
            "HCCL_ALGO asks for %s, which is not here; the fastest is taken", copy);
    return ACN_OK;
}

/* level0:NA;level1:ring;level2:NHR */
static acn_status read_levels(const char *text, piece levels, const char **out) {
    piece level;
    *out = NULL;
    while (take(&levels, ';', &level)) {
        const char *name = NULL;
        if (level.length == 0) continue;
        bool is_level = level.length > 7 && strncmp(level.text, "level", 5) == 0 &&
                        level.text[5] >= '0' && level.text[5] <= '2' && level.text[6] == ':';
        if (!is_level) return wrong(text, level, "the part");
        ACN_TRY(read_name(text, (piece){level.text + 7, level.length - 7}, &name));
        if (level.text[5] == '1') *out = name;
    }
    return ACN_OK;
}

static bool find_collective(piece name, acn_collective *out) {
    for (int c = 0; c < ACN_COLLECTIVES; c++) {
        const char *candidate = acn_collective_name((acn_collective)c);
        *out = (acn_collective)c;
        if (strlen(candidate) == name.length && strncasecmp(candidate, name.text, name.length) == 0)
            return true;
    }
    return false;
}

acn_status acn_wanted_read(const char *text, const char *out[ACN_COLLECTIVES]) {
    piece rest = {text, strlen(text)}, part, name;
    bool is_for_each = strchr(text, '=') != NULL;
    const char *wanted;
    for (int c = 0; c < ACN_COLLECTIVES; c++)
        out[c] = NULL;
    if (!is_for_each) {
        ACN_TRY(read_levels(text, rest, &wanted));
        for (int c = 0; c < ACN_COLLECTIVES; c++)
            out[c] = wanted;
        return ACN_OK;
    }
    while (take(&rest, '/', &part)) {
        acn_collective collective;
        if (part.length == 0) continue;
        piece levels = part;
        take(&levels, '=', &name);
        if (levels.text == NULL || !find_collective(name, &collective))
            return wrong(text, part, "the part");
        ACN_TRY(read_levels(text, levels, &out[collective]));
    }
    return ACN_OK;
}
