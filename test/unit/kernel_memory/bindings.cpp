// Everything that the tests of this folder call, as one object of functions and classes.
#include "arguments.h"
#include "host_memory.h"

namespace kernel_memory {

void register_host_memory(Napi::Env env, Napi::Object exports) {
  exports.Set("resetFrames", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                host_memory::reset_frames(word_of(info[0]));
              }));
  exports.Set("framesInUse", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return to_number(info.Env(), host_memory::frames_in_use());
              }));
  exports.Set("limitFrames", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                host_memory::limit_frames(info[0].As<Napi::Number>().Int64Value());
              }));
  exports.Set("failAllocation", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                host_memory::fail_allocation(word_of(info[0]));
              }));
  exports.Set("allocationsInUse", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return to_number(info.Env(), host_memory::allocations_in_use());
              }));
}

}  // namespace kernel_memory

Napi::Object register_kernel_memory(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  kernel_memory::register_host_memory(env, exports);
  kernel_memory::register_areas(env, exports);
  kernel_memory::register_boot(env, exports);
  kernel_memory::register_buddy(env, exports);
  kernel_memory::register_containers(env, exports);
  kernel_memory::register_heap(env, exports);
  kernel_memory::register_page_table(env, exports);
  return exports;
}
