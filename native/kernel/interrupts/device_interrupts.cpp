#include "interrupts/device_interrupts.h"

#include "lib/format.h"
#include "lib/types.h"
#include "platform/service_events.h"
#include "sync/spinlock.h"
#include "time/clock.h"
#include "time/timer.h"

namespace runtime {

namespace {

constexpr unsigned kLineVectorBase = kDeviceVectorBase + kMaximumInterrupts;
constexpr uint32_t kMaximumLines = 32;
static_assert(kLineVectorBase + kMaximumLines <= kDeviceVectorEnd, "vectors of devices");
/// A message that nobody wants may be on its way when its interrupt is given back; more are a fault.
constexpr uint32_t kStorm = 1000;
/// Who shares a line may take so long to acknowledge before the others go on without.
constexpr uint64_t kAcknowledgePatience = kNanosecondsPerSecond;
/// Interrupts of a kernel's line in a second that are more than anything needs, even with a reason.
constexpr uint32_t kFlood = 20000;

enum class Kind : uint8_t { Free, Message, Line };

struct Slot {
  Kind kind = Kind::Free;
  uint8_t line = 0;  // index of its line
  bool awaits_acknowledge = false;
  bool is_quiet = false;  // its device is kept from interrupting until it has acknowledged
  bool was_reported = false;
  uint8_t word = kServiceWord;  // who is woken
  uint32_t owner = 0;
  uint32_t unexpected = 0;
};

struct Line {
  uint32_t number = 0;
  unsigned users = 0;
  unsigned awaited = 0;  // users that have not acknowledged yet; the line is masked until then
  uint64_t masked_since = 0;
  bool is_watched = false;  // its timer runs
  // The kernel's own user, who is counted among the users.
  LineHandler handler = nullptr;
  LineStormHandler storm_handler = nullptr;
  void* context = nullptr;
  uint32_t unwanted = 0;      // in a row
  uint32_t recent = 0;        // in the second that began at
  uint64_t recent_since = 0;  // (monotonic nanoseconds)
  bool is_silenced = false;

