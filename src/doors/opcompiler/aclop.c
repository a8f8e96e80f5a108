/* aclop.c - an operator by GE's type string, tensor descriptions and an attribute bag.
 *
 * Inputs are positional, in GE's order; a description of undefined type or format marks an absent
 * optional one. Tensors that are constants to GE and attributes here are read when the call is
 * made. The call that comes out is the same as aclnn's, and so is all that follows.
 */
#include "acl/acl.h"
#include "acl/acl_op.h"
#include "acl/acl_op_compiler.h"
#include "doors/door.h"
#include "doors/nnopbase/executor.h"
#include "doors/nnopbase/objects.h"
#include "doors/opcompiler/desc.h"
#include "ops/formats.h"
#include "ops/object.h"
#include "ops/signature.h"
#include "runtime/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TENSORS = 1 << 15, /* inputs or outputs of one call */
    MAX_WATCHED = 64,      /* outputs of one V2 call */
};

/* The arguments that all forms share. Without |inputs| and |outputs| only shapes are asked for. */
typedef struct request {
    const char *type;
    int input_count, output_count;
    const aclTensorDesc *const *input_descs, *const *output_descs;
    const aclDataBuffer *const *inputs;
    aclDataBuffer *const *outputs;
    const aclopAttr *attrs;
    bool infers_outputs; /* V2: the descriptions of outputs are results */
    bool has_stream;
    aclrtStream stream;
} request;

typedef struct filler {
    const request *request;
    acn_signature signature;
    acn_call *call;
    int used; /* tensors of the call */
    bool lacks_constants;
} filler;

/* ---- tensors --------------------------------------------------------------------------------- */

/* The operator must be one that knows private formats; their memory is padded. */
static acn_status check_format(const acn_call *c, const char *name, const acn_tensor *t,
                               size_t *out_bytes) {
    acn_format_layout layout;
    if (!(c->op->flags & ACN_OP_ANY_FORMAT))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "%s of operator %s has private format %d; convert it to ND first", name,
                        c->op->name, t->format);
    ACN_TRY(acn_format_layout_of(t->format, t->rank, t->dims, &layout));
    *out_bytes = (size_t)acn_format_elements(&layout) * acn_dtype_bytes(t->dtype);
    return ACN_OK;
}

static acn_status fill_tensor(acn_call *c, const char *name, const acn_tensor_desc *desc,
                              const acn_data_buffer *buffer, bool is_input, acn_tensor *out) {
    if (desc->shape.rank > ACN_MAX_DIMS)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has %d dimensions; at most %d are supported",
                        name, desc->shape.rank, ACN_MAX_DIMS);
    int64_t count = acn_tensor_desc_count(desc);
    size_t element_bytes = acn_dtype_bytes((acn_dtype)desc->dtype);
    if (element_bytes == 0)
        return acn_fail(ACN_UNSUPPORTED_DATA_TYPE, "%s has data type %d; expected a number's type",
                        name, desc->dtype);
    if (count < 0)
        return acn_fail(ACN_INVALID_ARGUMENT, "%s has an unknown dimension; describe it fully",
                        name);
    acn_tensor_init(out, NULL, (acn_dtype)desc->dtype, desc->shape.rank, desc->shape.dims);
    size_t bytes = (size_t)count * element_bytes;
    out->format = desc->storage_format;
    if (acn_format_is_private(out->format)) ACN_TRY(check_format(c, name, out, &bytes));
    if (is_input && desc->constant && desc->constant_bytes >= bytes) {
        out->data = acn_arena_copy(&c->arena, desc->constant, bytes ? bytes : 1);
        return out->data ? ACN_OK : acn_fail(ACN_BAD_ALLOC, "no host memory for %s", name);
    }
    if (!buffer) return ACN_OK;
    if (buffer->bytes < bytes || (bytes && !buffer->data))
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "the buffer of %s has %zu bytes at %p; its description takes %zu", name,
                        buffer->bytes, buffer->data, bytes);
    out->data = buffer->data;
    if (desc->placement == ACL_MEMTYPE_HOST && is_input) { /* may be read now, not later */
        out->data = acn_arena_copy(&c->arena, buffer->data, bytes ? bytes : 1);
        if (!out->data) return acn_fail(ACN_BAD_ALLOC, "no host memory for %s", name);
    }
    return ACN_OK;
}

