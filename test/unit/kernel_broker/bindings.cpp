// The broker as the service calls it, and the system calls of the kernel beside it.
#include <napi.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "broker/broker.h"
#include "broker/page_buddy.h"
#include "host_pages.h"

Napi::Object register_kernel_ipc(Napi::Env env);

namespace {

std::atomic<uint32_t> doorbell_rings{0};
std::mutex doorbell_mutex;
std::condition_variable doorbell_condition;
bool doorbell_rang = false;  // under doorbell_mutex

void ring_doorbell() {
  ++doorbell_rings;
  std::lock_guard<std::mutex> guard(doorbell_mutex);
  doorbell_rang = true;
  doorbell_condition.notify_all();
}

/// waitForDoorbell(microseconds): sleeps until it rings, or rang since the last time.
Napi::Value wait_for_doorbell(const Napi::CallbackInfo& info) {
  const auto longest = std::chrono::microseconds(info[0].As<Napi::Number>().Int64Value());
  std::unique_lock<std::mutex> lock(doorbell_mutex);
  doorbell_condition.wait_for(lock, longest, [] { return doorbell_rang; });
  doorbell_rang = false;
  return info.Env().Undefined();
}

uint32_t number(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

Napi::Value to_number(Napi::Env env, double value) { return Napi::Number::New(env, value); }

/// attach(): the arena as an ArrayBuffer, or -errno.
Napi::Value attach(const Napi::CallbackInfo& info) {
  const runtime::Result<runtime::ArenaView> view = runtime::broker_attach();
  if (view.is_error()) return to_number(info.Env(), -static_cast<double>(view.error()));
  return Napi::ArrayBuffer::New(info.Env(), reinterpret_cast<void*>(view.value().address),
                                view.value().size);
}

Napi::Value detach(const Napi::CallbackInfo& info) {
  runtime::broker_detach();
  return info.Env().Undefined();
}

Napi::Value no_service(const Napi::CallbackInfo& info) {
  runtime::broker_no_service();
  return info.Env().Undefined();
}

Napi::Value notify(const Napi::CallbackInfo& info) {
  return to_number(info.Env(), runtime::broker_notify());
}

Napi::Value accept(const Napi::CallbackInfo& info) {
  return to_number(info.Env(), runtime::broker_accept(number(info[0])));
}

Napi::Value resize(const Napi::CallbackInfo& info) {
  return to_number(info.Env(),
                   runtime::broker_resize(number(info[0]), number(info[1]), number(info[2])));
}

Napi::Value release(const Napi::CallbackInfo& info) {
  runtime::broker_release(number(info[0]));
  return info.Env().Undefined();
}

Napi::Value publish_interfaces(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Napi::Uint8Array>();
  runtime::broker_publish_interfaces(bytes.Data(), bytes.ByteLength());
  return info.Env().Undefined();
}

Napi::Value publish_file(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  const std::string text = info[1].As<Napi::String>();
  return to_number(
      info.Env(), runtime::broker_publish_file(name.data(), name.size(), text.data(), text.size()));
}

/// allocate(size, contiguous): [offset, size, physical], or -errno.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const auto size = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  const runtime::Result<runtime::ArenaBlock> block =
      runtime::arena_allocate(size, info[1].As<Napi::Boolean>());
  if (block.is_error()) return to_number(info.Env(), -static_cast<double>(block.error()));
  Napi::Array result = Napi::Array::New(info.Env(), 3);
  result.Set(0u, block.value().offset);
  result.Set(1u, block.value().size);
  result.Set(2u, static_cast<double>(block.value().physical));
  return result;
}

Napi::Value free_block(const Napi::CallbackInfo& info) {
  runtime::arena_free(number(info[0]));
  return info.Env().Undefined();
}

Napi::Value limit_pages(const Napi::CallbackInfo& info) {
  host::limit_arena_pages(info[0].As<Napi::Number>().Int64Value());
  return info.Env().Undefined();
}

/// statistics(): the broker's counts, and what the host sees.
Napi::Value statistics(const Napi::CallbackInfo& info) {
  const runtime::BrokerStatistics counts = runtime::broker_statistics();
  Napi::Object result = Napi::Object::New(info.Env());
  const auto set = [&result](const char* name, uint64_t value) {
    result.Set(name, static_cast<double>(value));
  };
  set("arenaBytes", counts.arena_bytes);
  set("arenaLimit", counts.arena_limit);
  set("sockets", counts.sockets);
  set("badIndices", counts.bad_indices);
  set("badCalls", counts.bad_calls);
  set("failedReplays", counts.failed_replays);
  set("lostConnections", counts.lost_connections);
  set("doorbells", doorbell_rings);
  set("pages", static_cast<uint64_t>(host::arena_pages()));
  return result;
}

/// PageBuddy as an object: allocate(order), free(page), isEmpty().
class BuddyObject : public Napi::ObjectWrap<BuddyObject> {
 public:
  explicit BuddyObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BuddyObject>(info) {}
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Buddy",
                       {InstanceMethod<&BuddyObject::allocate>("allocate"),
                        InstanceMethod<&BuddyObject::free>("free"),
                        InstanceMethod<&BuddyObject::is_empty>("isEmpty")});
  }

 private:
  Napi::Value allocate(const Napi::CallbackInfo& info) {
    const uint32_t page = buddy_.allocate(number(info[0]));
    return to_number(info.Env(), page == runtime::PageBuddy::kNone ? -1 : double{1} * page);
  }
  Napi::Value free(const Napi::CallbackInfo& info) {
    return to_number(info.Env(), buddy_.free(number(info[0])));
  }
  Napi::Value is_empty(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), buddy_.is_empty());
  }
  runtime::PageBuddy buddy_;
};

}  // namespace

Napi::Object register_kernel_broker(Napi::Env env) {
  // A worker that plays the service loads this a second time, beside the same kernel.
  static bool is_running = false;
  Napi::Object exports = is_running ? Napi::Object::New(env) : register_kernel_ipc(env);
  if (!is_running) {
    runtime::broker_initialise();
    runtime::broker_set_doorbell(ring_doorbell);
  }
  is_running = true;
  exports.Set("waitForDoorbell", Napi::Function::New<wait_for_doorbell>(env));
  exports.Set("attach", Napi::Function::New<attach>(env));
  exports.Set("detach", Napi::Function::New<detach>(env));
  exports.Set("noService", Napi::Function::New<no_service>(env));
  exports.Set("notify", Napi::Function::New<notify>(env));
  exports.Set("accept", Napi::Function::New<accept>(env));
  exports.Set("resize", Napi::Function::New<resize>(env));
  exports.Set("release", Napi::Function::New<release>(env));
  exports.Set("publishInterfaces", Napi::Function::New<publish_interfaces>(env));
  exports.Set("publishFile", Napi::Function::New<publish_file>(env));
  exports.Set("allocate", Napi::Function::New<allocate>(env));
  exports.Set("free", Napi::Function::New<free_block>(env));
  exports.Set("limitPages", Napi::Function::New<limit_pages>(env));
  exports.Set("statistics", Napi::Function::New<statistics>(env));
  exports.Set("Buddy", BuddyObject::define(env));
  return exports;
}
