// The pure parts of the clocks: fixed-point arithmetic, KVM's clock, the second's edge, the judge.
#include "acpi/device_search.h"
#include "arguments.h"
#include "time/clock_judge.h"
#include "time/clock_page.h"
#include "time/frequency.h"
#include "time/second_edge.h"

namespace kernel_services {

namespace {

int64_t signed_of(const Napi::Value& value) {
  bool lossless = false;
  return value.As<Napi::BigInt>().Int64Value(&lossless);
}

/// clockAt(kind, ticks, { baseTicks, base, raw, rate, rawRate, wallOffset }): nanoseconds.
Napi::Value clock_at(const Napi::CallbackInfo& info) {
  const auto from = info[2].As<Napi::Object>();
  runtime::ClockPage page = {};
  page.base_ticks = long_of(from.Get("baseTicks"));
  page.base_nanoseconds = long_of(from.Get("base"));
  page.base_raw_nanoseconds = long_of(from.Get("raw"));
  page.nanoseconds_per_tick = long_of(from.Get("rate"));
  page.raw_nanoseconds_per_tick = long_of(from.Get("rawRate"));
  page.wall_offset = signed_of(from.Get("wallOffset"));
  const auto kind = static_cast<runtime::ClockKind>(word_of(info[0]));
  return to_long(info.Env(), runtime::clock_at(page, kind, long_of(info[1])));
}

/// paravirtualNanoseconds(tsc, timestamp, systemTime, multiplier, shift).
Napi::Value paravirtual_nanoseconds(const Napi::CallbackInfo& info) {
  runtime::ParavirtualTime time = {};
  time.tsc_timestamp = long_of(info[1]);
  time.system_time = long_of(info[2]);
  time.tsc_to_system_multiplier = word_of(info[3]);
  time.tsc_shift = static_cast<int8_t>(info[4].As<Napi::Number>().Int32Value());
  return to_long(info.Env(), runtime::paravirtual_nanoseconds(time, long_of(info[0])));
}

/// fixedRatio(numerator, denominator).
Napi::Value fixed_ratio(const Napi::CallbackInfo& info) {
  return to_long(info.Env(), runtime::fixed_ratio(long_of(info[0]), long_of(info[1])));
}

/// scaleByBillionths(rate, parts).
Napi::Value scale_by_billionths(const Napi::CallbackInfo& info) {
  return to_long(info.Env(), runtime::scale_by_billionths(long_of(info[0]), signed_of(info[1])));
}

/// judgeClock(intervals: [watched, reference, uncertainty][]): the verdicts.
Napi::Value judge_clock(const Napi::CallbackInfo& info) {
  runtime::ClockJudge judge;
  const auto intervals = info[0].As<Napi::Array>();
  Napi::Array verdicts = Napi::Array::New(info.Env(), intervals.Length());
  for (uint32_t i = 0; i < intervals.Length(); ++i) {
    const auto interval = intervals.Get(i).As<Napi::Array>();
    verdicts.Set(i,
                 static_cast<int>(judge.judge(long_of(interval.Get(0u)), long_of(interval.Get(1u)),
                                              long_of(interval.Get(2u)))));
  }
  return verdicts;
}

/// class SecondEdge.
class Edge : public Napi::ObjectWrap<Edge> {
 public:
  explicit Edge(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Edge>(info) {}
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "SecondEdge",
        {InstanceMethod("add", &Edge::add), InstanceMethod("least", &Edge::least),
         InstanceMethod("middle", &Edge::middle), InstanceMethod("width", &Edge::width),
         InstanceMethod("widen", &Edge::widen), InstanceMethod("most", &Edge::most),
         InstanceMethod("nextReading", &Edge::next_reading)});
  }

 private:
  Napi::Value add(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(),
                              edge_.add(long_of(info[0]), long_of(info[1]), long_of(info[2])));
  }
  Napi::Value least(const Napi::CallbackInfo& info) {
    return Napi::BigInt::New(info.Env(), edge_.least());
  }
  Napi::Value most(const Napi::CallbackInfo& info) {
    return Napi::BigInt::New(info.Env(), edge_.most());
  }
  void widen(const Napi::CallbackInfo& info) { edge_.widen(long_of(info[0])); }
  Napi::Value middle(const Napi::CallbackInfo& info) {
    return Napi::BigInt::New(info.Env(), edge_.middle());
  }
  Napi::Value width(const Napi::CallbackInfo& info) { return to_long(info.Env(), edge_.width()); }
  Napi::Value next_reading(const Napi::CallbackInfo& info) {
    return to_long(info.Env(), edge_.next_reading(long_of(info[0])));
  }

  runtime::SecondEdge edge_;
};

/// findGenerationAddress(aml): the address, or undefined.
Napi::Value find_generation_address(const Napi::CallbackInfo& info) {
  const Bytes bytes = bytes_of(info[0]);
  uint64_t address;
  if (!runtime::find_generation_address(bytes.data, bytes.size, &address))
    return info.Env().Undefined();
  return to_long(info.Env(), address);
}

}  // namespace

void register_clock(Napi::Env env, Napi::Object exports) {
  exports.Set("clockAt", Napi::Function::New(env, clock_at));
  exports.Set("paravirtualNanoseconds", Napi::Function::New(env, paravirtual_nanoseconds));
  exports.Set("fixedRatio", Napi::Function::New(env, fixed_ratio));
  exports.Set("scaleByBillionths", Napi::Function::New(env, scale_by_billionths));
  exports.Set("judgeClock", Napi::Function::New(env, judge_clock));
  exports.Set("SecondEdge", Edge::define(env));
  exports.Set("findGenerationAddress", Napi::Function::New(env, find_generation_address));
}

}  // namespace kernel_services
