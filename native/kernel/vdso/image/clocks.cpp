// The vDSO: the application's clock readings, without a system call. Sources: vdso(7), clock_gettime(2),
// gettimeofday(2), time(2), getcpu(2). glibc finds it through AT_SYSINFO_EHDR.
//
// This is application code: it may not name anything of the kernel but what is in the headers below.
#include "time/clock_page.h"
#include "vdso/layout.h"

using runtime::ClockKind;
using runtime::ClockPage;
using runtime::ParavirtualTime;

#pragma GCC visibility push(hidden)
extern "C" {
// The linker script puts these in front of the image, where the kernel maps them.
extern const volatile ClockPage vdso_clock_page;
extern const volatile ParavirtualTime vdso_paravirtual_page;
}
#pragma GCC visibility pop

namespace {

constexpr uint64_t kNanosecondsPerSecond = 1000000000;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;

// clock_gettime(2).
constexpr int kRealtime = 0;
constexpr int kMonotonic = 1;
constexpr int kMonotonicRaw = 4;
constexpr int kRealtimeCoarse = 5;
constexpr int kMonotonicCoarse = 6;
constexpr int kBootTime = 7;
constexpr int kInternationalAtomic = 11;

// Numbers of system calls.
constexpr long kSystemGetTimeOfDay = 96;
constexpr long kSystemTime = 201;
constexpr long kSystemClockGetTime = 228;
constexpr long kSystemClockGetResolution = 229;

struct TimeSpec {
  int64_t seconds;
  int64_t nanoseconds;
};
struct TimeValue {
  int64_t seconds;
  int64_t microseconds;
};
struct TimeZone {
  int32_t minutes_west;
  int32_t daylight_saving;
};

long system_call(long number, long first, void* second) {
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "0"(number), "D"(first), "S"(second)
               : "rcx", "r11", "memory");
  return result;
}

struct NoKernelTicks {
  bool operator()(uint64_t*) const { return false; }
};

bool read(ClockKind kind, uint64_t* nanoseconds) {
  return runtime::read_clock(vdso_clock_page, vdso_paravirtual_page, kind, NoKernelTicks(),
                             nanoseconds);
}

/// Which reading answers for a clock. False for those that the kernel has to be asked for.
bool kind_of(int clock, ClockKind* kind) {
  switch (clock) {
    case kRealtime:
    case kRealtimeCoarse:  // nothing ticks, so the coarse clocks are as fine as the others
    case kInternationalAtomic:
      *kind = ClockKind::Wall;
      return true;
    case kMonotonic:
    case kMonotonicCoarse:
    case kBootTime:  // the machine is never suspended
      *kind = ClockKind::Monotonic;
      return true;
    case kMonotonicRaw:
      *kind = ClockKind::MonotonicRaw;
      return true;
    default:
      return false;
  }
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int __vdso_clock_gettime(int clock, TimeSpec* time) {
  ClockKind kind;
  uint64_t now;
  if (!kind_of(clock, &kind) || !read(kind, &now))
    return static_cast<int>(system_call(kSystemClockGetTime, clock, time));
  time->seconds = static_cast<int64_t>(now / kNanosecondsPerSecond);
  time->nanoseconds = static_cast<int64_t>(now % kNanosecondsPerSecond);
  return 0;
}

__attribute__((visibility("default"))) int __vdso_gettimeofday(TimeValue* time, TimeZone* zone) {
  uint64_t now = 0;
  if (time && !read(ClockKind::Wall, &now))
    return static_cast<int>(system_call(kSystemGetTimeOfDay, reinterpret_cast<long>(time), zone));
  if (time) {
    time->seconds = static_cast<int64_t>(now / kNanosecondsPerSecond);
    time->microseconds =
        static_cast<int64_t>(now % kNanosecondsPerSecond / kNanosecondsPerMicrosecond);
  }
  if (zone) *zone = {0, 0};
  return 0;
}

__attribute__((visibility("default"))) int64_t __vdso_time(int64_t* time) {
  uint64_t now;
  if (!read(ClockKind::Wall, &now))
    return system_call(kSystemTime, reinterpret_cast<long>(time), nullptr);
  const int64_t seconds = static_cast<int64_t>(now / kNanosecondsPerSecond);
  if (time) *time = seconds;
  return seconds;
}

__attribute__((visibility("default"))) int __vdso_clock_getres(int clock, TimeSpec* resolution) {
  ClockKind kind;
  if (!kind_of(clock, &kind))
    return static_cast<int>(system_call(kSystemClockGetResolution, clock, resolution));
  if (resolution) *resolution = {0, 1};
  return 0;
}

__attribute__((visibility("default"))) int __vdso_getcpu(unsigned* cpu, unsigned* node, void*) {
  // The application runs in ring 0, where GS is the CPU's own record.
  unsigned index;
  asm volatile("movl %%gs:%c1, %0" : "=r"(index) : "i"(runtime::kCpuIndexOffset));
  if (cpu) *cpu = index;
  if (node) *node = 0;
  return 0;
}

#define ALSO_CALLED(name, type) \
  __attribute__((weak, visibility("default"), alias("__vdso_" #name))) type

ALSO_CALLED(clock_gettime, int) clock_gettime(int clock, TimeSpec* time);
ALSO_CALLED(gettimeofday, int) gettimeofday(TimeValue* time, TimeZone* zone);
ALSO_CALLED(time, int64_t) time(int64_t* time);
ALSO_CALLED(clock_getres, int) clock_getres(int clock, TimeSpec* resolution);
ALSO_CALLED(getcpu, int) getcpu(unsigned* cpu, unsigned* node, void*);

}  // extern "C"
