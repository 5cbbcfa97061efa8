#include "isolate_threads.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace runtime {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int kOrdinary = 0;
// Each step is worth a factor of 1.25.
constexpr int kYield = 15;
constexpr int kLowest = 19;

thread_local IsolateThreads* current = nullptr;

uint64_t ReadClock(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNanosecondsPerSecond +
         static_cast<uint64_t>(time.tv_nsec);
}

void Renice(pid_t thread, int nice) { setpriority(PRIO_PROCESS, static_cast<id_t>(thread), nice); }

}  // namespace

IsolateThreads* IsolateThreads::Current() { return current; }

void IsolateThreads::Enter() {
  clockid_t clock = CLOCK_THREAD_CPUTIME_ID;  // of the caller, whoever that is
  pthread_getcpuclockid(pthread_self(), &clock);
  current = this;
  const std::lock_guard lock(mutex_);
  members_.push_back({gettid(), clock, ReadClock(clock), false});
  Apply(members_.back());
}

void IsolateThreads::Leave() {
  current = nullptr;
  const pid_t thread = gettid();
  const std::lock_guard lock(mutex_);
  const auto member = std::find_if(members_.begin(), members_.end(),
                                   [&](const Member& each) { return each.thread == thread; });
  nanoseconds_ += ReadClock(member->clock) - member->before;
  members_.erase(member);
  // It has to be there soon when it is needed again.
  Renice(thread, kOrdinary);
}

void IsolateThreads::SetNice(int nice) {
  const std::lock_guard lock(mutex_);
  nice_ = nice;
  for (const Member& member : members_) Apply(member);
}

void IsolateThreads::SetYielding(bool yields) {
  const std::lock_guard lock(mutex_);
  yields_ = yields;
  for (const Member& member : members_) Apply(member);
}

void IsolateThreads::SetRaised(pid_t thread, bool is_raised) {
  const std::lock_guard lock(mutex_);
  for (Member& member : members_) {
    if (member.thread != thread || member.is_raised == is_raised) continue;
    member.is_raised = is_raised;
    Apply(member);
  }
}

uint64_t IsolateThreads::CpuNanoseconds() const {
  const std::lock_guard lock(mutex_);
  uint64_t all = nanoseconds_;
  for (const Member& member : members_) all += ReadClock(member.clock) - member.before;
  return all;
}

uint64_t IsolateThreads::OwnCpuNanoseconds() const {
  const std::lock_guard lock(mutex_);
  return members_.empty() ? 0 : ReadClock(members_.front().clock) - members_.front().before;
}

void IsolateThreads::Apply(const Member& member) const {
  const int share = std::min(nice_ + (yields_ ? kYield : 0), kLowest);
  Renice(member.thread, member.is_raised ? kOrdinary : share);
}

}  // namespace runtime
