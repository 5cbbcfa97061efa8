// The Node addon of the guest tests: stress tests, crashes and system calls, see the headers.
#include <node_api.h>

#include "calls.h"
#include "crash.h"
#include "stress.h"

namespace {

constexpr size_t kMaximumArguments = 2;
constexpr size_t kNameCapacity = 64;

struct Arguments {
  napi_value values[kMaximumArguments];
  size_t count = kMaximumArguments;
};

Arguments arguments_of(napi_env env, napi_callback_info info) {
  Arguments arguments;
  napi_get_cb_info(env, info, &arguments.count, arguments.values, nullptr, nullptr);
  return arguments;
}

void set_number(napi_env env, napi_value object, const char* name, uint64_t number) {
  napi_value value;
  napi_create_double(env, static_cast<double>(number), &value);
  napi_set_named_property(env, object, name, value);
}

template <StressResult (*stress)(unsigned threads, unsigned milliseconds)>
napi_value call_stress(napi_env env, napi_callback_info info) {
  const Arguments arguments = arguments_of(env, info);
  uint32_t threads = 0;
  uint32_t milliseconds = 0;
  if (napi_get_value_uint32(env, arguments.values[0], &threads) != napi_ok ||
      napi_get_value_uint32(env, arguments.values[1], &milliseconds) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected the numbers of threads and milliseconds");
    return nullptr;
  }
  const StressResult result = stress(threads, milliseconds);
  napi_value object;
  napi_create_object(env, &object);
  set_number(env, object, "rounds", result.rounds);
  set_number(env, object, "mismatches", result.mismatches);
  set_number(env, object, "signals", result.signals);
  return object;
}

napi_value call_crash(napi_env env, napi_callback_info info) {
  const Arguments arguments = arguments_of(env, info);
  char kind[kNameCapacity] = "";
  napi_get_value_string_utf8(env, arguments.values[0], kind, sizeof(kind), nullptr);
  if (!crash(kind)) napi_throw_error(env, nullptr, "there is no such crash");
  return nullptr;
}

napi_value call_calls(napi_env env, napi_callback_info info) {
  const Arguments arguments = arguments_of(env, info);
  char group[kNameCapacity] = "";
  napi_get_value_string_utf8(env, arguments.values[0], group, sizeof(group), nullptr);
  if (!run_calls(group)) napi_throw_error(env, nullptr, "there is no such group of calls");
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"stressRegisters", nullptr, call_stress<stress_registers>, nullptr, nullptr, nullptr,
       napi_enumerable, nullptr},
      {"stressVectors", nullptr, call_stress<stress_vectors>, nullptr, nullptr, nullptr,
       napi_enumerable, nullptr},
      {"stressSignals", nullptr, call_stress<stress_signals>, nullptr, nullptr, nullptr,
       napi_enumerable, nullptr},
      {"crash", nullptr, call_crash, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"calls", nullptr, call_calls, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof(properties) / sizeof(properties[0]), properties);
  return exports;
}
