// How long an idle CPU looks for work.
#include "bindings.h"
#include "sched/idle_poll.h"

namespace kernel_smp {

namespace {

/// idlePollLimits(idle...): the limit after each time without work, in nanoseconds.
Napi::Value idle_poll_limits(const Napi::CallbackInfo& info) {
  Napi::Array limits = Napi::Array::New(info.Env(), info.Length());
  runtime::IdlePoll poll;
  for (uint32_t i = 0; i < info.Length(); ++i) {
    poll.note(static_cast<uint64_t>(info[i].As<Napi::Number>().Int64Value()));
    limits.Set(i, Napi::Number::New(info.Env(), static_cast<double>(poll.limit())));
  }
  return limits;
}

}  // namespace

void register_idle_poll(Napi::Env env, Napi::Object exports) {
  exports.Set("idlePollLimits", Napi::Function::New(env, idle_poll_limits));
}

}  // namespace kernel_smp
