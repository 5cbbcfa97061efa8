#include "sched/run_queue.h"

#include "lib/types.h"
#include "time/clock.h"

namespace runtime {

namespace {

constexpr uint64_t kSleeperCredit = 3 * kNanosecondsPerMillisecond;
constexpr uint64_t kWeightOfNice0 = 1024;

uint64_t weight_of(int nice) {
  uint64_t weight = kWeightOfNice0;
  for (int step = 0; step < nice; ++step) weight = weight * 4 / 5;
  for (int step = 0; step > nice; --step) weight = weight * 5 / 4;
  return weight;
}

bool may_run_on(const RunQueueEntry* entry, uint64_t cpus) {
  return (__atomic_load_n(&entry->affinity, __ATOMIC_RELAXED) & cpus) != 0;
}

}  // namespace

uint64_t weighted_runtime(uint64_t used, int nice) {
  return nice == 0 ? used : used * kWeightOfNice0 / weight_of(nice);
}

uint64_t reweighted_runtime(uint64_t weighted, int before, int after) {
  return before == after ? weighted : weighted * weight_of(before) / weight_of(after);
}

void RunQueue::add(RunQueueEntry* entry) {
  RunQueueEntry* later = entries_.front();
  while (later && later->virtual_runtime <= entry->virtual_runtime) later = entries_.next(later);
  if (later) {
    entries_.insert_before(later, entry);
  } else {
    entries_.push_back(entry);
  }
  set_length(length_ + 1);
}

void RunQueue::remove(RunQueueEntry* entry) {
  entry->run_node.unlink();
  set_length(length_ - 1);
}

RunQueueEntry* RunQueue::take_for(unsigned cpu) {
  for (RunQueueEntry* entry = entries_.front(); entry; entry = entries_.next(entry)) {
    if (!may_run_on(entry, 1ull << cpu)) continue;
    remove(entry);
    return entry;
  }
  return nullptr;
}

RunQueueEntry* RunQueue::take_last_for(uint64_t cpus) {
  RunQueueEntry* last = nullptr;
  for (RunQueueEntry* entry = entries_.front(); entry; entry = entries_.next(entry))
    if (may_run_on(entry, cpus)) last = entry;
  if (last) remove(last);
  return last;
}

void RunQueue::leave(RunQueueEntry* entry) const {
  entry->virtual_runtime =
      entry->virtual_runtime > minimum_ ? entry->virtual_runtime - minimum_ : 0;
}

void RunQueue::enter(RunQueueEntry* entry) const { entry->virtual_runtime += minimum_; }

void RunQueue::limit_credit(RunQueueEntry* entry, int running) {
  int heaviest = running;
  for (RunQueueEntry* other = entries_.front(); other; other = entries_.next(other))
    heaviest = min_of(heaviest, other->nice);
  const uint64_t credit = weighted_runtime(kSleeperCredit, max_of(heaviest, 0));
  const uint64_t floor = minimum_ > credit ? minimum_ - credit : 0;
  if (entry->virtual_runtime < floor) entry->virtual_runtime = floor;
}

void RunQueue::reweigh(RunQueueEntry* entry, int nice) {
  const bool is_queued = entry->run_node.is_linked();
  if (is_queued) remove(entry);
  if (entry->virtual_runtime > minimum_) {
    const uint64_t ahead = entry->virtual_runtime - minimum_;
    entry->virtual_runtime = minimum_ + reweighted_runtime(ahead, entry->nice, nice);
  }
  entry->nice = nice;
  if (is_queued) add(entry);
}

void RunQueue::advance(const RunQueueEntry* entry) {
  if (entry->virtual_runtime > minimum_) minimum_ = entry->virtual_runtime;
}

}  // namespace runtime
