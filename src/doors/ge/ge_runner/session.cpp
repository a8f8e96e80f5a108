/* session.cpp - see ge/ge_api.h. */
#include "doors/ge/session_impl.h"

namespace ge {

/* ---- the engine ------------------------------------------------------------------------------ */

namespace {

struct Engine {
    std::mutex mutex;
    bool is_ready = false;
    OptionMap options;
    std::map<uint64_t, std::shared_ptr<SessionImpl>> sessions;
    uint64_t next = 1;
};

Engine &engine() {
    static Engine &all = *new Engine; /* programs may end it after the last destructor */
    return all;
}

} // namespace

uint64_t AddSession(const char *api, const OptionMap &options) {
    const auto list = OptionList(options);
    if (acn_ge_check_options(api, list.data(), list.size()) != 0) return 0;
    std::lock_guard<std::mutex> lock(engine().mutex);
    if (!engine().is_ready) {
        acn_ge_refuse(api, "GEInitialize must be called before");
        return 0;
    }
    OptionMap all = options;
    all.insert(engine().options.begin(), engine().options.end());
    engine().sessions[engine().next] = std::make_shared<SessionImpl>(all);
    return engine().next++;
}

std::shared_ptr<SessionImpl> FindSession(const char *api, uint64_t id) {
    std::lock_guard<std::mutex> lock(engine().mutex);
    const auto at = engine().sessions.find(id);
    if (at != engine().sessions.end()) return at->second;
    acn_ge_refuse(api, "the session could not be made, or ended with GEFinalize");
    return nullptr;
}

void RemoveSession(uint64_t id) {
    std::shared_ptr<SessionImpl> last; /* ends without the lock */
    std::lock_guard<std::mutex> lock(engine().mutex);
    const auto at = engine().sessions.find(id);
    if (at == engine().sessions.end()) return;
    last = at->second;
    engine().sessions.erase(at);
}

static Status initialize(const char *api, const OptionMap &options) {
    const auto list = OptionList(options);
    const Status status = acn_ge_check_options(api, list.data(), list.size());
    if (status != SUCCESS) return status;
    std::lock_guard<std::mutex> lock(engine().mutex);
    if (engine().is_ready) return SUCCESS; /* as before: the first options hold */
    engine().options = options;
    engine().is_ready = true;
    return SUCCESS;
}

Status GEInitialize(const std::map<AscendString, AscendString> &options) {
    ACN_GE_GUARD("GEInitialize", return initialize("GEInitialize", options);)
}

Status GEFinalize() {
    std::map<uint64_t, std::shared_ptr<SessionImpl>> sessions; /* end without the lock */
    std::lock_guard<std::mutex> lock(engine().mutex);
    if (!engine().is_ready) return SUCCESS;
    sessions.swap(engine().sessions);
    engine().options.clear();
    engine().is_ready = false;
    return SUCCESS;
}

ge::AscendString GEGetErrorMsgV2() { return AscendString(acn_ge_error()); }
ge::AscendString GEGetWarningMsgV2() { return AscendString(""); }

/* ---- sessions -------------------------------------------------------------------------------- */

SessionImpl::~SessionImpl() {
    if (!thread_.joinable()) return;
    {
        std::lock_guard<std::mutex> lock(mutex);
        is_ending_ = true;
    }
    changed_.Tell();
    if (thread_.get_id() == std::this_thread::get_id())
        thread_.detach(); /* the last callback ended the session */
    else
        thread_.join();
}

/* All that was given is done before the session ends. */
void SessionImpl::Work() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
        while (!is_ending_ && work_.empty())
            changed_.Wait(lock);
        if (work_.empty()) return;
        const auto work = std::move(work_.front());
        work_.pop_front();
        lock.unlock();
        work();
        lock.lock();
    }
}

void SessionImpl::Later(std::function<void()> work) {
    std::lock_guard<std::mutex> lock(mutex);
    work_.push_back(std::move(work));
    if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
    changed_.Tell();
}

