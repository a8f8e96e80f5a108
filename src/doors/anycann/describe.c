/* describe.c - see describe.h. Reads the registry of operators and the table of public names; holds
 * no knowledge of its own. */
#include "doors/anycann/describe.h"
#include "base/env.h"
#include "base/pool.h"
#include "device/device.h"
#include "doors/opapi/binding.h"
#include "ops/kernels/kernels.h"
#include "ops/op.h"
#include "ops/signature.h"
#include <stdio.h>
#include <string.h>

/* Texts that grow up to a bound; what does not fit is cut. */
typedef struct words {
    char text[2048];
    size_t length;
} words;

static void add_word(words *w, const char *word) {
    size_t room = sizeof w->text - w->length;
    int n = snprintf(w->text + w->length, room, "%s%s", w->length ? " " : "", word);
    if (n > 0) w->length += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_types(words *w, acn_dtypes types) {
    for (int d = 0; d < ACN_DTYPE_COUNT; d++) {
        if (ACN_HAS(types, d)) add_word(w, acn_dtype_name((acn_dtype)d));
    }
}

static void add_public_names(words *w, const acn_op *op) {
    for (int i = 0; i < acn_aclnn_entry_count; i++) {
        const acn_aclnn_row *row = acn_aclnn_entries[i]->row;
        if (strcmp(row->op, op->name) == 0) add_word(w, row->name);
    }
}

void acn_tool_ops(acn_tool_row row, void *context) {
    for (int i = 0; i < acn_op_count(); i++) {
        const acn_op *op = acn_op_at(i);
        words types = {0}, names = {0};
        add_types(&types, op->in[0].name ? op->in[0].dtypes : op->out[0].dtypes);
        add_public_names(&names, op);
        row(context, (const char *[]){op->name, types.text, op->doc ? op->doc : "", names.text});
    }
}

static const acn_op *find_op(const char *name) {
    const acn_op *op = acn_op_find(name);
    for (int i = 0; !op && i < acn_aclnn_entry_count; i++) {
        const acn_aclnn_row *row = acn_aclnn_entries[i]->row;
        if (strcmp(row->name, name) == 0) op = acn_op_find(row->op);
    }
    for (int i = 0; !op && i < acn_signature_row_count; i++)
        if (strcmp(acn_signature_rows[i].type, name) == 0)
            op = acn_op_find(acn_signature_rows[i].op);
    return op;
}

static void list_params(const char *part, const acn_param *params, int most, acn_tool_row row,
                        void *context) {
    for (int i = 0; i < most && params[i].name; i++) {
        words types = {0}, notes = {0};
        add_types(&types, params[i].dtypes);
        if (params[i].flags & ACN_OPTIONAL) add_word(&notes, "optional");
        if (params[i].flags & ACN_LIST) add_word(&notes, "list");
        if (params[i].flags & ACN_SCALARISH) add_word(&notes, "or scalar");
        row(context, (const char *[]){part, params[i].name, types.text, notes.text});
    }
}

int acn_tool_op(const char *name, acn_tool_row row, void *context) {
    static const char *const kinds[] = {
        [ACN_ATTR_NONE] = "",           [ACN_ATTR_INT] = "int",       [ACN_ATTR_FLOAT] = "float",
        [ACN_ATTR_BOOL] = "bool",       [ACN_ATTR_STRING] = "string", [ACN_ATTR_SCALAR] = "scalar",
        [ACN_ATTR_INTS] = "ints",       [ACN_ATTR_FLOATS] = "floats", [ACN_ATTR_BOOLS] = "bools",
        [ACN_ATTR_SCALARS] = "scalars", [ACN_ATTR_DTYPE] = "type",
    };
    const acn_op *op = find_op(name);
    if (!op) return 0;
    row(context, (const char *[]){"operator", op->name, "", op->doc ? op->doc : ""});
    list_params("input", op->in, ACN_MAX_INPUTS, row, context);
    list_params("output", op->out, ACN_MAX_OUTPUTS, row, context);
    for (int i = 0; i < ACN_MAX_ATTRS && op->attr[i].name; i++) {
        const acn_attr_param *attr = &op->attr[i];
        char note[64] = "required";
        if (!attr->is_required) snprintf(note, sizeof note, "default %g", attr->fallback);
        row(context, (const char *[]){"attribute", attr->name, kinds[attr->kind], note});
    }
    for (int i = 0; i < acn_aclnn_entry_count; i++) {
        const acn_aclnn_row *public = acn_aclnn_entries[i]->row;
        if (strcmp(public->op, op->name) == 0) {
            row(context, (const char *[]){"aclnn", public->name, "", ""});
        }
    }
    for (int i = 0; i < acn_signature_row_count; i++) {
        const acn_signature_row *type = &acn_signature_rows[i];
        if (strcmp(type->op, op->name) == 0)
            row(context, (const char *[]){"GE type", type->type, type->inputs, type->attrs});
    }
    return 1;
}

void acn_tool_info(acn_tool_row row, void *context) {
    const acn_kernels *const *levels;
    int level_count = acn_kernels_levels(&levels);
    words isas = {0};
    char number[32];
    for (int i = 0; i < level_count; i++)
        add_word(&isas, levels[i]->isa);

    row(context, (const char *[]){"cann_version", acn_env_text(ACN_ENV_CANN_VERSION)});
    row(context, (const char *[]){"soc", acn_env_text(ACN_ENV_SOC)});
    snprintf(number, sizeof number, "%d", acn_device_count());
    row(context, (const char *[]){"devices", number});
    snprintf(number, sizeof number, "%zu", acn_device_bytes() >> 20);
    row(context, (const char *[]){"device_memory_mib", number});
    row(context, (const char *[]){"backend", acn_env_text(ACN_ENV_BACKEND)});
    row(context, (const char *[]){"isa", acn_kernels_get()->isa});
    row(context, (const char *[]){"isa_levels", isas.text});
    snprintf(number, sizeof number, "%d", acn_pool_size());
    row(context, (const char *[]){"threads", number});
    snprintf(number, sizeof number, "%d", acn_op_count());
    row(context, (const char *[]){"operators", number});
    snprintf(number, sizeof number, "%d", acn_aclnn_entry_count);
    row(context, (const char *[]){"aclnn_functions", number});
}
