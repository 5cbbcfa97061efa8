// Threads: many of them, their ends, their stacks, and how they share the processor.
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "calls.h"

namespace calls {

namespace {

constexpr int kThreads = 200;
constexpr size_t kPage = 4096;
constexpr size_t kStackSize = 64 * 1024;

void* return_square(void* number) {
  const auto value = reinterpret_cast<intptr_t>(number);
  return reinterpret_cast<void*>(value * value);
}

void check_many() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  for (int round = 0; round < 2; ++round) {
    pthread_t threads[kThreads];
    int created = 0;
    for (intptr_t i = 0; i < kThreads; ++i) {
      created +=
          pthread_create(&threads[i], &attributes, return_square, reinterpret_cast<void*>(i)) == 0;
    }
    value("created", created);
    int right = 0;
    for (intptr_t i = 0; i < kThreads; ++i) {
      void* square = nullptr;
      right +=
          pthread_join(threads[i], &square) == 0 && reinterpret_cast<intptr_t>(square) == i * i;
    }
    value("joined with their result", right);
  }
  pthread_attr_destroy(&attributes);
}

void* wait_at_barrier(void* barrier) {
  pthread_barrier_wait(static_cast<pthread_barrier_t*>(barrier));
  return nullptr;
}

void check_all_at_once() {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, kThreads + 1);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_t threads[kThreads];
  int created = 0;
  for (pthread_t& thread : threads) {
    created += pthread_create(&thread, &attributes, wait_at_barrier, &barrier) == 0;
  }
  value("alive at once", created);
  if (created == kThreads) pthread_barrier_wait(&barrier);
  for (int i = 0; i < created; ++i) pthread_join(threads[i], nullptr);
  pthread_barrier_destroy(&barrier);
  pthread_attr_destroy(&attributes);
}

struct StackFacts {
  char* low = nullptr;
  size_t size = 0;
  size_t guard = 0;
};

void* look_at_stack(void* facts) {
  auto* found = static_cast<StackFacts*>(facts);
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  void* low = nullptr;
  pthread_attr_getstack(&attributes, &low, &found->size);
  pthread_attr_getguardsize(&attributes, &found->guard);
  pthread_attr_destroy(&attributes);
  found->low = static_cast<char*>(low);
  signal_name("the lowest byte of a stack", signal_of_write(found->low));
  int code = 0;
  signal_name("the guard page below it", signal_of_write(found->low - 1, &code));
  value("its code", code);
  return nullptr;
}

void check_stacks() {
  StackFacts facts;
  Thread(look_at_stack, &facts).join();
  value("bytes of a guard", static_cast<long>(facts.guard));
  holds("a stack has the size that was asked for", facts.size >= 1 << 20);
}

/// A bare thread: it stores a number, and ends without glibc's help.
int store_number(void* word) {
  __atomic_store_n(static_cast<int*>(word), 4711, __ATOMIC_SEQ_CST);
  syscall(SYS_exit, 0);
  return 0;
}

void check_clear_on_exit() {
  static int word;
  static int thread_number;
  char* stack = static_cast<char*>(
      mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                         CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  thread_number = -1;
  const int thread = clone(store_number, stack + kStackSize, kFlags, &word, &thread_number, nullptr,
                           &thread_number);
  holds("clone makes a thread", thread > 0);
  for (;;) {
    const int current = __atomic_load_n(&thread_number, __ATOMIC_SEQ_CST);
    if (current == 0) break;
    // Not private: the kernel wakes it as shared, and so must be waited for.
    syscall(SYS_futex, &thread_number, FUTEX_WAIT, current, nullptr, nullptr, 0);
  }
  value("its word is cleared, and its futex woken", thread_number);
  value("what it stored", word);
  munmap(stack, kStackSize);
  result("clone of a thread without its memory", syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
  result("clone with signals but no memory", syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
}

struct Worker {
  int nice;
  std::atomic<bool>* may_start;
  std::atomic<bool>* may_end;
  std::atomic<long> rounds{0};
};

void* work(void* argument) {
  auto* worker = static_cast<Worker*>(argument);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof(one), &one);
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), worker->nice);
  while (!worker->may_start->load()) sched_yield();
  while (!worker->may_end->load()) worker->rounds.fetch_add(1);
  return nullptr;
}

/// Threads that compete for one processor: the nicer ones do less.
void check_nice() {
  std::atomic<bool> may_start{false};
  std::atomic<bool> may_end{false};
  Worker eager{0, &may_start, &may_end};
  Worker modest{5, &may_start, &may_end};
  Worker idle{19, &may_start, &may_end};
  {
    Thread first(work, &eager);
    Thread second(work, &modest);
    Thread third(work, &idle);
    first.number();
    second.number();
    third.number();
    may_start = true;
    const double start = now();
    // Until the nicest one had its turns, too: nobody starves.
    while ((idle.rounds < 1000 || now() - start < 1) && now() - start < 60) pause_for(10);
    may_end = true;
  }
  holds("the nice get less", eager.rounds > modest.rounds && modest.rounds > idle.rounds);
  holds("nobody starves", idle.rounds >= 1000);
}

void* set_nice(void*) {
  const auto self = static_cast<id_t>(syscall(SYS_gettid));
  result("setpriority of a thread", setpriority(PRIO_PROCESS, self, 7));
  value("its priority", getpriority(PRIO_PROCESS, self));
  result("setpriority to more than there is", setpriority(PRIO_PROCESS, self, 100));
  value("its priority", getpriority(PRIO_PROCESS, self));
  return nullptr;
}

void* set_name(void*) {
  char name[16] = "";
  result("prctl sets a name", prctl(PR_SET_NAME, "a name that is far too long", 0, 0, 0));
  result("prctl gets it", prctl(PR_GET_NAME, name, 0, 0, 0));
  holds("it is cut", __builtin_strcmp(name, "a name that is ") == 0);
  return nullptr;
}

void check_scheduling() {
  Thread(set_nice, nullptr).join();
  Thread(set_name, nullptr).join();
  value("this thread's priority", getpriority(PRIO_PROCESS, 0));
  errno = 0;
  result("getpriority of nobody", getpriority(PRIO_PROCESS, 0x3ffffff));
  result("getpriority of no kind", getpriority(static_cast<__priority_which_t>(9), 0));
  result("sched_getscheduler", sched_getscheduler(0));
  result("sched_getscheduler of nobody", sched_getscheduler(0x3ffffff));
  result("sched_get_priority_max", sched_get_priority_max(SCHED_FIFO));
  result("sched_get_priority_max of no policy", sched_get_priority_max(99));
  cpu_set_t set;
  CPU_ZERO(&set);
  result("sched_setaffinity to nothing", sched_setaffinity(0, sizeof(set), &set));
  result("sched_getaffinity", sched_getaffinity(0, sizeof(set), &set));
  holds("there is a processor", CPU_COUNT(&set) > 0);
  result("sched_getaffinity with little room", syscall(SYS_sched_getaffinity, 0, 1, &set));
  result("sched_yield", sched_yield());
}

}  // namespace

void check_threads() {
  check_many();
  check_all_at_once();
  check_stacks();
  check_clear_on_exit();
  check_scheduling();
  check_nice();
}

}  // namespace calls
