#include "linux/load_average.h"

#include "lib/types.h"
#include "linux/process_info.h"
#include "sync/spinlock.h"
#include "time/clock.h"

namespace runtime {

namespace {

constexpr uint64_t kStep = 5 * kNanosecondsPerSecond;

struct LoadState {
  LoadAverages averages = {{0, 0, 0}};
  uint64_t time = 0;  // up to which the averages are computed
  uint64_t busy = 0;  // CPU time used until then
};
Locked<LoadState> state(LockRank::Log);  // nothing is taken while it is held

uint64_t busy_nanoseconds() {
  uint64_t busy = 0;
  for (unsigned cpu = 0; cpu < cpu_info().count; ++cpu) {
    const CpuTimes times = cpu_times(cpu);
    busy += times.user + times.system;
  }
  return busy;
}

}  // namespace

LoadAverages load_averages() {
  const uint64_t busy = busy_nanoseconds();
  const uint64_t now = monotonic_nanoseconds();
  return state.with([busy, now](LoadState& s) {
    const uint64_t elapsed = now > s.time ? now - s.time : 0;
    const uint64_t steps = elapsed / kStep;
    if (steps) {
      const uint64_t used = busy > s.busy ? busy - s.busy : 0;
      // In milliseconds, so that the product stays in range for centuries.
      const uint64_t load = ((used / kNanosecondsPerMillisecond) << kLoadFractionBits) /
                            (elapsed / kNanosecondsPerMillisecond);
      advance_load(&s.averages, static_cast<uint32_t>(min_of<uint64_t>(load, UINT32_MAX)), steps);
      s.time = now;
      s.busy = busy;
    }
    return s.averages;
  });
}

}  // namespace runtime
