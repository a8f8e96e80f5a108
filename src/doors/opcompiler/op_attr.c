/* op_attr.c - aclopAttr: a bag of named values. Setting a name again replaces its value. */
#include "acl/acl.h"
#include "acl/acl_op.h"
#include "base/slab.h"
#include "doors/door.h"
#include "doors/opcompiler/desc.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_BAGS = 1 << 16 };

static acn_slab slab = ACN_SLAB("aclopAttr", sizeof(acn_op_attrs), MAX_BAGS);

acn_status acn_op_attrs_resolve(const char *argument, const void *handle,
                                acn_op_attrs **out_attrs) {
    if (!handle) return acn_fail(ACN_NULL_POINTER, "%s is NULL; expected an aclopAttr", argument);
    if (!acn_slab_is_live(&slab, handle))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%s is %p, which is no live aclopAttr; it was destroyed or is foreign",
                        argument, handle);
    *out_attrs = (acn_op_attrs *)handle;
    return ACN_OK;
}

aclopAttr *aclopCreateAttr(void) {
    acn_op_attrs *attrs = acn_slab_alloc(&slab);
    if (!attrs) {
        ACN_ACL(acn_fail(ACN_BAD_ALLOC, "too many aclopAttr are alive; destroy some"));
        return NULL;
    }
    attrs->first = NULL;
    return (aclopAttr *)attrs;
}

static void free_attr(acn_op_attr *attr) {
    free(attr->given.items);
    free(attr);
}

void aclopDestroyAttr(const aclopAttr *attr) {
    acn_op_attrs *attrs = NULL;
    if (!attr) return;
    acn_status status = acn_op_attrs_resolve("attr", attr, &attrs);
    if (status != ACN_OK) {
        ACN_ACL(status);
        return;
    }
    for (acn_op_attr *a = attrs->first, *next; a; a = next) {
        next = a->next;
        free_attr(a);
    }
    acn_slab_free(&slab, attrs);
}

/* Adds |value| under |name|; its |items| are copied. */
static acn_status put(aclopAttr *handle, const char *name, const acn_given *value,
                      const void *items, size_t bytes) {
    acn_op_attrs *attrs = NULL;
    ACN_TRY(acn_op_attrs_resolve("attr", handle, &attrs));
    if (!name) return acn_fail(ACN_NULL_POINTER, "attrName is NULL; expected text");
    if (bytes && !items) return acn_fail(ACN_NULL_POINTER, "values of attribute %s are NULL", name);
    size_t name_bytes = strlen(name) + 1;
    acn_op_attr *attr = calloc(1, sizeof *attr + name_bytes);
    void *copy = malloc(bytes ? bytes : 1);
    if (!attr || !copy) {
        free(attr);
        free(copy);
        return acn_fail(ACN_BAD_ALLOC, "no host memory for attribute %s", name);
    }
    attr->given = *value;
    attr->bytes = bytes;
    attr->given.name = memcpy(attr->name, name, name_bytes);
    if (bytes) memcpy(copy, items, bytes);
    attr->given.items = copy;
    acn_op_attr **at = &attrs->first;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    if (*at) {
        acn_op_attr *old = *at;
        attr->next = old->next;
        free_attr(old);
    }
    *at = attr;
    return ACN_OK;
}

static acn_status put_number(aclopAttr *attr, const char *name, acn_given_kind kind, int64_t i,
                             double f) {
    return put(attr, name, &(acn_given){.kind = kind, .i = i, .f = f}, NULL, 0);
}

static acn_status put_list(aclopAttr *attr, const char *name, acn_given_kind kind, int count,
                           const void *values, size_t item_bytes) {
    if (count < 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "numValues is %d; expected at least 0", count);
    return put(attr, name, &(acn_given){.kind = kind, .count = count}, values,
               (size_t)count * item_bytes);
}

aclError aclopSetAttrBool(aclopAttr *attr, const char *attrName, uint8_t attrValue) {
    return ACN_ACL(put_number(attr, attrName, ACN_GIVEN_INT, attrValue != 0, attrValue != 0));
}

aclError aclopSetAttrInt(aclopAttr *attr, const char *attrName, int64_t attrValue) {
    return ACN_ACL(put_number(attr, attrName, ACN_GIVEN_INT, attrValue, (double)attrValue));
}

aclError aclopSetAttrDataType(aclopAttr *attr, const char *attrName, aclDataType attrValue) {
    return ACN_ACL(put_number(attr, attrName, ACN_GIVEN_INT, attrValue, attrValue));
}

aclError aclopSetAttrFloat(aclopAttr *attr, const char *attrName, float attrValue) {
    return ACN_ACL(put_number(attr, attrName, ACN_GIVEN_FLOAT, 0, (double)attrValue));
}

aclError aclopSetAttrString(aclopAttr *attr, const char *attrName, const char *attrValue) {
    if (!attrValue) return ACN_ACL_NULL("attrValue");
    return ACN_ACL(put(attr, attrName, &(acn_given){.kind = ACN_GIVEN_TEXT, .count = 1}, attrValue,
                       strlen(attrValue) + 1));
}

