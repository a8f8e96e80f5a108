/* op_models.c - models of single operators, which `atc --singleop` makes and programs load before
 * they execute one. Here every operator is in the library and takes any shape, so a model adds
 * nothing; but programs that load them must find out what is wrong with them. */
#include "acl/acl_op.h"
#include "doors/door.h"
#include "graph/import/ge_model.h"
#include "graph/om/om.h"
#include "ops/signature.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_operator(const char *type) {
    static const char *const others[] = {"Data", "Const", "Constant", "NetOutput"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(type, others[i]) == 0) return false;
    return true;
}

static acn_status check_model(const acn_om *om) {
    acn_ge_model *model;
    acn_signature signature;
    acn_status status = ACN_OK;
    ACN_TRY(acn_ge_read(om->name, om->partition[ACN_OM_MODEL_DEF].bytes,
                        om->partition[ACN_OM_MODEL_DEF].size, &model));
    for (int i = 0; i < model->node_count && status == ACN_OK; i++) {
        const acn_ge_node *n = &model->nodes[i];
        if (is_operator(n->type) && acn_signature_find(n->type, &signature) != ACN_OK)
            status = acn_fail(ACN_OP_LOAD_FAILED,
                              "%s holds operator %s of type %s, which is unknown; `anycann ops` "
                              "lists those that exist",
                              om->name, n->name, n->type);
    }
    acn_ge_close(model);
    return status;
}

static acn_status load(const void *model, size_t bytes) {
    acn_om om;
    if (model == NULL) return acn_fail(ACN_NULL_POINTER, "model is NULL; expected a .om's bytes");
    ACN_TRY(acn_om_read("the model in memory", model, bytes, &om));
    return check_model(&om);
}

static acn_status load_file(const char *path) {
    acn_om om;
    ACN_TRY(acn_om_open(path, &om));
    acn_status status = check_model(&om);
    acn_om_close(&om);
    return status;
}

enum { MOST_FOLDERS = 8 }; /* inside of each other */

static acn_status load_folder(const char *path, int depth) {
    DIR *folder = opendir(path);
    acn_status status = ACN_OK;
    char inside[4096];
    if (folder == NULL)
        return acn_fail(ACN_INVALID_FILE,
                        "modelDir is %s, which cannot be opened (%s); expected a folder with .om "
                        "files",
                        path, strerror(errno));
    for (struct dirent *entry; status == ACN_OK && (entry = readdir(folder)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (entry->d_name[0] == '.') continue;
        if (snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name) >= (int)sizeof inside)
            continue;
        if (entry->d_type == DT_DIR && depth < MOST_FOLDERS)
            status = load_folder(inside, depth + 1);
        else if (size > 3 && strcmp(entry->d_name + size - 3, ".om") == 0)
            status = load_file(inside);
    }
    closedir(folder);
    return status;
}

aclError aclopLoad(const void *model, size_t modelSize) { return ACN_ACL(load(model, modelSize)); }

aclError aclopSetModelDir(const char *modelDir) {
    if (modelDir == NULL) return ACN_ACL_NULL("modelDir");
    return ACN_ACL(load_folder(modelDir, 0));
}