static acn_status input_tensor(acn_call *c, int index, const aclTensorDesc *desc,
                               const aclDataBuffer *buffer, acn_tensor *out) {
    char name[48];
    acn_tensor_desc *d = NULL;
    acn_data_buffer *b = NULL;
    snprintf(name, sizeof name, "inputs[%d]", index);
    ACN_TRY(acn_tensor_desc_resolve(name, desc, &d));
    if (buffer) ACN_TRY(acn_data_buffer_resolve(name, buffer, &b));
    return fill_tensor(c, name, d, b, true, out);
}

static bool is_absent(const aclTensorDesc *desc) {
    acn_tensor_desc *d = NULL;
    if (!desc) return true;
    if (acn_tensor_desc_resolve("inputDesc", desc, &d) != ACN_OK) return false; /* fails later */
    return d->dtype == ACL_DT_UNDEFINED || d->format == ACL_FORMAT_UNDEFINED;
}

static int slots_of(const acn_param *params, int limit) {
    int count = 0;
    while (count < limit && params[count].name)
        count++;
    return count;
}

/* How many of |given| positional tensors belong to one of |slots| slots: one, or, for the list,
 * what the other slots leave over. */
static int share_of(bool is_list, int slots, int given) {
    if (!is_list) return 1;
    int others = slots - 1;
    return given > others ? given - others : 0;
}

/* ---- constants ------------------------------------------------------------------------------- */

/* A constant may lie in device memory, written by what is queued on the call's stream. */
static acn_status read_device(filler *f, acn_tensor *t) {
    acn_stream *stream = NULL;
    size_t bytes = (size_t)acn_tensor_count(t) * acn_dtype_bytes(t->dtype);
    if (f->request->has_stream) {
        ACN_TRY(acn_stream_resolve(f->request->stream, &stream));
        ACN_TRY(acn_stream_synchronize(stream, -1));
    }
    t->data = acn_arena_copy(&f->call->arena, acn_memory_view(t->data), bytes);
    return t->data ? ACN_OK : acn_fail(ACN_BAD_ALLOC, "no host memory for a constant");
}

