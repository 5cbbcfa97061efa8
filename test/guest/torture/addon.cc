// The torture as a Node addon: run(seconds, seed, stallSeconds, only).
#include <node_api.h>

#include "torture.h"

namespace {

napi_value run(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value values[4];
  uint32_t seconds = 0, seed = 0, stall_seconds = 0;
  char only[64] = "";
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  if (napi_get_value_uint32(env, values[0], &seconds) != napi_ok ||
      napi_get_value_uint32(env, values[1], &seed) != napi_ok ||
      napi_get_value_uint32(env, values[2], &stall_seconds) != napi_ok ||
      napi_get_value_string_utf8(env, values[3], only, sizeof(only), nullptr) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected three numbers and a string");
    return nullptr;
  }
  if (!torture::run(seconds, seed, stall_seconds, only))
    napi_throw_error(env, nullptr, "there is no such activity");
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, nullptr, &function);
  napi_set_named_property(env, exports, "run", function);
  return exports;
}
