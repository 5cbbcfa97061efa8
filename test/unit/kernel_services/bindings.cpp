// Everything that the tests of this folder call, as one object of functions.
#include "arguments.h"

Napi::Object register_kernel_services(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  kernel_services::register_text(env, exports);
  kernel_services::register_clock(env, exports);
  kernel_services::register_random(env, exports);
  kernel_services::register_machine(env, exports);
  kernel_services::register_devices(env, exports);
  kernel_services::register_symbols(env, exports);
  kernel_services::register_futex(env, exports);
  kernel_services::register_memory_functions(env, exports);
  kernel_services::register_timer_heap(env, exports);
  return exports;
}
