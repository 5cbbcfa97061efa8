#include "timers.h"

#include "kernel_interface.h"

namespace runtime {

uint32_t Timers::Add(Timer timer) {
  do {
    ++last_id_;
  } while (last_id_ == 0 || timers_.contains(last_id_));  // after 2^32 timers ids come round again
  order_.emplace(timer.deadline, last_id_);
  timers_.emplace(last_id_, std::move(timer));
  return last_id_;
}

void Timers::Remove(uint32_t id) {
  const auto found = timers_.find(id);
  if (found == timers_.end()) return;
  order_.erase({found->second.deadline, id});
  timers_.erase(found);
}

uint64_t Timers::NextDeadline() const {
  return order_.empty() ? RUNTIME_NO_DEADLINE : order_.begin()->first;
}

std::vector<uint32_t> Timers::Due(uint64_t now) const {
  std::vector<uint32_t> due;
  for (auto at = order_.begin(); at != order_.end() && at->first <= now; ++at) {
    due.push_back(at->second);
  }
  return due;
}

bool Timers::Fire(v8::Isolate* isolate, uint32_t id, uint64_t now,
                  v8::Local<v8::Function>* callback, std::vector<v8::Local<v8::Value>>* arguments) {
  const auto found = timers_.find(id);
  if (found == timers_.end()) return false;
  Timer& timer = found->second;
  *callback = timer.callback.Get(isolate);
  arguments->clear();
  for (const auto& argument : timer.arguments) arguments->push_back(argument.Get(isolate));
  order_.erase({timer.deadline, id});
  if (timer.interval == 0) {
    timers_.erase(found);
  } else {
    // Beats that were missed while the isolate was busy are skipped, not made up for.
    timer.deadline += timer.interval;
    if (timer.deadline <= now) timer.deadline = now + timer.interval;
    order_.emplace(timer.deadline, id);
  }
  return true;
}

}  // namespace runtime
