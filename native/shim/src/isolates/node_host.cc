#include "node_host.h"

#include <cerrno>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "children.h"

namespace runtime {
namespace {

using v8::Context;
using v8::Local;
using v8::Value;

// As many as a spawned isolate may make.
constexpr size_t kMostChannels = 4096;
constexpr char kBindingName[] = "runtime_isolates";

// The one of this thread: an isolate of Node's has a thread of its own.
thread_local NodeHost* current_node_host = nullptr;

}  // namespace

void NodeHost::Offer(node::Environment* environment, NodeHostSettings* settings) {
  node::AddLinkedBinding(environment, kBindingName, Install, settings);
}

void NodeHost::Install(Local<v8::Object> exports, Local<Value>, Local<Context> context,
                       void* settings) {
  if (current_node_host == nullptr) {
    current_node_host = new NodeHost(context, *static_cast<const NodeHostSettings*>(settings));
  }
  // An exception is pending when it fails, which the caller gets.
  (void)InstallNodeBindings(context, exports, current_node_host);
}

NodeHost::NodeHost(Local<Context> context, const NodeHostSettings& settings)
    : SystemHost(settings.kernel, static_cast<LoopDoorbell&>(*this), kMostChannels),
      isolate_(v8::Isolate::GetCurrent()),
      context_(isolate_, context) {
  uv_async_init(node::GetCurrentEventLoop(isolate_), &async_,
                [](uv_async_t* async) { static_cast<NodeHost*>(async->data)->RunNews(); });
  async_.data = this;
  KeepAlive(0);
  set_children(std::make_unique<Children>(settings.kernel, settings.platform, settings.snapshot,
                                          shared_mailbox()));
  set_callers(settings.callers);
  SetCurrent(this);
  mailbox().BeginSleep();
  // Node waits for `done`, so that nothing has to be taken back here.
  (void)node::AddEnvironmentCleanupHook(isolate_, Close, this).release();
}

void NodeHost::StopCurrent() {
  if (current_node_host != nullptr) current_node_host->set_children(nullptr);
}

void NodeHost::Close(void* self, void (*done)(void*), void* argument) {
  auto* const host = static_cast<NodeHost*>(self);
  host->done_ = done;
  host->done_argument_ = argument;
  host->set_children(nullptr);
  host->channels().Clear("the app that had it has ended");
  host->mailbox().Close();
  host->news_.Reset();
  host->context_.Reset();
  SetCurrent(nullptr);
  current_node_host = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&host->async_), [](uv_handle_t* handle) {
    const std::unique_ptr<NodeHost> closed(static_cast<NodeHost*>(handle->data));
    closed->done_(closed->done_argument_);
  });
}

void NodeHost::KeepAlive(uint32_t on) {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&async_);
  if (on != 0) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void NodeHost::OnNews(Local<v8::Function> listener) {
  news_.Reset(isolate_, listener);
  channels().AnnounceAll();
}

void NodeHost::RunNews() {
  const v8::HandleScope handle_scope(isolate_);
  const Local<Context> context = context_.Get(isolate_);
  const Context::Scope context_scope(context);
  mailbox().EndSleep();
  std::vector<News> taken;
  mailbox().Take(&taken);
  for (const News& news : taken) {
    if (news.kind == News::Kind::kChannel && !channels().NewsTaken(news.id)) continue;
    if (news_.IsEmpty()) continue;
    const v8::HandleScope news_scope(isolate_);
    Local<Value> arguments[] = {
        v8::Integer::NewFromUnsigned(isolate_, static_cast<uint32_t>(news.kind)),
        v8::Integer::NewFromUnsigned(isolate_, news.id)};
    // An exception is Node's to handle, as one of any other callback.
    (void)node::MakeCallback(isolate_, context->Global(), news_.Get(isolate_), std::size(arguments),
                             arguments, {0, 0});
  }
  if (!mailbox().BeginSleep()) Ring();
}

int32_t NodeHost::AttachBroker(RuntimeMemoryRange*) { return -EPERM; }

int32_t NodeHost::Restart(const char*, size_t) { return -EPERM; }

}  // namespace runtime
