// A run queue with named entries.
#include <map>
#include <memory>
#include <string>

#include "bindings.h"
#include "sched/run_queue.h"

namespace kernel_smp {

namespace {

struct NamedEntry : runtime::RunQueueEntry {
  std::string name;
};

class Queue : public Napi::ObjectWrap<Queue> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "RunQueue",
        {InstanceMethod("add", &Queue::add), InstanceMethod("remove", &Queue::remove),
         InstanceMethod("first", &Queue::first), InstanceMethod("takeFor", &Queue::take_for),
         InstanceMethod("takeLastFor", &Queue::take_last_for),
         InstanceMethod("length", &Queue::length), InstanceMethod("enter", &Queue::enter),
         InstanceMethod("leave", &Queue::leave),
         InstanceMethod("limitCredit", &Queue::limit_credit),
         InstanceMethod("reweigh", &Queue::reweigh), InstanceMethod("advance", &Queue::advance)});
  }
  explicit Queue(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  static uint64_t number(const Napi::Value& value) {
    bool lossless = false;
    return value.As<Napi::BigInt>().Uint64Value(&lossless);
  }
  static Napi::Value name_of(Napi::Env env, runtime::RunQueueEntry* entry) {
    if (!entry) return env.Undefined();
    return Napi::String::New(env, static_cast<NamedEntry*>(entry)->name);
  }
  NamedEntry& entry(const Napi::Value& name) { return *entries_.at(name.As<Napi::String>()); }

  /// add(name, virtualRuntime, affinity, nice)
  void add(const Napi::CallbackInfo& info) {
    auto made = std::make_unique<NamedEntry>();
    made->name = info[0].As<Napi::String>();
    made->virtual_runtime = number(info[1]);
    made->affinity = number(info[2]);
    made->nice = info[3].As<Napi::Number>().Int32Value();
    queue_.add(made.get());
    entries_[made->name] = std::move(made);
  }
  void remove(const Napi::CallbackInfo& info) { queue_.remove(&entry(info[0])); }
  Napi::Value first(const Napi::CallbackInfo& info) { return name_of(info.Env(), queue_.first()); }
  Napi::Value take_for(const Napi::CallbackInfo& info) {
    return name_of(info.Env(), queue_.take_for(info[0].As<Napi::Number>().Uint32Value()));
  }
  Napi::Value take_last_for(const Napi::CallbackInfo& info) {
    return name_of(info.Env(), queue_.take_last_for(number(info[0])));
  }
  Napi::Value length(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), queue_.length());
  }
  /// These return the entry's virtual runtime.
  Napi::Value enter(const Napi::CallbackInfo& info) {
    queue_.enter(&entry(info[0]));
    return runtime_of(info);
  }
  Napi::Value leave(const Napi::CallbackInfo& info) {
    queue_.leave(&entry(info[0]));
    return runtime_of(info);
  }
  /// limitCredit(name, running)
  Napi::Value limit_credit(const Napi::CallbackInfo& info) {
    queue_.limit_credit(&entry(info[0]), info[1].As<Napi::Number>().Int32Value());
    return runtime_of(info);
  }
  /// reweigh(name, nice)
  Napi::Value reweigh(const Napi::CallbackInfo& info) {
    queue_.reweigh(&entry(info[0]), info[1].As<Napi::Number>().Int32Value());
    return runtime_of(info);
  }
  Napi::Value advance(const Napi::CallbackInfo& info) {
    queue_.advance(&entry(info[0]));
    return runtime_of(info);
  }
  Napi::Value runtime_of(const Napi::CallbackInfo& info) {
    return Napi::BigInt::New(info.Env(), entry(info[0]).virtual_runtime);
  }

  std::map<std::string, std::unique_ptr<NamedEntry>> entries_;
  runtime::RunQueue queue_;
};

/// weightedRuntime(used, nice)
Napi::Value weighted(const Napi::CallbackInfo& info) {
  bool lossless = false;
  return Napi::BigInt::New(
      info.Env(), runtime::weighted_runtime(info[0].As<Napi::BigInt>().Uint64Value(&lossless),
                                            info[1].As<Napi::Number>().Int32Value()));
}

}  // namespace

void register_run_queue(Napi::Env env, Napi::Object exports) {
  exports.Set("RunQueue", Queue::define(env));
  exports.Set("weightedRuntime", Napi::Function::New(env, weighted));
}

}  // namespace kernel_smp
