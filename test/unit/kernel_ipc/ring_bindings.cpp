#include "ring_bindings.h"

#include "lib/ring.h"

namespace kernel_ipc {

namespace {

/// Errors are returned as their negative numbers, as system calls do.
class RingObject : public Napi::ObjectWrap<RingObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Ring",
        {InstanceMethod<&RingObject::set_capacity>("setCapacity"),
         InstanceMethod<&RingObject::write>("write"), InstanceMethod<&RingObject::read>("read"),
         InstanceMethod<&RingObject::peek>("peek"), InstanceMethod<&RingObject::discard>("discard"),
         InstanceMethod<&RingObject::used>("used"),
         InstanceMethod<&RingObject::free_space>("freeSpace")});
  }
  explicit RingObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RingObject>(info) {}

 private:
  static size_t size_of(const Napi::Value& value) {
    return static_cast<size_t>(value.As<Napi::Number>().Int64Value());
  }
  static Napi::Value outcome(Napi::Env env, const runtime::Result<void>& result) {
    return Napi::Number::New(env, result.is_error() ? -static_cast<int>(result.error()) : 0);
  }
  static runtime::IoBuffer buffer_of(const Napi::Value& value) {
    Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
    return runtime::IoBuffer::kernel(bytes.Data(), bytes.ByteLength());
  }

  Napi::Value set_capacity(const Napi::CallbackInfo& info) {
    return outcome(info.Env(), ring_.set_capacity(size_of(info[0])));
  }
  Napi::Value write(const Napi::CallbackInfo& info) {
    runtime::IoBuffer source = buffer_of(info[0]);
    return outcome(info.Env(), ring_.write(source, source.remaining()));
  }
  Napi::Value read(const Napi::CallbackInfo& info) {
    runtime::IoBuffer target = buffer_of(info[0]);
    return outcome(info.Env(), ring_.read(target, target.remaining()));
  }
  Napi::Value peek(const Napi::CallbackInfo& info) {
    runtime::IoBuffer target = buffer_of(info[0]);
    return outcome(info.Env(), ring_.peek(target, size_of(info[1]), target.remaining()));
  }
  Napi::Value discard(const Napi::CallbackInfo& info) {
    ring_.discard(size_of(info[0]));
    return info.Env().Undefined();
  }
  Napi::Value used(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(ring_.used()));
  }
  Napi::Value free_space(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(ring_.free_space()));
  }

  runtime::Ring ring_;
};

}  // namespace

void register_ring(Napi::Env env, Napi::Object exports) {
  exports.Set("Ring", RingObject::define(env));
}

}  // namespace kernel_ipc
