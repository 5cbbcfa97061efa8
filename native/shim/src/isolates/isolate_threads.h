// The threads that work for an isolate: what they have of the CPU, and what they have used.
#ifndef RUNTIME_SHIM_ISOLATES_ISOLATE_THREADS_H
#define RUNTIME_SHIM_ISOLATES_ISOLATE_THREADS_H

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace runtime {

/**
 * An isolate has its own thread, and at times one on which V8 collects garbage and compiles for it (Helpers). Each has the
 * share that who has started the isolate gives it, as nice(2) has it, and about a thirtieth of that while the isolate
 * yields to those whose turns are short. From any thread, unless it says otherwise.
 */
class IsolateThreads : public std::enable_shared_from_this<IsolateThreads> {
 public:
  explicit IsolateThreads(int nice) : nice_(nice) {}

  /** The isolate for which the calling thread works; nullptr when that is none that others have started. */
  static IsolateThreads* Current();

  /** The calling thread works for it as long as this lives, and has its share. */
  class Work {
   public:
    explicit Work(IsolateThreads& whose) : whose_(whose) { whose.Enter(); }
    ~Work() { whose_.Leave(); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    IsolateThreads& whose_;
  };

  void SetNice(int nice);
  void SetYielding(bool yields);
  /** Lets one of the threads have as much as those that nobody has given a share: others wait for what it does. */
  void SetRaised(pid_t thread, bool is_raised);

  /** CPU time of all that was done for it so far, in nanoseconds. */
  uint64_t CpuNanoseconds() const;
  /** Likewise, of the thread that has come first and is still there: the isolate's own, as long as it lives. */
  uint64_t OwnCpuNanoseconds() const;

 private:
  struct Member {
    pid_t thread;
    clockid_t clock;
    uint64_t before;  // what its clock showed when it came
    bool is_raised;
  };

  void Enter();
  void Leave();
  void Apply(const Member& member) const;

  mutable std::mutex mutex_;  // guards what is below
  std::vector<Member> members_;
  uint64_t nanoseconds_ = 0;  // of those that have left
  int nice_;
  bool yields_ = false;
};

}  // namespace runtime

#endif  // RUNTIME_SHIM_ISOLATES_ISOLATE_THREADS_H
