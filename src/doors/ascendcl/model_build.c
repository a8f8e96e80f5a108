/* model_build.c - models that are built from streams, and the jumps in them. */
#include "acl/acl.h"
#include "acl/acl_mdl.h"
#include "doors/ascendcl/args.h"
#include "runtime/build.h"
#include "runtime/stream.h"

static acn_status both(aclmdlRI model, aclrtStream handle, acn_graph **graph, acn_stream **stream) {
    ACN_TRY(acn_graph_resolve(model, graph));
    return acn_stream_resolve(handle, stream);
}

static acn_status begin(aclmdlRI *model, uint32_t flag) {
    acn_graph *graph;
    if (flag != 0) return acn_fail(ACN_PARAM_INVALID, "flag is %u; expected 0", flag);
    ACN_TRY(acn_build_begin(&graph));
    *model = graph;
    return ACN_OK;
}

aclError aclmdlRIBuildBegin(aclmdlRI *modelRI, uint32_t flag) {
    ACN_REQUIRE(modelRI);
    return ACN_ACL(begin(modelRI, flag));
}

static acn_status bind(aclmdlRI model, aclrtStream handle, uint32_t flag) {
    acn_graph *graph;
    acn_stream *stream;
    if (flag != ACL_MODEL_STREAM_FLAG_HEAD && flag != ACL_MODEL_STREAM_FLAG_DEFAULT)
        return acn_fail(ACN_PARAM_INVALID,
                        "flag is 0x%x; expected ACL_MODEL_STREAM_FLAG_HEAD (0) or _DEFAULT "
                        "(0x7fffffff)",
                        flag);
    ACN_TRY(both(model, handle, &graph, &stream));
    return acn_build_bind(graph, stream, flag == ACL_MODEL_STREAM_FLAG_HEAD);
}

aclError aclmdlRIBindStream(aclmdlRI modelRI, aclrtStream stream, uint32_t flag) {
    ACN_REQUIRE(modelRI);
    return ACN_ACL(bind(modelRI, stream, flag));
}

aclError aclmdlRIUnbindStream(aclmdlRI modelRI, aclrtStream stream) {
    ACN_REQUIRE(modelRI);
    acn_graph *graph;
    acn_stream *resolved;
    acn_status status = both(modelRI, stream, &graph, &resolved);
    if (status == ACN_OK) status = acn_build_unbind(graph, resolved);
    return ACN_ACL(status);
}

aclError aclmdlRIEndTask(aclmdlRI modelRI, aclrtStream stream) {
    ACN_REQUIRE(modelRI);
    acn_graph *graph;
    acn_stream *resolved;
    acn_status status = both(modelRI, stream, &graph, &resolved);
    if (status == ACN_OK) status = acn_build_end_stream(graph, resolved);
    return ACN_ACL(status);
}

aclError aclmdlRIBuildEnd(aclmdlRI modelRI, void *reserve) {
    (void)reserve;
    ACN_REQUIRE(modelRI);
    acn_graph *graph;
    acn_status status = acn_graph_resolve(modelRI, &graph);
    if (status == ACN_OK) status = acn_build_end(graph);
    return ACN_ACL(status);
}

/* Streams that start others. */

static acn_status activate(aclrtStream target_handle, aclrtStream handle) {
    acn_stream *target, *stream;
    ACN_TRY(acn_stream_resolve(target_handle, &target));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_build_activate(target, stream);
}

aclError aclrtActiveStream(aclrtStream activeStream, aclrtStream stream) {
    ACN_REQUIRE(activeStream);
    return ACN_ACL(activate(activeStream, stream));
}

static acn_status switch_stream(acn_switch *how, aclrtStream if_true, aclrtStream if_false,
                                aclrtStream handle) {
    acn_stream *stream;
    if ((unsigned)how->comparison >= ACN_COMPARISONS)
        return acn_fail(ACN_PARAM_INVALID, "cond is %d; expected 0 to %d", (int)how->comparison,
                        ACN_COMPARISONS - 1);
    ACN_TRY(acn_stream_resolve(if_true, &how->if_true));
    if (if_false != NULL) ACN_TRY(acn_stream_resolve(if_false, &how->if_false));
    ACN_TRY(acn_stream_resolve(handle, &stream));
    return acn_build_switch(how, stream);
}

aclError aclrtSwitchStream(void *leftValue, aclrtCondition cond, void *rightValue,
                           aclrtCompareDataType dataType, aclrtStream trueStream,
                           aclrtStream falseStream, aclrtStream stream) {
    ACN_REQUIRE(leftValue);
    ACN_REQUIRE(rightValue);
    ACN_REQUIRE(trueStream);
    if ((unsigned)dataType > ACL_RT_SWITCH_INT64)
        return ACN_ACL(acn_fail(ACN_PARAM_INVALID,
                                "dataType is %d; expected 0 (int32) or 1 (int64)", (int)dataType));
    acn_switch how = {.left = leftValue,
                      .right = rightValue,
                      .comparison = (acn_comparison)cond,
                      .is_int64 = dataType == ACL_RT_SWITCH_INT64};
    return ACN_ACL(switch_stream(&how, trueStream, falseStream, stream));
}

/* Labels. */

aclError aclrtCreateLabel(aclrtLabel *label) {
    ACN_REQUIRE(label);
    acn_label *made;
    acn_status status = acn_label_create(&made);
    if (status == ACN_OK) *label = made;
    return ACN_ACL(status);
}

aclError aclrtDestroyLabel(aclrtLabel label) {
    ACN_REQUIRE(label);
    return ACN_ACL(acn_label_destroy(label));
}

aclError aclrtSetLabel(aclrtLabel label, aclrtStream stream) {
    ACN_REQUIRE(label);
    acn_label *resolved;
    acn_stream *on;
    acn_status status = acn_label_resolve(label, &resolved);
    if (status == ACN_OK) status = acn_stream_resolve(stream, &on);
    if (status == ACN_OK) status = acn_label_set(resolved, on);
    return ACN_ACL(status);
}

aclError aclrtCreateLabelList(aclrtLabel *labels, size_t num, aclrtLabelList *labelList) {
    ACN_REQUIRE(labels);
    ACN_REQUIRE(labelList);
    acn_label_list *made;
    acn_status status = acn_label_list_create(labels, num, &made);
    if (status == ACN_OK) *labelList = made;
    return ACN_ACL(status);
}

aclError aclrtDestroyLabelList(aclrtLabelList labelList) {
    ACN_REQUIRE(labelList);
    return ACN_ACL(acn_label_list_destroy(labelList));
}

aclError aclrtSwitchLabelByIndex(void *ptr, uint32_t maxValue, aclrtLabelList labelList,
                                 aclrtStream stream) {
    ACN_REQUIRE(ptr);
    ACN_REQUIRE(labelList);
    acn_stream *resolved;
    acn_status status = acn_stream_resolve(stream, &resolved);
    if (status == ACN_OK) status = acn_label_switch(ptr, maxValue, labelList, resolved);
    return ACN_ACL(status);
}
