// Channels and isolates for the app's isolates of Node: its main thread, and its Workers.
#ifndef RUNTIME_SHIM_ISOLATES_NODE_HOST_H
#define RUNTIME_SHIM_ISOLATES_NODE_HOST_H

#include <node.h>
#include <uv.h>
#include <v8.h>

#include <memory>

#include "../system_host.h"
#include "callers.h"
#include "kernel_interface.h"

namespace runtime {

/** What the app's isolates of Node need of the rest. Outlives the app's environment. */
struct NodeHostSettings {
  const RuntimeKernelInterface& kernel;
  node::MultiIsolatePlatform* platform;
  const node::EmbedderSnapshotData* snapshot;
  /** nullptr when there is no system isolate. */
  std::shared_ptr<Callers> callers;
};

/** Wakes an event loop of libuv's. Nobody waits for it: the loop itself does. */
class LoopDoorbell : public Doorbell {
 public:
  void Ring() override { uv_async_send(&async_); }
  void Wait(uint64_t) override {}

 protected:
  uv_async_t async_ = {};
};

/**
 * The host of one isolate of Node's, made when it first asks for the bindings. News run on its event loop, as other
 * callbacks of Node's do. What it has started ends with it.
 */
class NodeHost final : private LoopDoorbell, public SystemHost {
 public:
  /**
   * Makes `process._linkedBinding('runtime_isolates')` give the bindings, in the app and in its Workers.
   * @param settings outlives the environment
   */
  static void Offer(node::Environment* environment, NodeHostSettings* settings);

  /**
   * Ends the isolates that this thread has started, and waits for them: before V8's platform goes away in
   * process.exit().
   */
  static void StopCurrent();

  void KeepAlive(uint32_t on) override;

 private:
  NodeHost(v8::Local<v8::Context> context, const NodeHostSettings& settings);
  static void Install(v8::Local<v8::Object> exports, v8::Local<v8::Value> module,
                      v8::Local<v8::Context> context, void* settings);
  static void Close(void* self, void (*done)(void*), void* argument);
  void RunNews();
  void OnNews(v8::Local<v8::Function> listener) override;

  // What has no binding in Node's isolates: there it is Node's own, or not at all.
  uint64_t StartedAt() const override { return 0; }
  v8::Local<v8::Value> SourceMap() const override { return v8::Undefined(isolate_); }
  void OnTurn(v8::Local<v8::Function>) override {}
  int32_t AttachBroker(RuntimeMemoryRange*) override;
  v8::Local<v8::ArrayBuffer> Buffer(const RuntimeMemoryRange&) override { return {}; }
  void OnShutDown(v8::Local<v8::Function>) override {}
  void Exit(int32_t) override {}
  void Finish() override {}
  int32_t Restart(const char*, size_t) override;
  void WriteLog(uint32_t level, const char* text, size_t length) override {
    kernel().log(level, text, length);
  }

  v8::Isolate* const isolate_;
  v8::Global<v8::Context> context_;
  v8::Global<v8::Function> news_;
  void (*done_)(void*) = nullptr;
  void* done_argument_ = nullptr;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_NODE_HOST_H
