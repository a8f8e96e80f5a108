/* fusion.c - see fusion.h. */
#include "doors/anycann/fusion.h"

#include "base/env.h"
#include "base/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct acn_fusion_result {
    int graphs, room;
    acn_pass_count (*counts)[ACN_MAX_PASSES];
};

acn_status acn_fusion_note(acn_fusion_result **result, const acn_pass_count *counts) {
    acn_fusion_result *r = *result ? *result : calloc(1, sizeof *r);
    if (r == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to count passes");
    *result = r;
    if (r->graphs == r->room) {
        int room = r->room ? 2 * r->room : 4;
        void *more = realloc(r->counts, (size_t)room * sizeof *r->counts);
        if (more == NULL) return acn_fail(ACN_BAD_ALLOC, "no host memory to count passes");
        r->counts = more;
        r->room = room;
    }
    memcpy(r->counts[r->graphs++], counts, sizeof *r->counts);
    return ACN_OK;
}

static void write_graph(FILE *file, const acn_fusion_result *r, int graph) {
    const char *between = "";
    fprintf(file, "    \"session_and_graph_id_0_%d\": {\n        \"graph_fusion\": {", graph);
    for (int i = 0; i < acn_pass_count_all(); i++) {
        const acn_pass_count *c = &r->counts[graph][i];
        if (c->matched == 0) continue;
        fprintf(file,
                "%s\n            \"%s\": {\n                \"effect_times\": \"%d\",\n"
                "                \"match_times\": \"%d\"\n            }",
                between, acn_pass_at(i)->name, c->effective, c->matched);
        between = ",";
    }
    fprintf(file, "\n        },\n        \"ub_fusion\": {}\n    }%s\n",
            graph + 1 < r->graphs ? "," : "");
}

/* ASCEND_WORK_PATH/FE/<pid>, made when it does not exist. */
static bool find_folder(char *out, size_t bytes) {
    const char *root = acn_env_text(ACN_ENV_WORK_PATH);
    if (*root == '\0') return snprintf(out, bytes, ".") > 0;
    snprintf(out, bytes, "%s/FE", root);
    if (mkdir(out, 0755) != 0 && errno != EEXIST) return false;
    snprintf(out, bytes, "%s/FE/%d", root, (int)getpid());
    return mkdir(out, 0755) == 0 || errno == EEXIST;
}

void acn_fusion_write(acn_fusion_result *r, bool is_wanted) {
    char folder[4096], path[4096 + 32];
    if (r && is_wanted) {
        FILE *file = NULL;
        if (find_folder(folder, sizeof folder)) {
            snprintf(path, sizeof path, "%s/fusion_result.json", folder);
            file = fopen(path, "we");
        }
        if (file) {
            fputs("{\n", file);
            for (int graph = 0; graph < r->graphs; graph++)
                write_graph(file, r, graph);
            fputs("}\n", file);
            fclose(file);
        } else {
            ACN_LOG("FE", ACN_LOG_WARNING, "fusion_result.json cannot be written: %s",
                    strerror(errno));
        }
    }
    if (r) free(r->counts);
    free(r);
}
