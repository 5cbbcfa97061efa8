// Everything that the tests of this folder call, as one object.
#include "bindings.h"

Napi::Object register_kernel_smp(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  kernel_smp::register_idle_poll(env, exports);
  kernel_smp::register_local_apic(env, exports);
  kernel_smp::register_lock_order(env, exports);
  kernel_smp::register_run_queue(env, exports);
  return exports;
}
