#include "time/wall_clock.h"

#include "arch/x86_64/rtc.h"
#include "lib/format.h"
#include "lib/types.h"
#include "linux/random.h"
#include "sync/spinlock.h"
#include "time/clock_source.h"
#include "time/kvmclock.h"
#include "time/second_edge.h"
#include "time/timer.h"

namespace runtime {

namespace {

/// The second's edge is known well enough.
constexpr uint64_t kGoodWidth = kNanosecondsPerMillisecond;
/// Smaller jumps are not worth a line in the log.
constexpr int64_t kNotableJump = static_cast<int64_t>(kNanosecondsPerSecond);
/// The hypervisor's wall clock is exact: smaller differences are left to add up.
constexpr int64_t kHypervisorStep = 20 * static_cast<int64_t>(kNanosecondsPerMillisecond);
/// The real-time clock and the counter drift apart by less than 1 in so many: while the search goes on, and
/// later, when a host may slew its clock.
constexpr uint64_t kSearchDriftPart = 20000;
constexpr uint64_t kDriftPart = 1000;
/// What is less is no pause, but a counter whose frequency was not known well at first.
constexpr int64_t kLeastJump = 20 * static_cast<int64_t>(kNanosecondsPerMillisecond);
/// A reading this long before the real-time clock's second is over shows what a pause has added.
constexpr uint64_t kBeforeEdge = 40 * kNanosecondsPerMillisecond;
constexpr int64_t kSlewRate = 500000;  // parts per billion
/// What would take longer than some weeks is no slow correction.
constexpr int64_t kLongestSlew = 1000 * static_cast<int64_t>(kNanosecondsPerSecond);
constexpr uint64_t kNanosecondsPerSlewed = 1000000000 / kSlewRate;

enum class Origin : uint8_t { None, Hypervisor, RealTimeClock };

struct WallClock {
  Origin origin = Origin::None;
  int64_t reference_offset = 0;  // the origin's clock less the monotonic one
  bool follows_search = true;    // what the search for the second's edge finds moves the clock
  bool is_edge_known = false;    // the search is over
  SecondEdge edge;
  uint64_t edge_time = 0;  // when the real-time clock was read last
  int64_t frequency = 0;   // parts per billion
  int64_t slew = 0;        // nanoseconds at `slew_start`
  uint64_t slew_start = 0;
  uint32_t jumps = 0;
};
Locked<WallClock> wall_clock(LockRank::Timer);
Timer search_timer;
Timer slew_timer;

/// The origin's clock is now `offset` ahead of the monotonic one.
void move_reference(WallClock& state, int64_t offset, bool moves_clock) {
  if (moves_clock) clock_set_wall_offset(clock_wall_offset() + (offset - state.reference_offset));
  state.reference_offset = offset;
}

int64_t hypervisor_offset() {
  // Not quite at the same moment, but both without a wait in between.
  return static_cast<int64_t>(kvmclock_wall_base() + kvmclock_now()) -
         static_cast<int64_t>(monotonic_nanoseconds());
}

struct RtcReading {
  uint64_t seconds = 0;
  uint64_t before = 0;
  uint64_t after = 0;
};

bool read_rtc(RtcReading* reading) {
  reading->before = monotonic_nanoseconds();
  reading->seconds = rtc_try_read();
  reading->after = monotonic_nanoseconds();
  return reading->seconds != 0;
}

void note_jump(int64_t moved) {
  random_note_jump();
  const bool is_notable = moved >= kNotableJump || moved <= -kNotableJump;
  log(is_notable ? LogLevel::Info : LogLevel::Debug,
      "the machine was paused, or its date was set: the wall clock moves by %lld ms",
      static_cast<long long>(moved / static_cast<int64_t>(kNanosecondsPerMillisecond)));
}

/// Asks the real-time clock. Returns by how much the wall clock has jumped, 0 when it has not.
int64_t check_rtc(WallClock& state) {
  RtcReading reading;  // under the lock: the clock's registers are reached through an index
  if (!read_rtc(&reading)) return 0;  // an update in progress tells nothing
  state.edge.widen((reading.before - state.edge_time) /
                   (state.is_edge_known ? kDriftPart : kSearchDriftPart));
  state.edge_time = reading.before;
  if (!state.edge.add(reading.seconds, reading.before, reading.after)) {
    const int64_t moved = state.edge.least() - state.reference_offset;
    state.is_edge_known = false;
    state.follows_search = true;
    move_reference(state, state.edge.least(), true);
    return moved < kLeastJump && moved > -kLeastJump ? 0 : moved;
  }
  int64_t offset = min_of(max_of(state.reference_offset, state.edge.least()), state.edge.most());
  if (!state.is_edge_known && state.edge.width() <= kGoodWidth) {
    state.is_edge_known = true;
    offset = state.edge.middle();
  }
  move_reference(state, offset, state.follows_search);
  return 0;
}

/// Returns by how much the clock has jumped, 0 when it has not.
int64_t check_hypervisor(WallClock& state) {
  const int64_t offset = hypervisor_offset();
  const int64_t moved = offset - state.reference_offset;
  if (moved < kHypervisorStep && moved > -kHypervisorStep) return 0;
  move_reference(state, offset, true);
  return moved;
}

/// Asks whatever the date is from. Returns whether the search for the second's edge has to go on.
bool check() {
  bool searches = false;
  const int64_t jump = wall_clock.with([&searches](WallClock& state) -> int64_t {
    if (state.origin == Origin::None) return 0;
    const bool has_rtc = state.origin == Origin::RealTimeClock;
    const int64_t moved = has_rtc ? check_rtc(state) : check_hypervisor(state);
    if (moved) ++state.jumps;
    searches = has_rtc && !state.is_edge_known;
    return moved;
  });
  if (jump) note_jump(jump);
  return searches;
}

void search(Timer*) {
  if (!check()) return;
  const uint64_t next = wall_clock.with([](WallClock& state) {
    return state.edge.next_reading(monotonic_nanoseconds() + kNanosecondsPerMillisecond);
  });
  start_timer(&search_timer, Deadline::at_nanoseconds(next));
}

void end_slew(Timer*) {
  const int64_t frequency = wall_clock.with([](WallClock& state) {
    state.slew = 0;
    return state.frequency;
  });
  clock_set_rate(frequency);
}

int64_t slew_left(const WallClock& state) {
  const int64_t done =
      static_cast<int64_t>((monotonic_nanoseconds() - state.slew_start) / kNanosecondsPerSlewed);
  if (state.slew > 0) return done < state.slew ? state.slew - done : 0;
  return done < -state.slew ? state.slew + done : 0;
}

}  // namespace

void wall_clock_start(bool has_hypervisor_clock) {
  // Another CPU may run what the first check starts while this one is still in it.
  slew_timer.callback = end_slew;
  search_timer.callback = search;
  wall_clock.with([=](WallClock& state) {
    if (has_hypervisor_clock) {
      state.origin = Origin::Hypervisor;
      state.reference_offset = hypervisor_offset();
    } else {
      const uint64_t before = monotonic_nanoseconds();
      const uint64_t seconds = rtc_seconds();
      if (seconds == 0) return;  // 1970: no date is known
      state.origin = Origin::RealTimeClock;
      state.edge_time = before;
      (void)state.edge.add(seconds, before, monotonic_nanoseconds());
      state.reference_offset = state.edge.least();
    }
    clock_set_wall_offset(state.reference_offset);
  });
}

void wall_clock_watch() {
  const Origin origin = wall_clock.with([](WallClock& state) { return state.origin; });
  if (origin == Origin::None)
    log(LogLevel::Warn,
        "the machine has no clock that knows the date: it is 1970 until the app sets it");
  if (origin == Origin::RealTimeClock) search(&search_timer);
}

void wall_clock_check() {
  if (check()) start_timer(&search_timer, Deadline::after(0));
}

uint64_t wall_clock_check_time(uint64_t earliest) {
  return wall_clock.with([earliest](WallClock& state) {
    if (state.origin != Origin::RealTimeClock) return earliest;
    const uint64_t fraction =
        (earliest + kBeforeEdge + static_cast<uint64_t>(state.reference_offset)) %
        kNanosecondsPerSecond;
    return earliest + (kNanosecondsPerSecond - fraction);
  });
}

void wall_clock_set(uint64_t nanoseconds) {
  wall_clock.with([nanoseconds](WallClock& state) {
    state.follows_search = false;
    clock_set_wall_offset(static_cast<int64_t>(nanoseconds - monotonic_nanoseconds()));
  });
}

void wall_clock_step(int64_t nanoseconds) {
  wall_clock.with([nanoseconds](WallClock& state) {
    state.follows_search = false;
    clock_set_wall_offset(clock_wall_offset() + nanoseconds);
  });
}

void wall_clock_slew(int64_t nanoseconds) {
  nanoseconds = max_of(min_of(nanoseconds, kLongestSlew), -kLongestSlew);
  const int64_t rate = wall_clock.with([nanoseconds](WallClock& state) -> int64_t {
    state.follows_search = false;
    state.slew = nanoseconds;
    state.slew_start = monotonic_nanoseconds();
    if (nanoseconds == 0) return state.frequency;
    return state.frequency + (nanoseconds > 0 ? kSlewRate : -kSlewRate);
  });
  clock_set_rate(rate);
  const uint64_t amount = static_cast<uint64_t>(nanoseconds < 0 ? -nanoseconds : nanoseconds);
  if (amount == 0) {
    cancel_timer(&slew_timer);
  } else {
    start_timer(&slew_timer, Deadline::after(amount * kNanosecondsPerSlewed));
  }
}

int64_t wall_clock_slew_left() {
  return wall_clock.with([](WallClock& state) { return slew_left(state); });
}

void wall_clock_set_frequency(int64_t parts_per_billion) {
  const int64_t slew = wall_clock.with([parts_per_billion](WallClock& state) {
    state.frequency = parts_per_billion;
    return slew_left(state);
  });
  wall_clock_slew(slew);
}

int64_t wall_clock_frequency() {
  return wall_clock.with([](WallClock& state) { return state.frequency; });
}

uint32_t wall_clock_jumps() {
  return wall_clock.with([](WallClock& state) { return state.jumps; });
}

}  // namespace runtime
