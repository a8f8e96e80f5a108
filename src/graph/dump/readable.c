/* readable.c - a graph as lines of Python-like text:
 *
 *   graph("name"):
 *     %node : [#users=N] = Node[type=T] (inputs = (slot=%source, ...), attrs = {key: value, ...})
 *
 *     return (name=%source, ...)
 */
#include "graph/dump/dump.h"
#include "graph/om/om.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NUMBERS = 32 }; /* of a constant's data */

/* "%node" for a node of one output, "%node_1" for the second of several. */
typedef struct names {
    const acn_net *net;
    int *users; /* by the ids of values */
} names;

static int output_count(const acn_net_node *n) {
    int count = 0;
    for (int i = 0; i < n->call.tensor_count; i++)
        count += acn_om_is_output(n, i);
    return count;
}

static void put_name(FILE *out, const acn_net_value *v) {
    char edge[ACN_OM_EDGE_BYTES];
    acn_om_edge(v, edge, sizeof edge);
    char *colon = strrchr(edge, ':');
    bool is_one = !v->base->producer || output_count(v->base->producer) == 1;
    *colon = is_one ? 0 : '_';
    fprintf(out, "%%%s", edge);
}

static void put_numbers(FILE *out, const int64_t *values, int64_t count) {
    fputc('[', out);
    for (int64_t i = 0; i < count; i++)
        fprintf(out, "%s%lld", i ? ", " : "", (long long)values[i]);
    fputc(']', out);
}

static void put_attr(FILE *out, acn_attr_kind kind, const acn_attr_value *v) {
    switch (kind) {
    case ACN_ATTR_FLOAT:
        fprintf(out, "%g", v->f);
        break;
    case ACN_ATTR_SCALAR:
        fprintf(out, "%g", acn_scalar_f64(&v->scalar));
        break;
    case ACN_ATTR_BOOL:
        fputs(v->i ? "True" : "False", out);
        break;
    case ACN_ATTR_STRING:
        fprintf(out, "\"%s\"", v->text);
        break;
    case ACN_ATTR_INTS:
        put_numbers(out, v->items, v->count);
        break;
    case ACN_ATTR_FLOATS:
        fputc('[', out);
        for (int64_t i = 0; i < v->count; i++)
            fprintf(out, "%s%g", i ? ", " : "", (double)((const float *)v->items)[i]);
        fputc(']', out);
        break;
    default:
        fprintf(out, "%lld", (long long)v->i);
    }
}

static void put_attrs(FILE *out, const acn_net_node *n) {
    const acn_call *c = &n->call;
    fputs(", attrs = {", out);
    for (int s = 0, count = 0; s < ACN_MAX_ATTRS && c->op->attr[s].name; s++) {
        if (!c->attr[s].is_present) continue;
        fprintf(out, "%s%s: ", count++ ? ", " : "", c->op->attr[s].name);
        put_attr(out, c->op->attr[s].kind, &c->attr[s]);
    }
    fputc('}', out);
}

static void put_head(const names *all, FILE *out, const acn_net_value *v, const char *type) {
    fputs("  ", out);
    put_name(out, v);
    fprintf(out, " : [#users=%d] = Node[type=%s] (", all->users[v->base->id], type);
}

static void put_constant(const names *all, FILE *out, const acn_net_value *v,
                         acn_dump_detail detail) {
    int64_t count = acn_tensor_count(&v->tensor);
    put_head(all, out, v, "Const");
    fputs("inputs = ()", out);
    if (detail == ACN_DUMP_DATA && count <= MOST_NUMBERS) {
        fputs(", attrs = {value: [", out);
        for (int64_t i = 0; i < count; i++) {
            const char *at = (const char *)v->tensor.data + i * acn_dtype_bytes(v->tensor.dtype);
            acn_value number = acn_load_value(at, v->tensor.dtype);
            bool is_float = acn_dtype_is_float(v->tensor.dtype);
            fprintf(out, "%s%g", i ? ", " : "", is_float ? number.f : (double)number.i);
        }
        fputs("]}", out);
    }
    fputs(")\n", out);
}

static void put_node(const names *all, FILE *out, const acn_net_node *n, acn_dump_detail detail) {
    const acn_call *c = &n->call;
    int users = 0, index = 0, outputs = output_count(n);
    for (int i = 0; i < c->tensor_count; i++)
        if (acn_om_is_output(n, i)) users += all->users[n->value[i]->id];
    fprintf(out, "  %%%s : [#users=%d] = Node[type=%s] (inputs = (", n->name,
            outputs > 1 ? outputs : users, c->op->name);
    for (int i = 0; i < c->tensor_count; i++) {
        if (acn_om_is_output(n, i)) continue;
        fprintf(out, "%s%s=", index++ ? ", " : "", acn_om_slot_name(n, i));
        put_name(out, n->value[i]);
    }
    fputc(')', out);
    if (detail != ACN_DUMP_NODES) put_attrs(out, n);
    fputs(")\n", out);
    index = 0;
    for (int i = 0; i < c->tensor_count && outputs > 1; i++)
        if (acn_om_is_output(n, i)) {
            fputs("  ", out);
            put_name(out, n->value[i]);
            fprintf(out, " : [#users=%d] = get_element[node=%%%s](%d)\n",
                    all->users[n->value[i]->id], n->name, index++);
        }
}

static void count_users(names *all) {
    for (const acn_net_node *n = all->net->nodes; n; n = n->next)
        for (int i = 0; i < n->call.tensor_count; i++)
            if (!acn_om_is_output(n, i)) all->users[n->value[i]->base->id]++;
    for (int i = 0; i < all->net->output_count; i++)
        all->users[all->net->outputs[i]->base->id]++;
}

bool acn_dump_readable(FILE *out, const acn_net *net, acn_dump_detail detail) {
    names all = {net, calloc((size_t)net->value_count + 1, sizeof *all.users)};
    bool *is_read = acn_om_read_constants(net);
    bool is_good = all.users && is_read;
    if (is_good) {
        count_users(&all);
        fprintf(out, "graph(\"%s\"):\n", net->name);
        for (int i = 0; i < net->input_count; i++) {
            put_head(&all, out, net->inputs[i], "Data");
            fprintf(out, "inputs = (), attrs = {index: %d})\n", i);
        }
        for (const acn_net_value *v = net->values; v; v = v->next)
            if (v->base == v && is_read[v->id]) put_constant(&all, out, v, detail);
        for (const acn_net_node *n = net->nodes; n; n = n->next)
            put_node(&all, out, n, detail);
        fputs("\n  return (", out);
        for (int i = 0; i < net->output_count; i++) {
            fprintf(out, "%s%s=", i ? ", " : "", net->output_names[i]);
            put_name(out, net->outputs[i]);
        }
        fputs(")\n", out);
    }
    free(all.users);
    free(is_read);
    return is_good;
}
