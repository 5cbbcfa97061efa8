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
/// A clock that does not move at all for so long, several times in a row, stands still or has gone back.
constexpr uint64_t kStillness = kNanosecondsPerMillisecond;
constexpr unsigned kStillStrikes = 3;
constexpr uint64_t kProvokedDelay = 3 * kNanosecondsPerSecond;

Timer timer;
ClockJudge judge;
const ReferenceCounter* judging = nullptr;  // what the last reading was of
unsigned reference_stillness = 0;
unsigned source_stillness = 0;
Timer provoked_timer;
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

void note_still_reference(const ReferenceCounter& counter) {
  if (++reference_stillness < kStillStrikes) return;
  reference_stillness = 0;
  abandon_reference(counter.kind);
  log(LogLevel::Warn, "the %s stands still: the clocks are not compared with it any more",
      counter.name);
}

void watch_counter(const ReferenceCounter& counter) {
  const PairedReading now = read_pair(counter);
  const bool is_first = judging != &counter;
  judging = &counter;
  const uint64_t watched = clock_raw_of_ticks(now.tsc - last.tsc);
  const uint64_t reference = reference_nanoseconds(counter, last.reference, now.reference);
  const uint64_t uncertainty = clock_raw_of_ticks(now.uncertainty + last.uncertainty);
  last = now;
  if (is_first) return;
  if (reference == 0 && watched >= kStillness) {
    note_still_reference(counter);
    return;
  }
  reference_stillness = 0;
  switch (judge.judge(watched, reference, uncertainty)) {
    case ClockVerdict::Good:
      improve_frequency(watched, reference);
      break;
    case ClockVerdict::Suspicious:
      span_watched = span_reference = 0;
      break;
    case ClockVerdict::Broken:
      clock_abandon_source(ClockSource::TimeStampCounter,
                           "the CPU's time-stamp counter does not keep time");
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
  provoked_timer.callback = [](Timer*) { provoke_clock_now(); };
  start_timer(&provoked_timer, Deadline::after(kProvokedDelay));
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
    clock_abandon_source(ClockSource::TimeStampCounter, "the CPUs' time-stamp counters differ");
  }
}

void watchdog_check_alarm(uint64_t set, uint64_t wait) {
  const ClockSource source = clock_source();
  if (wait < kStillness) return;
  if (monotonic_nanoseconds() > set) {
    __atomic_store_n(&source_stillness, 0, __ATOMIC_RELAXED);
    return;
  }
  if (__atomic_add_fetch(&source_stillness, 1, __ATOMIC_RELAXED) < kStillStrikes) return;
  __atomic_store_n(&source_stillness, 0, __ATOMIC_RELAXED);
  clock_abandon_source(source, "the clock stands still");
}

}  // namespace runtime