  bool has_devices() const { return users > (handler ? 1u : 0u); }
};

struct Table {
  Slot slots[kMaximumInterrupts];
  Line lines[kMaximumLines];
  uint32_t* counts = nullptr;
  StormHandler storm_handler = nullptr;
  LineQuieter line_quieter = nullptr;
  uint64_t unwanted_lines = 0;
};

SpinLock lock(LockRank::Device);
Table table;  // guarded by `lock`
/// For lines that are masked. Another CPU may look at a line whose timer is about to run again: that does no harm.
Timer line_timers[kMaximumLines];

/// A free id. The one that was used longest ago would be best; the lowest is good enough.
Result<uint32_t> take_slot(Kind kind) {
  for (uint32_t id = 0; id < kMaximumInterrupts; ++id) {
    Slot& slot = table.slots[id];
    if (slot.kind != Kind::Free) continue;
    slot = Slot();
    slot.kind = kind;
    return id;
  }
  return Errno::NoSpace;
}

void count(uint32_t id) {
  if (table.counts) __atomic_fetch_add(&table.counts[id], 1, __ATOMIC_SEQ_CST);
}

/// A user of the line is content. Returns true when it was the last one that was waited for.
bool settle(Slot* slot) {
  if (!slot->awaits_acknowledge) return false;
  slot->awaits_acknowledge = false;
  return --table.lines[slot->line].awaited == 0;
}

/// What a line number stands for must be done outside the lock: the I/O APICs have one of their own.
constexpr uint32_t kNoLine = UINT32_MAX;

enum class LineChange { None, Mask, Unmask };

/// Takes the slot off its line, with the lock held. Returns what is to be done to the line.
LineChange leave_line(Slot* slot) {
  LineChange change = LineChange::None;
  if (settle(slot)) change = LineChange::Unmask;
  if (--table.lines[slot->line].users == 0) change = LineChange::Mask;
  return change;
}

LineChange release(uint32_t id, uint32_t* line_number) {
  SpinGuard guard(lock);
  Slot& slot = table.slots[id];
  LineChange change = LineChange::None;
  if (slot.kind == Kind::Line) {
    *line_number = table.lines[slot.line].number;
    change = leave_line(&slot);
  }
  slot.kind = Kind::Free;
  return change;
}

void message_arrived(uint32_t id) {
  bool is_wanted;
  uint32_t word = kServiceWord;
  StormHandler handler = nullptr;
  uint32_t owner = 0;
  uint32_t unexpected = 0;
  {
    SpinGuard guard(lock);
    Slot& slot = table.slots[id];
    is_wanted = slot.kind == Kind::Message;
    if (is_wanted) {
      count(id);
      word = slot.word;
    } else {
      unexpected = ++slot.unexpected;
      owner = slot.owner;
      if (unexpected == kStorm) handler = table.storm_handler;
    }
  }
  if (is_wanted) {
    notify_event_word(word, RUNTIME_EVENT_INTERRUPT);
    return;
  }
  if (unexpected == 1) log(LogLevel::Debug, "interrupt %u came after its driver gave it back", id);
  if (handler) {
    log(LogLevel::Warn, "interrupt %u came %u times and nobody wants it: its source is silenced",
        id, kStorm);
    handler(owner);
  }
}

Line line_at(uint32_t index) {
  SpinGuard guard(lock);
  return table.lines[index];
}

/// Counts an interrupt that only the kernel's handler has heard. Returns true when it is one too many:
/// the line is to be masked.
bool is_storm(Line* line, bool was_wanted) {
  if (was_wanted) {
    line->unwanted = 0;
  } else {
    ++line->unwanted;
    ++table.unwanted_lines;
  }
  const uint64_t now = monotonic_nanoseconds();
  if (now - line->recent_since >= kNanosecondsPerSecond) {
    line->recent_since = now;
    line->recent = 0;
  }
  ++line->recent;
  if (line->is_silenced || (line->unwanted < kStorm && line->recent < kFlood)) return false;
  line->is_silenced = true;
  return true;
}

/// Returns true when nobody but the kernel listens to the line.
bool serve_kernel_line(uint32_t index, const Line& line) {
  const bool was_wanted = line.handler(line.context);
  bool has_devices;
  bool has_storm = false;
  {
    SpinGuard guard(lock);
    has_devices = table.lines[index].has_devices();
    if (!has_devices) has_storm = is_storm(&table.lines[index], was_wanted);
  }
  if (has_storm) {
    apic_mask_line(line.number, true);
    log(LogLevel::Warn, "interrupt line %u does not stop firing (%s): it is masked", line.number,
        was_wanted ? "its device keeps asking" : "nobody wants it");
    if (line.storm_handler) line.storm_handler(line.context);
  }
  return !has_devices;
}

/// Lets a device interrupt again that was kept from it.
void let_interrupt(uint32_t owner) {
  if (table.line_quieter) table.line_quieter(owner, false);
}

/// A device that is kept from interrupting is not waited for any more. Returns true when it was the last one.
bool leave_out(uint32_t id, uint32_t index, uint32_t owner) {
  bool has_acknowledged = false;
  bool was_last = false;
  {
    SpinGuard guard(lock);
    Slot& slot = table.slots[id];
    if (slot.kind != Kind::Line || slot.line != index || slot.owner != owner) return false;
    has_acknowledged = !slot.is_quiet;
    if (!has_acknowledged) was_last = settle(&slot);
  }
  if (has_acknowledged) let_interrupt(owner);  // which came before it was kept from it
  return was_last;
}

/// Takes a user out that has not acknowledged in time. Returns true when the others need not wait any more.
bool quiet_late_user(uint32_t id, uint32_t index) {
  uint32_t owner;
  bool is_news;
  {
    SpinGuard guard(lock);
    Slot& slot = table.slots[id];
    if (slot.kind != Kind::Line || slot.line != index || !slot.awaits_acknowledge ||
        slot.owner == kNoOwner)
      return false;
    slot.is_quiet = true;
    owner = slot.owner;
    is_news = !slot.was_reported;
    slot.was_reported = true;
  }
  table.line_quieter(owner, true);
  if (is_news)
    log(LogLevel::Warn,
        "interrupt %u has not been acknowledged for a second: its device is kept from interrupting "
        "until it is, for the others on its line",
        id);
  return leave_out(id, index, owner);
}

void start_line_timer(uint32_t index, uint64_t at);

/// Looks at a line that was masked a while ago.
void watch_line(Timer* timer) {
  const auto index = static_cast<uint32_t>(timer - line_timers);
  uint64_t later = 0;
  uint32_t number;
  {
    SpinGuard guard(lock);
    Line& line = table.lines[index];
    number = line.number;
    const uint64_t end = line.masked_since + kAcknowledgePatience;
    if (line.awaited > 0 && monotonic_nanoseconds() < end) later = end;
    line.is_watched = later != 0;
    if (line.awaited == 0 || !table.line_quieter) return;
  }
  if (later) return start_line_timer(index, later);
  bool is_free = false;
  for (uint32_t id = 0; id < kMaximumInterrupts; ++id)
    if (quiet_late_user(id, index)) is_free = true;
  if (is_free) apic_mask_line(number, false);
}

void start_line_timer(uint32_t index, uint64_t at) {
  line_timers[index].callback = watch_line;
  start_timer(&line_timers[index], Deadline::at_nanoseconds(at));
}

void line_fired(uint32_t index) {
  const Line line = line_at(index);
  if (line.handler && serve_kernel_line(index, line)) return;
  apic_mask_line(line.number, true);  // before anybody can see the count and acknowledge
  uint32_t woken = 0;                 // a bit for each event word
  uint64_t watched_until = 0;
  {
    SpinGuard guard(lock);
    Line& fired = table.lines[index];
    fired.masked_since = monotonic_nanoseconds();
    if (fired.users > 1 && !fired.is_watched) {
      fired.is_watched = true;
      watched_until = fired.masked_since + kAcknowledgePatience;
    }
    for (uint32_t id = 0; id < kMaximumInterrupts; ++id) {
      Slot& slot = table.slots[id];
      if (slot.kind != Kind::Line || slot.line != index || slot.is_quiet) continue;
      count(id);
      woken |= 1u << slot.word;
      if (!slot.awaits_acknowledge) ++table.lines[index].awaited;
      slot.awaits_acknowledge = true;
    }
  }
  if (watched_until) start_line_timer(index, watched_until);
  for (uint32_t word = 0; word < kEventWords; ++word)
    if (woken >> word & 1) notify_event_word(word, RUNTIME_EVENT_INTERRUPT);
}

/// The table's entry for a line, or a free one, with the lock held. Returns false when there is none.
bool find_line(const InterruptLine& line, uint32_t* index, bool* is_new) {
  *index = 0;
  while (*index < kMaximumLines &&
         !(table.lines[*index].users && table.lines[*index].number == line.number))
    ++*index;
  *is_new = *index == kMaximumLines;
  if (!*is_new) return true;
  *index = 0;
  while (*index < kMaximumLines && table.lines[*index].users) ++*index;
  return *index < kMaximumLines;
}

}  // namespace

void set_interrupt_counts(uint32_t* counts) {
  SpinGuard guard(lock);
  table.counts = counts;
}

void set_storm_handler(StormHandler handler) {
  SpinGuard guard(lock);
  table.storm_handler = handler;
}

void set_line_quieter(LineQuieter quieter) {
  SpinGuard guard(lock);
  table.line_quieter = quieter;
}

Result<uint32_t> open_message_interrupt(uint32_t owner) {
  SpinGuard guard(lock);
  Result<uint32_t> id = take_slot(Kind::Message);
  if (!id.is_error()) table.slots[id.value()].owner = owner;
  return id;
}

void direct_interrupt(uint32_t id, uint32_t word) {
  if (id >= kMaximumInterrupts || word >= kEventWords) return;
  SpinGuard guard(lock);
  if (table.slots[id].kind != Kind::Free) table.slots[id].word = static_cast<uint8_t>(word);
}

unsigned message_vector(uint32_t id) { return kDeviceVectorBase + id; }

Result<uint32_t> open_line_interrupt(const InterruptLine& line, uint32_t owner) {
  if (!apic_has_line(line.number)) return Errno::NoDeviceOrAddress;
  uint32_t index = 0;
  uint32_t id = 0;
  bool is_new = false;
  {
    SpinGuard guard(lock);
    if (!find_line(line, &index, &is_new)) return Errno::NoSpace;
    Result<uint32_t> slot = take_slot(Kind::Line);
    if (slot.is_error()) return slot.error();
    id = slot.value();
    table.slots[id].line = static_cast<uint8_t>(index);
    table.slots[id].owner = owner;
    if (is_new) table.lines[index] = Line();
    table.lines[index].number = line.number;
    ++table.lines[index].users;
  }
  if (is_new) apic_route_line(line, kLineVectorBase + index);
  return id;
}

Result<void> move_line_interrupt(uint32_t id, uint32_t from, const InterruptLine& to) {
  if (id >= kMaximumInterrupts || !apic_has_line(to.number)) return Errno::NoDeviceOrAddress;
  uint32_t index = 0;
  bool is_new = false;
  LineChange change = LineChange::None;
  {
    SpinGuard guard(lock);
    Slot& slot = table.slots[id];
    if (slot.kind != Kind::Line || table.lines[slot.line].number != from) return {};
    if (!find_line(to, &index, &is_new)) return Errno::NoSpace;
    change = leave_line(&slot);
    if (is_new) table.lines[index] = Line();
    table.lines[index].number = to.number;
    ++table.lines[index].users;
    slot.line = static_cast<uint8_t>(index);
  }
  if (change != LineChange::None) apic_mask_line(from, change == LineChange::Mask);
  if (is_new) apic_route_line(to, kLineVectorBase + index);
  return {};
}

Result<void> open_kernel_line(const InterruptLine& line, LineHandler handler,
                              LineStormHandler storm_handler, void* context) {
  if (!apic_has_line(line.number)) return Errno::NoDeviceOrAddress;
  uint32_t index = 0;
  bool is_new = false;
  {
    SpinGuard guard(lock);
    if (!find_line(line, &index, &is_new)) return Errno::NoSpace;
    Line& found = table.lines[index];
    if (is_new) found = Line();
    if (found.handler) return Errno::Busy;
    found.number = line.number;
    found.handler = handler;
    found.storm_handler = storm_handler;
    found.context = context;
    ++found.users;
  }
  if (is_new) apic_route_line(line, kLineVectorBase + index);
  return {};
}

uint64_t unwanted_line_interrupts() {
  SpinGuard guard(lock);
  return table.unwanted_lines;
}

void acknowledge_interrupt(uint32_t id) {
  if (id >= kMaximumInterrupts) return;
  uint32_t number = kNoLine;
  uint32_t kept = kNoOwner;
  {
    SpinGuard guard(lock);
    Slot& slot = table.slots[id];
    if (slot.kind != Kind::Line) return;
    if (slot.is_quiet) kept = slot.owner;
    slot.is_quiet = false;
    if (settle(&slot)) number = table.lines[slot.line].number;
  }
  if (kept != kNoOwner) let_interrupt(kept);
  if (number != kNoLine) apic_mask_line(number, false);
}

void release_interrupt(uint32_t id) {
  if (id >= kMaximumInterrupts) return;
  uint32_t number = kNoLine;
  const LineChange change = release(id, &number);
  if (change != LineChange::None) apic_mask_line(number, change == LineChange::Mask);
}

void release_all_interrupts() {
  for (uint32_t id = 0; id < kMaximumInterrupts; ++id) release_interrupt(id);
}

bool device_vector_use(unsigned vector, DeviceVectorUse* use) {
  if (vector < kDeviceVectorBase || vector >= kLineVectorBase + kMaximumLines) return false;
  SpinGuard guard(lock);
  use->is_line = vector >= kLineVectorBase;
  if (use->is_line) {
    const Line& line = table.lines[vector - kLineVectorBase];
    use->line = line.number;
    return line.users != 0;
  }
  const Slot& slot = table.slots[vector - kDeviceVectorBase];
  use->owner = slot.owner;
  return slot.kind == Kind::Message;
}

bool handle_device_interrupt(unsigned vector) {
  if (vector < kDeviceVectorBase) return false;
  if (vector < kLineVectorBase) {
    message_arrived(vector - kDeviceVectorBase);
    return true;
  }
  if (vector >= kLineVectorBase + kMaximumLines) return false;
  line_fired(vector - kLineVectorBase);
  return true;
}

}  // namespace runtime
