// The check of lock orders, driven by names of locks.
#include "bindings.h"
#include "sync/lock_order.h"

namespace kernel_smp {

namespace {

/// What one CPU or thread holds; take(rank) returns undefined, or the sentence of the panic.
class Held : public Napi::ObjectWrap<Held> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "HeldRanks",
        {InstanceMethod("take", &Held::take), InstanceMethod("release", &Held::release),
         InstanceMethod("isEmpty", &Held::is_empty)});
  }
  explicit Held(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  static unsigned rank(const Napi::CallbackInfo& info) {
    return info[0].As<Napi::Number>().Uint32Value();
  }
  Napi::Value take(const Napi::CallbackInfo& info) {
    if (!ranks_.may_take(rank(info))) return Napi::Number::New(info.Env(), ranks_.highest());
    ranks_.add(rank(info));
    return info.Env().Undefined();
  }
  void release(const Napi::CallbackInfo& info) { ranks_.remove(rank(info)); }
  Napi::Value is_empty(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), ranks_.is_empty());
  }

  runtime::HeldRanks ranks_;
};

Napi::Object names(Napi::Env env, const char* (*name)(unsigned), unsigned count) {
  Napi::Object object = Napi::Object::New(env);
  for (unsigned rank = 1; rank <= count; ++rank) object.Set(name(rank), rank);
  return object;
}

}  // namespace

void register_lock_order(Napi::Env env, Napi::Object exports) {
  exports.Set("HeldRanks", Held::define(env));
  exports.Set("lockRanks", names(env, runtime::lock_rank_name, runtime::kLockRankCount));
  exports.Set("mutexRanks", names(env, runtime::mutex_rank_name, runtime::kMutexRankCount));
}

}  // namespace kernel_smp