aclError aclopSetAttrListInt(aclopAttr *attr, const char *attrName, int numValues,
                             const int64_t *values) {
    return ACN_ACL(put_list(attr, attrName, ACN_GIVEN_INTS, numValues, values, sizeof *values));
}

aclError aclopSetAttrListFloat(aclopAttr *attr, const char *attrName, int numValues,
                               const float *values) {
    return ACN_ACL(put_list(attr, attrName, ACN_GIVEN_FLOATS, numValues, values, sizeof *values));
}

aclError aclopSetAttrListBool(aclopAttr *attr, const char *attrName, int numValues,
                              const uint8_t *values) {
    return ACN_ACL(put_list(attr, attrName, ACN_GIVEN_BOOLS, numValues, values, 1));
}

/* Kept as integers, one list behind the other, each led by its length. */
static acn_status put_int_lists(aclopAttr *attr, const char *name, int lists, const int *counts,
                                const int64_t *const *values) {
    size_t words = 0;
    if (lists < 0 || (lists && (!counts || !values)))
        return acn_fail(ACN_INVALID_ARGUMENT, "numLists is %d; its lists are missing", lists);
    for (int l = 0; l < lists; l++) {
        if (counts[l] < 0 || (counts[l] && !values[l]))
            return acn_fail(ACN_INVALID_ARGUMENT, "numValues[%d] is %d; its list is missing", l,
                            counts[l]);
        words += 1 + (size_t)counts[l];
    }
    int64_t *flat = malloc((words ? words : 1) * sizeof *flat), *at = flat;
    if (!flat) return acn_fail(ACN_BAD_ALLOC, "no host memory for %zu numbers", words);
    for (int l = 0; l < lists; l++) {
        *at++ = counts[l];
        if (counts[l]) memcpy(at, values[l], (size_t)counts[l] * sizeof *at);
        at += counts[l];
    }
    acn_status status = put(attr, name, &(acn_given){.kind = ACN_GIVEN_INT_LISTS, .count = lists},
                            flat, words * sizeof *flat);
    free(flat);
    return status;
}

aclError aclopSetAttrListListInt(aclopAttr *attr, const char *attrName, int numLists,
                                 const int *numValues, const int64_t *const values[]) {
    return ACN_ACL(put_int_lists(attr, attrName, numLists, numValues, values));
}

aclError aclopSetAttrListDataType(aclopAttr *attr, const char *attrName, int numValues,
                                  const aclDataType values[]) {
    if (numValues < 0 || (numValues > 0 && !values))
        return ACN_ACL(acn_fail(ACN_INVALID_ARGUMENT,
                                "numValues is %d and values %p; expected "
                                "types",
                                numValues, (const void *)values));
    int64_t *numbers = calloc((size_t)numValues + 1, sizeof *numbers);
    if (!numbers) return ACN_ACL(acn_fail(ACN_BAD_ALLOC, "no host memory for %d types", numValues));
    for (int i = 0; i < numValues; i++)
        numbers[i] = values[i];
    acn_status status =
        put_list(attr, attrName, ACN_GIVEN_INTS, numValues, numbers, sizeof *numbers);
    free(numbers);
    return ACN_ACL(status);
}

static acn_status put_texts(aclopAttr *attr, const char *name, int count, const char **values) {
    size_t bytes = 0;
    if (count < 0 || (count > 0 && !values))
        return acn_fail(ACN_INVALID_ARGUMENT, "numValues is %d and values %p; expected texts",
                        count, (const void *)values);
    for (int i = 0; i < count; i++) {
        if (!values[i]) return acn_fail(ACN_NULL_POINTER, "values[%d] is NULL; expected text", i);
        bytes += strlen(values[i]) + 1;
    }
    char *flat = malloc(bytes + 1), *at = flat;
    if (!flat) return acn_fail(ACN_BAD_ALLOC, "no host memory for %zu bytes of text", bytes);
    for (int i = 0; i < count; i++)
        at = stpcpy(at, values[i]) + 1;
    acn_status status =
        put(attr, name, &(acn_given){.kind = ACN_GIVEN_TEXTS, .count = count}, flat, bytes);
    free(flat);
    return status;
}

aclError aclopSetAttrListString(aclopAttr *attr, const char *attrName, int numValues,
                                const char **values) {
    return ACN_ACL(put_texts(attr, attrName, numValues, values));
}

acn_status acn_op_attrs_copy(const aclopAttr *from, aclopAttr **out) {
    acn_op_attrs *attrs = NULL;
    ACN_TRY(acn_op_attrs_resolve("attr", from, &attrs));
    aclopAttr *copy = aclopCreateAttr();
    acn_status status = copy ? ACN_OK : ACN_BAD_ALLOC;
    for (const acn_op_attr *a = attrs->first; a && status == ACN_OK; a = a->next)
        status = put(copy, a->name, &a->given, a->given.items, a->bytes);
    if (status == ACN_OK)
        *out = copy;
    else
        aclopDestroyAttr(copy);
    return status;
}
