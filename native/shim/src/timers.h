// setTimeout and setInterval of a bare isolate.
#ifndef RUNTIME_SHIM_TIMERS_H
#define RUNTIME_SHIM_TIMERS_H

#include <v8-function.h>
#include <v8-persistent-handle.h>

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace runtime {

/** A table of timers, ordered by deadline. Time is an argument: nothing here reads a clock. */
class Timers {
 public:
  /** A timer's callback, what it is called with, and when. */
  struct Timer {
    v8::Global<v8::Function> callback;
    std::vector<v8::Global<v8::Value>> arguments;
    uint64_t deadline;
    uint64_t interval;  // nanoseconds; 0 for a timer that fires once
  };

  /** Adds a timer and returns its id, a positive number. */
  uint32_t Add(Timer timer);

  /** Removes a timer; an unknown id is ignored, as in every JavaScript host. */
  void Remove(uint32_t id);

  /** Deadline of the earliest timer, RUNTIME_NO_DEADLINE when there is none. */
  uint64_t NextDeadline() const;

  /** Ids of the timers that are due at `now`, earliest first. */
  std::vector<uint32_t> Due(uint64_t now) const;

  /**
   * Makes handles of a due timer's callback and arguments, then removes the timer or, for an
   * interval, moves it to its next deadline after `now`.
   * @returns false when the timer has been removed meanwhile
   */
  bool Fire(v8::Isolate* isolate, uint32_t id, uint64_t now, v8::Local<v8::Function>* callback,
            std::vector<v8::Local<v8::Value>>* arguments);

 private:
  std::unordered_map<uint32_t, Timer> timers_;
  std::set<std::pair<uint64_t, uint32_t>> order_;  // {deadline, id}
  uint32_t last_id_ = 0;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_TIMERS_H
