/* rows.c - run by the build: which rows of api/aclnn.tsv work in this core.
 *
 * A client takes the presence of an aclnn function as a promise, so a row is exported only when its
 * operator is there and has all the slots that the row binds. One line a row: name, tab, "done" or
 * what is missing.
 */
#include "doors/opapi/binding.h"
#include <stdio.h>
#include <string.h>

static bool op_has_slot(const acn_op *op, const char *slot) {
    for (int i = 0; i < ACN_MAX_INPUTS && op->in[i].name; i++)
        if (strcmp(op->in[i].name, slot) == 0) return true;
    for (int i = 0; i < ACN_MAX_OUTPUTS && op->out[i].name; i++)
        if (strcmp(op->out[i].name, slot) == 0) return true;
    for (int i = 0; i < ACN_MAX_ATTRS && op->attr[i].name; i++)
        if (strcmp(op->attr[i].name, slot) == 0) return true;
    return false;
}

static void print_row(const acn_aclnn_row *row) {
    const acn_op *op = acn_op_find(row->op);
    if (!op) {
        printf("%s\tno operator %s\n", row->name, row->op);
        return;
    }
    for (int i = 0; i < row->bind_count; i++) {
        const char *slot = row->binds[i].slot;
        if (strcmp(slot, "-") == 0 || op_has_slot(op, slot)) continue;
        printf("%s\toperator %s has no slot %s\n", row->name, row->op, slot);
        return;
    }
    printf("%s\tdone\n", row->name);
}

int main(void) {
    for (int i = 0; i < acn_aclnn_entry_count; i++)
        print_row(acn_aclnn_entries[i]->row);
    return 0;
}
