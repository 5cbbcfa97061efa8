// Everything that the tests of this folder call, as one object of functions.
#include "arguments.h"

Napi::Object register_kernel_fs(Napi::Env env) {
  Napi::Object exports = Napi::Object::New(env);
  kernel_fs::register_calls(env, exports);
  kernel_fs::register_units(env, exports);
  kernel_fs::register_terminal(env, exports);
  return exports;
}