/* A tensor of GE's signature that is an attribute here. */
static acn_status fill_constant(filler *f, const acn_signature_slot *slot, int at) {
    const request *r = f->request;
    acn_data_buffer *buffer = NULL;
    acn_tensor t;
    if (r->inputs && r->inputs[at])
        ACN_TRY(acn_data_buffer_resolve("inputs", r->inputs[at], &buffer));
    ACN_TRY(input_tensor(f->call, at, r->input_descs[at], r->inputs ? r->inputs[at] : NULL, &t));
    if (!t.data && acn_tensor_count(&t) > 0) {
        f->lacks_constants = true;
        return ACN_OK;
    }
    if (buffer && t.data == buffer->data && acn_tensor_count(&t) > 0) ACN_TRY(read_device(f, &t));
    return acn_call_set_constant(f->call, slot->slot, &t);
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

static acn_status fill_input(filler *f, const acn_signature_slot *slot, int at) {
    const request *r = f->request;
    acn_call *c = f->call;
    if (is_absent(r->input_descs[at]) || slot->target == ACN_TO_NOTHING) return ACN_OK;
    if (slot->target == ACN_TO_REFUSAL)
        return acn_fail(ACN_INVALID_ARGUMENT,
                        "inputs[%d], %s of %s, is not supported; leave it out", at, slot->name,
                        r->type);
    if (slot->target == ACN_TO_ATTR) return fill_constant(f, slot, at);
    if (r->inputs && !r->inputs[at])
        return acn_fail(ACN_NULL_POINTER, "inputs[%d] is NULL; expected a buffer", at);
    ACN_TRY(input_tensor(c, at, r->input_descs[at], r->inputs ? r->inputs[at] : NULL,
                         &c->tensors[f->used++]));
    c->in_count[slot->slot]++;
    return ACN_OK;
}

static acn_status fill_inputs(filler *f) {
    const acn_signature *signature = &f->signature;
    const acn_op *op = signature->op;
    int at = 0, given = f->request->input_count;
    for (int s = 0; s < signature->input_count; s++) {
        const acn_signature_slot *slot = &signature->input[s];
        bool is_list = slot->target == ACN_TO_INPUT && op->in[slot->slot].flags & ACN_LIST;
        int share = share_of(is_list, signature->input_count, given);
        if (slot->target == ACN_TO_INPUT) f->call->in_first[slot->slot] = f->used;
        for (int i = 0; i < share && at < given; i++, at++)
            ACN_TRY(fill_input(f, slot, at));
    }
    if (at < given)
        return acn_fail(ACN_INVALID_ARGUMENT, "numInputs is %d; operator %s takes %d", given,
                        f->request->type, signature->input_count);
    return ACN_OK;
}

/* A description that is a result may leave dimensions open; infer then tells them. */
static acn_status output_tensor(acn_call *c, const request *r, int at, acn_tensor *out) {
    acn_tensor_desc *d = NULL;
    acn_data_buffer *b = NULL;
    char name[48];
    snprintf(name, sizeof name, "outputs[%d]", at);
    ACN_TRY(acn_tensor_desc_resolve(name, r->output_descs[at], &d));
    if (r->outputs) ACN_TRY(acn_data_buffer_resolve(name, r->outputs[at], &b));
    if (!r->infers_outputs || acn_tensor_desc_count(d) >= 0)
        return fill_tensor(c, name, d, b, false, out);
    acn_tensor_desc open = *d;
    open.shape = (acn_desc_shape){.rank = 1};
    return fill_tensor(c, name, &open, b, false, out);
}

/* After infer: outputs take the shapes that it told. */
static acn_status shape_outputs(acn_call *c, const request *r) {
    for (int s = 0, at = 0; s < ACN_MAX_OUTPUTS; at += c->out_count[s++]) {
        acn_tensor *out = acn_out(c, s);
        if (c->out_count[s] != 1 || c->meta[s].rank < 0) continue;
        acn_tensor known;
        acn_tensor_init(&known, out->data, out->dtype, c->meta[s].rank, c->meta[s].dims);
        size_t bytes = (size_t)acn_tensor_count(&known) * acn_dtype_bytes(known.dtype);
        size_t room = aclGetDataBufferSizeV2(r->outputs[at]);
        if (room < bytes)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "the buffer of outputs[%d] has %zu bytes; the result takes %zu", at,
                            room, bytes);
        *out = known;
    }
    return ACN_OK;
}