Status SessionImpl::Add(const char *api, uint32_t id, const Graph &graph,
                        const OptionMap &graph_options) {
    const auto impl = GraphUtils::ImplOf(graph);
    const auto list = OptionList(graph_options);
    std::string bytes;
    if (!graph.IsValid()) return acn_ge_refuse(api, "graph is empty; set its outputs");
    Status status = acn_ge_check_options(api, list.data(), list.size());
    if (status == SUCCESS) status = Encode(api, *impl, bytes);
    if (status != SUCCESS) return status;
    OptionMap all = graph_options;
    all.insert(options.begin(), options.end());
    const std::string shapes = OpenShapes(*impl);
    if (!shapes.empty()) all.insert({"input_shape", shapes.c_str()});
    const auto added = std::make_shared<SessionGraph>(bytes, impl->folder, all);
    std::lock_guard<std::mutex> lock(mutex);
    if (!graphs.emplace(id, added).second)
        return acn_ge_refuse(api, ("the session has a graph " + std::to_string(id) +
                                   "; remove it first, or give another number")
                                      .c_str());
    return SUCCESS;
}

std::shared_ptr<SessionGraph> SessionImpl::Find(const char *api, uint32_t id) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto at = graphs.find(id);
    if (at != graphs.end()) return at->second;
    acn_ge_refuse(api,
                  ("the session has no graph " + std::to_string(id) + "; add it first").c_str());
    return nullptr;
}

AllocatorPtr SessionImpl::AllocatorOf(const void *stream) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto at = allocators.find(stream);
    return at == allocators.end() ? nullptr : at->second;
}

/* ---- the public class ------------------------------------------------------------------------ */

Session::Session(const std::map<AscendString, AscendString> &options) {
    try {
        session_id_ = AddSession("ge::Session::Session", options);
    } catch (const std::exception &error) {
        acn_ge_refuse("ge::Session::Session", error.what());
    }
}

Session::~Session() { RemoveSession(session_id_); }

uint64_t Session::GetSessionId() const { return session_id_; }

Status Session::AddGraph(uint32_t graph_id, const Graph &graph) {
    return AddGraph(graph_id, graph, OptionMap());
}

/* |body| with |session|, which exists. */
#define WITH_SESSION(api, body)                                                                    \
    ACN_GE_GUARD(api, {                                                                            \
        const auto session = FindSession(api, session_id_);                                        \
        if (!session) return FAILED;                                                               \
        body                                                                                       \
    })

/* |body| with |graph|, which exists. */
#define WITH_GRAPH(api, body)                                                                      \
    WITH_SESSION(api, {                                                                            \
        const auto graph = session->Find(api, graph_id);                                           \
        if (!graph) return FAILED;                                                                 \
        body                                                                                       \
    })

Status Session::AddGraph(uint32_t graph_id, const Graph &graph,
                         const std::map<AscendString, AscendString> &options) {
    static const char *const api = "ge::Session::AddGraph";
    WITH_SESSION(api, return session->Add(api, graph_id, graph, options);)
}

/* What is added is a copy in any case. */
Status Session::AddGraphWithCopy(uint32_t graph_id, const Graph &graph) {
    return AddGraph(graph_id, graph, OptionMap());
}

Status Session::AddGraphWithCopy(uint32_t graph_id, const Graph &graph,
                                 const std::map<AscendString, AscendString> &options) {
    return AddGraph(graph_id, graph, options);
}

Status Session::RemoveGraph(uint32_t graph_id) {
    static const char *const api = "ge::Session::RemoveGraph";
    WITH_GRAPH(api, {
        std::lock_guard<std::mutex> lock(session->mutex);
        session->graphs.erase(graph_id);
        return SUCCESS;
    })
}

bool Session::IsGraphNeedRebuild(uint32_t graph_id) {
    const auto session = FindSession("ge::Session::IsGraphNeedRebuild", session_id_);
    return !session || !session->Find("ge::Session::IsGraphNeedRebuild", graph_id);
}

Status Session::BuildGraph(uint32_t graph_id, const std::vector<ge::Tensor> &) {
    return CompileGraph(graph_id);
}

Status Session::CompileGraph(uint32_t graph_id) {
    static const char *const api = "ge::Session::CompileGraph";
    WITH_GRAPH(api, {
        std::lock_guard<std::mutex> lock(graph->mutex);
        return graph->Compile(api);
    })
}

static Status summarize(const char *api, uint64_t session_id_, uint32_t graph_id,
                        CompiledGraphSummaryPtr &out){
    WITH_GRAPH(api,
               {
                   std::lock_guard<std::mutex> lock(graph->mutex);
                   if (graph->program == nullptr)
                       return acn_ge_refuse(api, "CompileGraph must come before");
                   out = SummaryUtils::Make(*graph);
                   return SUCCESS;
               })}

