/* session_impl.h - what stands behind ge::Session and ge::CompiledGraphSummary. */
#ifndef ACN_DOORS_GE_SESSION_IMPL_H
#define ACN_DOORS_GE_SESSION_IMPL_H

#include "doors/ge/core.h"
#include "doors/ge/graph_impl.h"
#include "doors/ge/option_list.h"
#include "ge/ge_api.h"

#include <deque>
#include <mutex>
#include <pthread.h>
#include <thread>

namespace ge {

/* A graph that was added, and what it became. */
class SessionGraph {
  public:
    SessionGraph(std::string graph_bytes, std::string graph_folder, OptionMap graph_options)
        : bytes(std::move(graph_bytes)), folder(std::move(graph_folder)),
          options(std::move(graph_options)) {}
    ~SessionGraph() { acn_ge_unload(program); }
    SessionGraph(const SessionGraph &) = delete;
    SessionGraph &operator=(const SessionGraph &) = delete;

    std::mutex mutex; /* of what follows */
    std::string bytes, folder;
    OptionMap options;
    acn_ge_program *program = nullptr; /* nullptr: not compiled yet */
    acn_ge_facts facts = {};

    /* Compiles it unless it was. */
    Status Compile(const char *api);
    Status Run(const char *api, const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs,
               bool is_async, void *stream, const AllocatorPtr &allocator);
};

/* A condition variable. The C++ library's would need one from GCC 12, which older systems lack. */
class Signal {
  public:
    Signal() = default;
    Signal(const Signal &) = delete;
    Signal &operator=(const Signal &) = delete;
    ~Signal() { pthread_cond_destroy(&condition_); }

    void Wait(std::unique_lock<std::mutex> &lock) {
        pthread_cond_wait(&condition_, lock.mutex()->native_handle());
    }
    void Tell() { pthread_cond_broadcast(&condition_); }

  private:
    pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

class SessionImpl {
  public:
    explicit SessionImpl(const OptionMap &session_options) : options(session_options) {}
    ~SessionImpl();

    OptionMap options;
    std::mutex mutex; /* of what follows */
    std::map<uint32_t, std::shared_ptr<SessionGraph>> graphs;
    std::map<const void *, AllocatorPtr> allocators;

    Status Add(const char *api, uint32_t id, const Graph &graph, const OptionMap &graph_options);
    /* nullptr: there is none, and that is told. */
    std::shared_ptr<SessionGraph> Find(const char *api, uint32_t id);
    AllocatorPtr AllocatorOf(const void *stream);
    /* On the session's thread, behind what was given before. */
    void Later(std::function<void()> work);

  private:
    std::thread thread_;
    Signal changed_;
    std::deque<std::function<void()>> work_;
    bool is_ending_ = false;

    void Work();
};

/* The number of a new session. Sessions live in a table, so that one that was ended is found out.
 */
uint64_t AddSession(const char *api, const OptionMap &options);
std::shared_ptr<SessionImpl> FindSession(const char *api, uint64_t id);
void RemoveSession(uint64_t id);
void RemoveAllSessions();

class SummaryUtils {
  public:
    static CompiledGraphSummaryPtr Make(const SessionGraph &graph);
};

} // namespace ge

#endif