static acn_status fill_outputs(filler *f) {
    acn_call *c = f->call;
    int slots = slots_of(c->op->out, ACN_MAX_OUTPUTS), at = 0, given = f->request->output_count;
    for (int s = 0; s < slots; s++) {
        int share = share_of(c->op->out[s].flags & ACN_LIST, slots, given);
        c->out_first[s] = f->used;
        for (int i = 0; i < share && at < given; i++, at++, f->used++, c->out_count[s]++)
            ACN_TRY(output_tensor(c, f->request, at, &c->tensors[f->used]));
    }
    if (at < given)
        return acn_fail(ACN_INVALID_ARGUMENT, "numOutputs is %d; operator %s has %d", given,
                        f->request->type, slots);
    return ACN_OK;
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* A number beside tensors (Muls): a weak scalar of the input that it is here. */
static acn_status fill_weak(filler *f, int slot, const acn_given *attr) {
    if (attr->kind != ACN_GIVEN_INT && attr->kind != ACN_GIVEN_FLOAT)
        return acn_fail(ACN_INVALID_ARGUMENT, "attribute %s is no number", attr->name);
    acn_scalar s = {.dtype = ACN_I64, .i = attr->i};
    if (attr->kind == ACN_GIVEN_FLOAT) s = (acn_scalar){.dtype = ACN_F32, .f = attr->f};
    acn_call_set_weak(f->call, slot, f->used++, &s);
    return ACN_OK;
}

static acn_status fill_from(filler *f, const acn_signature_slot *slot, const acn_given *attr) {
    if (slot->target == ACN_TO_INPUT) return fill_weak(f, slot->slot, attr);
    return acn_signature_give(f->request->type, slot, f->call, attr);
}

static acn_status fill_attrs(filler *f) {
    acn_op_attrs *attrs = NULL;
    acn_signature_slot slot;
    if (!f->request->attrs) return ACN_OK;
    ACN_TRY(acn_op_attrs_resolve("attr", f->request->attrs, &attrs));
    for (const acn_op_attr *attr = attrs->first; attr; attr = attr->next) {
        ACN_TRY(acn_signature_attr(&f->signature, attr->name, &slot));
        if (slot.form != ACN_FORM_SIDES) ACN_TRY(fill_from(f, &slot, &attr->given));
    }
    for (const acn_op_attr *attr = attrs->first; attr; attr = attr->next) {
        ACN_TRY(acn_signature_attr(&f->signature, attr->name, &slot));
        if (slot.form == ACN_FORM_SIDES) ACN_TRY(acn_signature_form_attr(f->call, &slot));
    }
    return ACN_OK;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static acn_status check_request(const request *r) {
    if (!r->type) return acn_fail(ACN_NULL_POINTER, "opType is NULL; expected an operator's name");
    if (r->input_count < 0 || r->output_count < 0 || r->input_count > MAX_TENSORS ||
        r->output_count > MAX_TENSORS)
        return acn_fail(ACN_INVALID_ARGUMENT, "numInputs is %d, numOutputs %d; expected 0 to %d",
                        r->input_count, r->output_count, MAX_TENSORS);
    if ((r->input_count && !r->input_descs) || (r->output_count && !r->output_descs))
        return acn_fail(ACN_NULL_POINTER, "inputDesc or outputDesc is NULL; expected arrays");
    return ACN_OK;
}

/* Images with their channels last would be taken for others. */
static acn_status check_images(const request *r) {
    for (int i = 0; i < r->input_count; i++) {
        acn_tensor_desc *d = NULL;
        if (is_absent(r->input_descs[i])) continue;
        ACN_TRY(acn_tensor_desc_resolve("inputDesc", r->input_descs[i], &d));
        if (d->format == ACL_FORMAT_NHWC || d->format == ACL_FORMAT_NDHWC)
            return acn_fail(ACN_INVALID_ARGUMENT,
                            "inputs[%d] of %s has format %d; images are supported with channels "
                            "before space (ACL_FORMAT_NCHW, ACL_FORMAT_NCDHW)",
                            i, r->type, d->format);
    }
    return ACN_OK;
}

/* |out_lacks_constants|: without buffers, what is an attribute here may be unknown. */
static acn_status begin_call(acn_call *c, const request *r, bool *out_lacks_constants) {
    filler f = {.request = r, .call = c};
    acn_status status = check_request(r);
    if (status == ACN_OK) status = acn_signature_find(r->type, &f.signature);
    acn_call_init(c, f.signature.op); /* in any case, so that the caller may release it */
    if (status != ACN_OK) return status;
    c->api = f.signature.op->name;
    ACN_TRY(acn_call_reserve(c, r->input_count + r->output_count + ACN_MAX_INPUTS));
    if (acn_signature_wants_nchw(&f.signature)) ACN_TRY(check_images(r));
    ACN_TRY(fill_inputs(&f));
    ACN_TRY(fill_outputs(&f));
    ACN_TRY(fill_attrs(&f));
    c->tensor_count = f.used;
    *out_lacks_constants = f.lacks_constants;
    return ACN_OK;
}

static acn_status lacks_constants(const request *r) {
    return acn_fail(ACN_INVALID_ARGUMENT,
                    "%s needs the values of its constant inputs; give their buffers or call "
                    "aclSetTensorConst",
                    r->type);
}

/* V2 reports outputs' shapes through their descriptions; those known only after the run come from
 * objects that the run writes to. */
static acn_status watch_outputs(acn_call *c, acn_object_tensor **out_objects) {
    for (int s = 0, n = 0; s < ACN_MAX_OUTPUTS; s++)
        for (int i = 0; i < c->out_count[s]; i++, n++) {
            acn_object_tensor *object = acn_object_tensor_create();
            if (!object) return acn_fail(ACN_BAD_ALLOC, "too many tensors are alive");
            object->view = *acn_out_at(c, s, i);
            acn_out_at(c, s, i)->object = object;
            out_objects[n] = object;
        }
    return ACN_OK;
}

static void write_desc(const aclTensorDesc *handle, int rank, const int64_t *dims) {
    acn_tensor_desc *d = (acn_tensor_desc *)handle;
    d->shape.rank = rank;
    memcpy(d->shape.dims, dims, (size_t)rank * sizeof *dims);
}

static acn_status prepare(acn_executor *e, const request *r) {
    acn_call *c = &e->call;
    acn_stream *stream = NULL;
    bool lacks = false;
    ACN_TRY(begin_call(c, r, &lacks));
    if (!r->inputs && r->input_count) return acn_fail(ACN_NULL_POINTER, "inputs is NULL");
    if (!r->outputs && r->output_count) return acn_fail(ACN_NULL_POINTER, "outputs is NULL");
    if (lacks) return lacks_constants(r);
    if (r->infers_outputs) {
        ACN_TRY(acn_call_infer(c));
        ACN_TRY(shape_outputs(c, r));
    }
    ACN_TRY(acn_call_prepare(c));
    if (c->plan->workspace_bytes == 0) return ACN_OK;
    ACN_TRY(acn_stream_resolve(r->stream, &stream));
    return acn_workspace_take(stream, c->plan->workspace_bytes, &e->own_workspace);
}

static acn_status launch(acn_executor *e, aclrtStream stream) {
    acn_executor_publish(e);
    return acn_executor_launch(e, e->own_workspace.address, UINT64_MAX, stream);
}

static acn_status run_and_report(acn_executor *e, const request *r) {
    acn_object_tensor *objects[MAX_WATCHED] = {NULL};
    acn_stream *stream = NULL;
    acn_status status = ACN_OK;
    if (r->output_count > MAX_WATCHED)
        status = acn_fail(ACN_INVALID_ARGUMENT, "numOutputs is %d; too many", r->output_count);
    if (status == ACN_OK) status = watch_outputs(&e->call, objects);
    if (status == ACN_OK) status = acn_stream_resolve(r->stream, &stream);
    if (status == ACN_OK)
        status = launch(e, r->stream);
    else
        acn_executor_destroy(e);
    if (status == ACN_OK) status = acn_stream_synchronize(stream, -1);
    for (int i = 0; i < r->output_count && i < MAX_WATCHED; i++) {
        if (!objects[i]) continue;
        if (status == ACN_OK)
            write_desc(r->output_descs[i], objects[i]->view.rank, objects[i]->view.dims);
        acn_object_tensor_release(objects[i]);
    }
    return status;
}

static acn_status execute(const request *r) {
    acn_executor *e = acn_executor_create();
    if (!e) return acn_fail(ACN_BAD_ALLOC, "too many calls are queued; synchronise first");
    acn_status status = prepare(e, r);
    if (status != ACN_OK) {
        acn_executor_destroy(e);
        return status;
    }
    e->counter = acn_report_open("op", r->type);
    if (r->infers_outputs) return run_and_report(e, r);
    return launch(e, r->stream);
}

static acn_status infer(const request *r, bool writes_outputs) {
    acn_call *c = &(acn_call){0};
    bool lacks = false;
    acn_status status = begin_call(c, r, &lacks);
    if (status == ACN_OK && lacks && writes_outputs) status = lacks_constants(r);
    if (status == ACN_OK && !lacks) status = acn_call_infer(c); /* else the call itself tells */
    for (int s = 0; status == ACN_OK && writes_outputs && s < r->output_count; s++) {
        acn_tensor_desc *d = NULL;
        if (s >= ACN_MAX_OUTPUTS || c->meta[s].rank < 0) continue;
        status = acn_tensor_desc_resolve("outputDesc", r->output_descs[s], &d);
        if (status != ACN_OK) break;
        write_desc(r->output_descs[s], c->meta[s].rank, c->meta[s].dims);
        if (c->meta[s].dtype != ACN_UNDEFINED) d->dtype = c->meta[s].dtype;
    }
    acn_call_release(c);
    return status;
}

/* ---- the public functions -------------------------------------------------------------------- */

aclError aclopCompile(const char *opType, int numInputs, const aclTensorDesc *const inputDesc[],
                      int numOutputs, const aclTensorDesc *const outputDesc[],
                      const aclopAttr *attr, aclopEngineType engineType,
                      aclopCompileType compileFlag, const char *opPath) {
    request r = {.type = opType,
                 .input_count = numInputs,
                 .output_count = numOutputs,
                 .input_descs = inputDesc,
                 .output_descs = outputDesc,
                 .attrs = attr};
    return ACN_ACL(infer(&r, false));
}

aclError aclopInferShape(const char *opType, int numInputs, aclTensorDesc *inputDesc[],
                         aclDataBuffer *inputs[], int numOutputs, aclTensorDesc *outputDesc[],
                         aclopAttr *attr) {
    request r = {.type = opType,
                 .input_count = numInputs,
                 .output_count = numOutputs,
                 .input_descs = (const aclTensorDesc *const *)inputDesc,
                 .output_descs = (const aclTensorDesc *const *)outputDesc,
                 .attrs = attr,
                 .infers_outputs = true,
                 .inputs = (const aclDataBuffer *const *)inputs};
    return ACN_ACL(infer(&r, true));
}

/* V2 has no const in its arrays, since descriptions of outputs are results. */
static acn_status execute_v2(const char *type, int inputs_given, aclTensorDesc **input_descs,
                             aclDataBuffer **inputs, int outputs_given,
                             aclTensorDesc **output_descs, aclDataBuffer **outputs,
                             const aclopAttr *attr, aclrtStream stream) {
    return execute(&(request){.type = type,
                              .input_count = inputs_given,
                              .output_count = outputs_given,
                              .input_descs = (const aclTensorDesc *const *)input_descs,
                              .output_descs = (const aclTensorDesc *const *)output_descs,
                              .inputs = (const aclDataBuffer *const *)inputs,
                              .outputs = outputs,
                              .attrs = attr,
                              .infers_outputs = true,
                              .has_stream = true,
                              .stream = stream});
}

aclError aclopCompileAndExecute(const char *opType, int numInputs,
                                const aclTensorDesc *const inputDesc[],
                                const aclDataBuffer *const inputs[], int numOutputs,
                                const aclTensorDesc *const outputDesc[],
                                aclDataBuffer *const outputs[], const aclopAttr *attr,
                                aclopEngineType engineType, aclopCompileType compileFlag,
                                const char *opPath, aclrtStream stream) {
    request r = {opType,  numInputs, numOutputs, inputDesc, outputDesc, inputs,
                 outputs, attr,      false,      true,      stream};
    return ACN_ACL(execute(&r));
}

aclError aclopCompileAndExecuteV2(const char *opType, int numInputs, aclTensorDesc *inputDesc[],
                                  aclDataBuffer *inputs[], int numOutputs,
                                  aclTensorDesc *outputDesc[], aclDataBuffer *outputs[],
                                  aclopAttr *attr, aclopEngineType engineType,
                                  aclopCompileType compileFlag, const char *opPath,
                                  aclrtStream stream) {
    return ACN_ACL(execute_v2(opType, numInputs, inputDesc, inputs, numOutputs, outputDesc, outputs,
                              attr, stream));
}

aclError aclopExecute(const char *opType, int numInputs, const aclTensorDesc *const inputDesc[],
                      const aclDataBuffer *const inputs[], int numOutputs,
                      const aclTensorDesc *const outputDesc[], aclDataBuffer *const outputs[],
                      const aclopAttr *attr, aclrtStream stream) {
    request r = {opType,  numInputs, numOutputs, inputDesc, outputDesc, inputs,
                 outputs, attr,      false,      true,      stream};
    return ACN_ACL(execute(&r));
}

aclError aclopExecuteV2(const char *opType, int numInputs, aclTensorDesc *inputDesc[],
                        aclDataBuffer *inputs[], int numOutputs, aclTensorDesc *outputDesc[],
                        aclDataBuffer *outputs[], aclopAttr *attr, aclrtStream stream) {
    return ACN_ACL(execute_v2(opType, numInputs, inputDesc, inputs, numOutputs, outputDesc, outputs,
                              attr, stream));
}