CompiledGraphSummaryPtr Session::GetCompiledGraphSummary(uint32_t graph_id) {
    CompiledGraphSummaryPtr summary;
    summarize("ge::Session::GetCompiledGraphSummary", session_id_, graph_id, summary);
    return summary;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Programs hand over const addresses of memory that is theirs to give. */
static Status use_memory(const char *api, uint64_t session_id_, uint32_t graph_id, const void *work,
                         size_t work_bytes, const void *weights, size_t weight_bytes){
    WITH_GRAPH(api,
               {
                   std::lock_guard<std::mutex> lock(graph->mutex);
                   if (graph->program == nullptr)
                       return acn_ge_refuse(api, "CompileGraph must come before");
                   return acn_ge_use_memory(api, graph->program, const_cast<void *>(work),
                                            work_bytes, const_cast<void *>(weights), weight_bytes);
               })}

Status Session::SetGraphConstMemoryBase(uint32_t graph_id, const void *const memory, size_t size) {
    return use_memory("ge::Session::SetGraphConstMemoryBase", session_id_, graph_id, nullptr, 0,
                      memory, size);
}

Status Session::UpdateGraphFeatureMemoryBase(uint32_t graph_id, const void *const memory,
                                             size_t size) {
    return use_memory("ge::Session::UpdateGraphFeatureMemoryBase", session_id_, graph_id, memory,
                      size, nullptr, 0);
}

/* There is no part of the memory that must stay where it is. */
Status Session::SetGraphFixedFeatureMemoryBase(uint32_t graph_id, const void *const, size_t) {
    return use_memory("ge::Session::SetGraphFixedFeatureMemoryBase", session_id_, graph_id, nullptr,
                      0, nullptr, 0);
}

Status Session::UpdateGraphRefreshableFeatureMemoryBase(uint32_t graph_id, const void *const memory,
                                                        size_t size) {
    return UpdateGraphFeatureMemoryBase(graph_id, memory, size);
}

Status Session::RegisterExternalAllocator(const void *const stream, AllocatorPtr allocator) const {
    static const char *const api = "ge::Session::RegisterExternalAllocator";
    if (!allocator) return acn_ge_refuse(api, "allocator is null");
    WITH_SESSION(api, {
        std::lock_guard<std::mutex> lock(session->mutex);
        session->allocators[stream] = allocator;
        return SUCCESS;
    })
}

Status Session::UnregisterExternalAllocator(const void *const stream) const {
    static const char *const api = "ge::Session::UnregisterExternalAllocator";
    WITH_SESSION(api, {
        std::lock_guard<std::mutex> lock(session->mutex);
        session->allocators.erase(stream);
        return SUCCESS;
    })
}

/* ---- running --------------------------------------------------------------------------------- */

Status Session::RunGraph(uint32_t graph_id, const std::vector<Tensor> &inputs,
                         std::vector<Tensor> &outputs) {
    static const char *const api = "ge::Session::RunGraph";
    WITH_GRAPH(api, return graph->Run(api, inputs, outputs, false, nullptr, nullptr);)
}

Status Session::RunGraphWithStreamAsync(uint32_t graph_id, void *stream,
                                        const std::vector<Tensor> &inputs,
                                        std::vector<Tensor> &outputs) {
    static const char *const api = "ge::Session::RunGraphWithStreamAsync";
    WITH_GRAPH(api, {
        const AllocatorPtr allocator = session->AllocatorOf(stream);
        return graph->Run(api, inputs, outputs, true, stream, allocator);
    })
}

static void run_and_tell(const std::shared_ptr<SessionGraph> &graph,
                         const std::vector<Tensor> &inputs, const RunAsyncCallback &callback) {
    static const char *const api = "ge::Session::RunGraphAsync";
    std::vector<Tensor> outputs;
    Status status = FAILED;
    try {
        status = graph->Run(api, inputs, outputs, false, nullptr, nullptr);
    } catch (const std::exception &error) {
        acn_ge_refuse(api, error.what());
    }
    callback(status, outputs);
}

Status Session::RunGraphAsync(uint32_t graph_id, const std::vector<ge::Tensor> &inputs,
                              RunAsyncCallback callback) {
    static const char *const api = "ge::Session::RunGraphAsync";
    if (!callback) return acn_ge_refuse(api, "callback is empty");
    WITH_GRAPH(api, {
        session->Later([graph, inputs, callback] { run_and_tell(graph, inputs, callback); });
        return SUCCESS;
    })
}

} // namespace ge
