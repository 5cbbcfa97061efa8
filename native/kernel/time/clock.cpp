// Choosing, starting and steering what the clocks run from.
#include "time/clock.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "boot/image_layout.h"
#include "interrupts/apic.h"
#include "lib/format.h"
#include "lib/types.h"
#include "sync/spinlock.h"
#include "time/alarm.h"
#include "time/clock_page.h"
#include "time/clock_source.h"
#include "time/frequency.h"
#include "time/kvmclock.h"
#include "time/reference.h"
#include "time/timer.h"
#include "time/wall_clock.h"
#include "time/watchdog.h"
#include "vdso/layout.h"

namespace runtime {

namespace {

/// Long enough that the moment of a reading (less than a microsecond) matters less than 1 in 1000; what the
/// app's first second measures is corrected in the background.
constexpr uint64_t kCalibrationNanoseconds = kNanosecondsPerMillisecond;
/// The app's start comes first.
constexpr uint64_t kBackgroundDelay = kNanosecondsPerSecond / 2;
/// Readings of a counter that stands still before it is given up.
constexpr unsigned kMostCalibrationReadings = 1000000;

/// What the vDSO maps.
struct ClockPages {
  alignas(kPageSize) ClockPage clock;
  alignas(kPageSize) ParavirtualTime records[kPageSize / sizeof(ParavirtualTime)];
};
static_assert(sizeof(ClockPages) == kVdsoDataPages * kPageSize, "vdso/layout.h draws it");
ClockPages pages;

/// Guards writing the page.
SpinLock writer_lock(LockRank::Device);

ClockSource source = ClockSource::None;
const ReferenceCounter* slow_counter = nullptr;  // with sources Hpet and PowerTimer
uint64_t slow_ticks = 0;                         // its latest reading, without wraps
int64_t rate_correction = 0;                     // parts per billion
uint64_t tsc_frequency = 0;
uint64_t nanoseconds_before_entry = 0;
bool is_counter_good = true;  // the time-stamp counter

Timer background_timer;

struct Calibration {
  const ReferenceCounter* reference;
  PairedReading begin;
  uint32_t apic;
  ToldFrequencies told;
};
Calibration calibration;

/// A counter that wraps, without wraps. Needs a reading in each half of its range: the watchdog's are.
uint64_t read_slow_counter() {
  const uint64_t mask = slow_counter->mask;
  uint64_t last = __atomic_load_n(&slow_ticks, __ATOMIC_ACQUIRE);
  for (;;) {
    const uint64_t ahead = (slow_counter->read() - last) & mask;
    if (ahead > mask / 2) return last;  // another CPU read it after this one did
    if (__atomic_compare_exchange_n(&slow_ticks, &last, last + ahead, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
      return last + ahead;
  }
}

/// KVM's clock when its records differ between the CPUs: what one CPU has seen, no other goes behind.
uint64_t read_unstable_kvmclock() {
  const bool enabled = interrupts_enabled();
  disable_interrupts();
  const uint64_t now = kvmclock_read();
  if (enabled) enable_interrupts();
  uint64_t last = __atomic_load_n(&slow_ticks, __ATOMIC_ACQUIRE);
  while (now > last) {
    if (__atomic_compare_exchange_n(&slow_ticks, &last, now, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
      return now;
  }
  return last;
}

struct KernelTicks {
  bool operator()(uint64_t* ticks) const {
    if (slow_counter) {
      *ticks = read_slow_counter();
    } else if (source == ClockSource::Kvmclock) {
      *ticks = read_unstable_kvmclock();
    } else {
      return false;  // not started yet
    }
    return true;
  }
};

uint64_t read(ClockKind kind) {
  uint64_t now = 0;
  if (read_clock(pages.clock, pages.records[0], kind, KernelTicks(), &now)) return now;
  return kind == ClockKind::Wall ? 0 : nanoseconds_before_entry;  // not started yet
}

uint64_t read_ticks(ClockCounter counter) {
  uint64_t ticks = 0;
  switch (counter) {
    case ClockCounter::TimeStampCounter:
      return ordered_time_stamp_counter();
    case ClockCounter::Paravirtual:
      return read_paravirtual(pages.records[0]);
    case ClockCounter::KernelOnly:
      (void)KernelTicks()(&ticks);
  }
  return ticks;
}

/// Lets `change(ClockPage&)` write. Readers meanwhile wait; whoever holds the lock takes no time.
template <typename Change>
void write_page(Change change) {
  SpinGuard guard(writer_lock);
  ClockPage& page = pages.clock;
  const uint32_t sequence = page.sequence;
  __atomic_store_n(&page.sequence, sequence + 1, __ATOMIC_RELAXED);
  // The odd number is there before what changes, the even one after it; read_clock() observes both.
  __atomic_thread_fence(__ATOMIC_RELEASE);
  change(page);
  __atomic_store_n(&page.sequence, sequence + 2, __ATOMIC_RELEASE);
}

/// Brings the page's base to this moment, so that rates may change from here on.
void rebase(ClockPage& page) {
  const uint64_t ticks = read_ticks(page.counter);
  const uint64_t monotonic = clock_at(page, ClockKind::Monotonic, ticks);
  const uint64_t raw = clock_at(page, ClockKind::MonotonicRaw, ticks);
  page.base_ticks = max_of(ticks, page.base_ticks);
  page.base_nanoseconds = monotonic;
  page.base_raw_nanoseconds = raw;
}

void set_rates(ClockPage& page, uint64_t raw) {
  page.raw_nanoseconds_per_tick = raw;
  page.nanoseconds_per_tick = scale_by_billionths(raw, rate_correction);
}

PhysAddr physical_of(const volatile void* in_image) {
  return PhysAddr(physical_in_image(in_image));
}

const ReferenceCounter* slow_counter_of(ClockSource wanted) {
  if (wanted == ClockSource::Hpet) return find_reference(ReferenceKind::Hpet);
  if (wanted == ClockSource::PowerTimer) return find_reference(ReferenceKind::PowerTimer);
  return nullptr;
}

void choose_source(ClockSource wanted) {
  slow_counter = slow_counter_of(wanted);
  if (slow_counter) {
    slow_ticks = slow_counter->read() & slow_counter->mask;
    source = wanted;
  } else if (wanted != ClockSource::TimeStampCounter &&
             kvmclock_initialise(pages.records, physical_of(pages.records))) {
    source = ClockSource::Kvmclock;
  } else {
    source = ClockSource::TimeStampCounter;
  }
}

/// Measures what nobody told. Returns null, or what is wrong.
const char* end_measurement(uint64_t* apic_frequency) {
  const ReferenceCounter* const reference = calibration.reference;
  if (!reference) return "this machine has no clock: neither HPET, ACPI power timer nor 8254";
  PairedReading end;
  uint32_t apic;
  uint64_t elapsed;
  unsigned readings = 0;
  do {
    end = read_pair(*reference);
    apic = apic_timer_count();
    elapsed = reference_nanoseconds(*reference, calibration.begin.reference, end.reference);
    if (++readings == kMostCalibrationReadings) return "this machine's clock stands still";
  } while (elapsed < kCalibrationNanoseconds);
  apic_timer_stop();
  if (!tsc_frequency)
    tsc_frequency = (end.tsc - calibration.begin.tsc) * kNanosecondsPerSecond / elapsed;
  if (!*apic_frequency)
    *apic_frequency = (calibration.apic - apic) * kNanosecondsPerSecond / elapsed;
  return tsc_frequency && *apic_frequency ? nullptr : "this machine's timers stand still";
}

ClockCounter counter_of_source() {
  if (source == ClockSource::TimeStampCounter) return ClockCounter::TimeStampCounter;
  if (source == ClockSource::Kvmclock && kvmclock_is_stable()) return ClockCounter::Paravirtual;
  return ClockCounter::KernelOnly;
}

uint64_t rate_of_source() {
  if (source == ClockSource::TimeStampCounter)
    return fixed_ratio(kNanosecondsPerSecond, tsc_frequency);
  if (source == ClockSource::Kvmclock) return 1ull << 32;
  return fixed_ratio(kNanosecondsPerSecond, slow_counter->frequency);
}

/// What boot need not wait for: measures the frequency better, watches the source and the wall clock from
/// now on.
void start_background(Timer*) {
  watchdog_start();
  wall_clock_watch();
  log(LogLevel::Info, "clocks run from %s, counter at %llu kHz", clock_source_name(),
      static_cast<unsigned long long>(tsc_frequency / 1000));
}

}  // namespace

void clock_calibration_begin(ClockSource wanted) {
  references_initialise();
  choose_source(wanted);
  calibration.told = told_frequencies();
  if (source == ClockSource::Kvmclock) calibration.told.tsc = kvmclock_tsc_frequency();
  calibration.reference = best_reference();
  if (!calibration.reference) calibration.reference = find_reference(ReferenceKind::Pit);
  apic_timer_start(UINT32_MAX);
  if (calibration.reference) calibration.begin = read_pair(*calibration.reference);
  calibration.apic = apic_timer_count();
}

const char* clock_calibration_end() {
  const bool has_deadline = cpu_has(cpu_feature::kTscDeadline);
  tsc_frequency = calibration.told.tsc;
  uint64_t apic_frequency = calibration.told.apic_timer;
  if (!tsc_frequency || !(apic_frequency || has_deadline)) {
    const char* const problem = end_measurement(&apic_frequency);
    if (problem) return problem;
  }
  apic_timer_stop();
  const uint64_t since_entry = multiply_fixed(ordered_time_stamp_counter() - boot_entry_tsc,
                                              fixed_ratio(kNanosecondsPerSecond, tsc_frequency));
  write_page([since_entry](ClockPage& page) {
    page.counter = counter_of_source();
    page.base_ticks = read_ticks(page.counter);
    page.base_nanoseconds = page.base_raw_nanoseconds = nanoseconds_before_entry + since_entry;
    set_rates(page, rate_of_source());
  });
  alarm_initialise(has_deadline, tsc_frequency, apic_frequency);
  wall_clock_start(source == ClockSource::Kvmclock);
  background_timer.callback = start_background;
  start_timer(&background_timer, Deadline::after(kBackgroundDelay));
  return nullptr;
}

void clock_start_from(uint64_t nanoseconds) { nanoseconds_before_entry = nanoseconds; }
uint64_t clock_start() { return nanoseconds_before_entry; }

void clock_initialise_secondary() {
  if (source == ClockSource::Kvmclock) kvmclock_initialise_secondary();
  watchdog_check_cpu();
}

ClockSource clock_source() { return source; }

uint64_t clock_frequency_hertz() { return tsc_frequency; }

uint64_t clock_raw_of_ticks(uint64_t ticks) {
  return multiply_fixed(ticks, pages.clock.raw_nanoseconds_per_tick);
}

const char* clock_source_name() {
  switch (source) {
    case ClockSource::Kvmclock:
      return kvmclock_is_stable() ? "kvm-clock" : "kvm-clock (unstable)";
    case ClockSource::TimeStampCounter:
      return "tsc";
    case ClockSource::Hpet:
      return "hpet";
    case ClockSource::PowerTimer:
      return "acpi_pm";
    case ClockSource::None:
      break;
  }
  return "none";
}

const void* clock_pages() { return &pages; }

void clock_abandon_source(ClockSource abandoned, const char* why) {
  if (slow_counter && abandoned != ClockSource::TimeStampCounter)
    abandon_reference(slow_counter->kind);
  const ReferenceCounter* const next = best_reference();
  bool has_changed = false;
  // No CPU reads the new counter before the page says so.
  write_page([=, &has_changed](ClockPage& page) {
    if (source != abandoned || !(next || is_counter_good)) return;
    has_changed = true;
    if (abandoned == ClockSource::TimeStampCounter) is_counter_good = false;
    rebase(page);
    if (next) {
      __atomic_store_n(&slow_ticks, next->read() & next->mask, __ATOMIC_RELEASE);
      slow_counter = next;
      source = next->kind == ReferenceKind::Hpet ? ClockSource::Hpet : ClockSource::PowerTimer;
    } else {
      source = ClockSource::TimeStampCounter;  // readers that are late still find the slow counter
    }
    page.counter = counter_of_source();
    page.base_ticks = read_ticks(page.counter);
    set_rates(page, rate_of_source());
  });
  if (has_changed)
    log(LogLevel::Warn, "%s: the clocks run from %s from now on", why, clock_source_name());
}

uint64_t monotonic_nanoseconds() { return read(ClockKind::Monotonic); }
uint64_t raw_nanoseconds() { return read(ClockKind::MonotonicRaw); }
uint64_t wall_clock_nanoseconds() { return read(ClockKind::Wall); }

void clock_set_wall_offset(int64_t offset) {
  write_page([offset](ClockPage& page) { page.wall_offset = offset; });
}

int64_t clock_wall_offset() { return __atomic_load_n(&pages.clock.wall_offset, __ATOMIC_RELAXED); }

void clock_set_rate(int64_t parts_per_billion) {
  write_page([parts_per_billion](ClockPage& page) {
    rebase(page);
    rate_correction = parts_per_billion;
    set_rates(page, page.raw_nanoseconds_per_tick);
  });
}

void clock_correct_frequency(uint64_t raw, uint64_t true_nanoseconds) {
  const int64_t difference = static_cast<int64_t>(true_nanoseconds - raw);
  write_page([raw, difference](ClockPage& page) {
    rebase(page);
    // The counter's nanoseconds per tick are below 2^35 (its ticks come at 1/8 GHz at least) and the
    // difference is a small part of some seconds, so that the product fits.
    const int64_t change = static_cast<int64_t>(page.raw_nanoseconds_per_tick >> 4) * difference /
                           static_cast<int64_t>(raw >> 4);
    set_rates(page, page.raw_nanoseconds_per_tick + static_cast<uint64_t>(change));
    tsc_frequency = (kNanosecondsPerSecond << 32) / page.raw_nanoseconds_per_tick;
  });
}

}  // namespace runtime
