#include "time/watchdog.h"

#include "lib/format.h"
#include "time/clock_judge.h"
#include "time/clock_page.h"
#include "time/clock_source.h"
#include "time/kvmclock.h"
#include "time/reference.h"
#include "time/timer.h"
#include "time/wall_clock.h"

namespace runtime {

namespace {

/// With the second that the wall clock's check may add: less than half a wrap of the shortest reference,
/// the 24-bit power timer's 4.7 s.
constexpr uint64_t kShortestPeriod = kNanosecondsPerSecond * 5 / 4;
/// Frequencies are corrected after these spans, each four times as exact as the one before.
constexpr uint64_t kFirstSpan = kNanosecondsPerSecond;
constexpr uint64_t kSpanFactor = 4;
constexpr uint64_t kLongestSpan = 600 * kNanosecondsPerSecond;
/// How far another CPU's counter may be ahead: more than a reading that an interrupt delays.
constexpr uint64_t kAllowedLead = kNanosecondsPerMillisecond;

Timer timer;
ClockJudge judge;
PairedReading last = {0, 0, 0};
uint64_t span = kFirstSpan;
uint64_t span_watched = 0;    // raw nanoseconds since the last correction
uint64_t span_reference = 0;  // the same on the reference

/// The latest reading of any CPU's time-stamp counter.
uint64_t latest = 0;

void improve_frequency(uint64_t watched, uint64_t reference) {
  span_watched += watched;
  span_reference += reference;
  if (span_reference < span || span > kLongestSpan) return;
  clock_correct_frequency(span_watched, span_reference);
  span *= kSpanFactor;
  span_watched = span_reference = 0;
}

void watch_counter(const ReferenceCounter& counter) {
  const PairedReading now = read_pair(counter);
  const bool is_first = last.tsc == 0;
  const uint64_t watched = clock_raw_of_ticks(now.tsc - last.tsc);
  const uint64_t reference = reference_nanoseconds(counter, last.reference, now.reference);
  const uint64_t uncertainty = clock_raw_of_ticks(now.uncertainty + last.uncertainty);
  last = now;
  if (is_first) return;
  switch (judge.judge(watched, reference, uncertainty)) {
    case ClockVerdict::Good:
      improve_frequency(watched, reference);
      break;
    case ClockVerdict::Suspicious:
      span_watched = span_reference = 0;
      break;
    case ClockVerdict::Broken:
      clock_abandon_counter("the CPU's time-stamp counter does not keep time");
      break;
  }
}

void watch(Timer*) {
  const ReferenceCounter* const reference = best_reference();
  if (clock_source() == ClockSource::TimeStampCounter && reference) watch_counter(*reference);
  wall_clock_check();
  const uint64_t earliest = monotonic_nanoseconds() + kShortestPeriod;
  start_timer(&timer, Deadline::at_nanoseconds(wall_clock_check_time(earliest)));
}

}  // namespace

void watchdog_start() {
  timer.callback = watch;
  watch(&timer);
}

void watchdog_check_cpu() {
  if (clock_source() != ClockSource::TimeStampCounter) {
    if (kvmclock_was_stopped()) wall_clock_check();
    return;
  }
  // Before this CPU's counter is read: whatever comes between the two, such as another program of the host's,
  // only makes `now` later.
  const uint64_t seen = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
  const uint64_t now = ordered_time_stamp_counter();
  // Two CPUs may store at once; the smaller value that may remain only makes the check milder.
  if (now >= seen) {
    __atomic_store_n(&latest, now, __ATOMIC_RELEASE);
  } else if (clock_raw_of_ticks(seen - now) > kAllowedLead) {
    clock_abandon_counter("the CPUs' time-stamp counters differ");
  }
}

}  // namespace runtime
