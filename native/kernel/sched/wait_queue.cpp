#include "sched/wait_queue.h"

namespace runtime {

void WaitQueue::add(WaitEntry* entry) {
  SpinGuard guard(lock_);
  entry->queue = this;
  entries_.push_back(entry);
}

void WaitQueue::remove(WaitEntry* entry) {
  SpinGuard guard(lock_);
  entry->node.unlink();
  entry->queue = nullptr;
}

void WaitQueue::wake_all(uint32_t events) {
  SpinGuard guard(lock_);
  entries_.for_each([events](WaitEntry* entry) { entry->callback(entry, events); });
}

void WaitQueue::wake_one(uint32_t events) {
  SpinGuard guard(lock_);
  bool used = false;
  entries_.for_each([&](WaitEntry* entry) {
    if (!used) used = entry->callback(entry, events);
  });
}

}  // namespace runtime
