// Signals: sigaction(2), masks, waiting for them, alternate stacks, and what they interrupt.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>

#include "calls.h"

namespace calls {

namespace {

constexpr int kSignal = SIGUSR2;
const int kRealTime = SIGRTMIN + 3;

std::atomic<int> g_handled;
std::atomic<int> g_depth;
std::atomic<int> g_deepest;
siginfo_t g_info;
std::atomic<const char*> g_handler_stack;
std::atomic<int> g_handler_thread;
sigset_t g_mask_in_handler;
char g_order[16];

int thread_number() { return static_cast<int>(syscall(SYS_gettid)); }

void send(int thread, int signal) { syscall(SYS_tgkill, getpid(), thread, signal); }
void send_self(int signal) { send(thread_number(), signal); }

void on_signal(int, siginfo_t* info, void*) {
  char here = 0;
  g_info = *info;
  g_handler_stack = &here;
  g_handler_thread = thread_number();
  sigprocmask(SIG_SETMASK, nullptr, &g_mask_in_handler);
  g_handled.fetch_add(1);
}

/// Sends itself the signal again, to show how deep handlers nest.
void on_nested(int signal) {
  const int depth = g_depth.fetch_add(1) + 1;
  if (depth > g_deepest) g_deepest = depth;
  if (g_handled.fetch_add(1) < 2) send_self(signal);
  g_depth.fetch_sub(1);
}

void on_ordered(int signal) {
  const int index = g_handled.fetch_add(1);
  g_order[index] = signal == kSignal ? 'u' : 'r';
}

/// Keeps the order of handlers of SIGHUP and SIGSEGV.
void on_hang_up_or_fault(int signal) {
  g_order[g_handled.fetch_add(1)] = signal == SIGHUP ? 'h' : 's';
}

/// Skips the two bytes of `ud2`, on which it comes, and the fault is over.
void on_illegal(int, siginfo_t* info, void* context) {
  g_info = *info;
  auto* machine = static_cast<ucontext_t*>(context);
  machine->uc_mcontext.gregs[REG_RIP] += 2;
  machine->uc_mcontext.gregs[REG_RAX] = 4711;
  g_handled.fetch_add(1);
}

/// A handler for a signal, for the time of a scope.
class Handler {
 public:
  Handler(int signal, void (*function)(int, siginfo_t*, void*), int flags = 0) : signal_(signal) {
    struct sigaction action = {};
    action.sa_sigaction = function;
    install(action, flags | SA_SIGINFO);
  }
  Handler(int signal, void (*function)(int), int flags = 0) : signal_(signal) {
    struct sigaction action = {};
    action.sa_handler = function;
    install(action, flags);
  }
  ~Handler() { sigaction(signal_, &old_, nullptr); }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

 private:
  void install(struct sigaction& action, int flags) {
    action.sa_flags = flags;
    sigaction(signal_, &action, &old_);
    g_handled = 0;
    g_depth = 0;
    g_deepest = 0;
    memset(&g_info, 0, sizeof(g_info));
  }

  int signal_;
  struct sigaction old_;
};

sigset_t set_of(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

void check_arguments() {
  struct sigaction action = {};
  action.sa_handler = SIG_IGN;
  result("sigaction of SIGKILL", sigaction(SIGKILL, &action, nullptr));
  result("sigaction of SIGSTOP", sigaction(SIGSTOP, &action, nullptr));
  result("sigaction of no signal", syscall(SYS_rt_sigaction, 65, nullptr, nullptr, 8));
  result("rt_sigaction with a wrong mask size", syscall(SYS_rt_sigaction, 10, nullptr, nullptr, 4));
  result("sigprocmask of no kind", syscall(SYS_rt_sigprocmask, 7, &action, nullptr, 8));
  result("kill with no signal", kill(getpid(), 0));
  result("kill with a wrong signal", kill(getpid(), 65));
  result("tgkill with a wrong signal", syscall(SYS_tgkill, getpid(), thread_number(), 65));
  result("tgkill of nobody", syscall(SYS_tgkill, getpid(), 0x3ffffff, kSignal));
  result("tgkill of a wrong thread number", syscall(SYS_tgkill, getpid(), -1, kSignal));
}

void check_flags() {
  {
    Handler handler(kSignal, on_nested);
    send_self(kSignal);
    value("without SA_NODEFER handlers run one after the other", g_deepest);
    value("how often", g_handled);
  }
  {
    Handler handler(kSignal, on_nested, SA_NODEFER);
    send_self(kSignal);
    value("with SA_NODEFER they nest", g_deepest);
  }
  {
    Handler handler(kSignal, on_signal, SA_RESETHAND);
    send_self(kSignal);
    struct sigaction now_set;
    sigaction(kSignal, nullptr, &now_set);
    holds("SA_RESETHAND brings the default back", now_set.sa_handler == SIG_DFL);
    value("how often", g_handled);
  }
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaddset(&action.sa_mask, SIGUSR1);
  struct sigaction old, found;
  sigaction(kSignal, &action, &old);
  sigaction(kSignal, nullptr, &found);
  holds("sigaction tells what was set",
        found.sa_sigaction == on_signal && (found.sa_flags & (SA_SIGINFO | SA_RESTART)) &&
            sigismember(&found.sa_mask, SIGUSR1) && !sigismember(&found.sa_mask, SIGHUP));
  send_self(kSignal);
  holds("a handler runs with its mask and its signal blocked",
        sigismember(&g_mask_in_handler, SIGUSR1) && sigismember(&g_mask_in_handler, kSignal));
  sigset_t mask;
  sigprocmask(SIG_SETMASK, nullptr, &mask);
  holds("the mask is back afterwards",
        !sigismember(&mask, SIGUSR1) && !sigismember(&mask, kSignal));
  sigaction(kSignal, &old, nullptr);
}

void check_information() {
  Handler handler(kSignal, on_signal);
  send_self(kSignal);
  value("si_code of tgkill", g_info.si_code);
  holds("si_pid and si_uid are the sender's",
        g_info.si_pid == getpid() && g_info.si_uid == getuid());
  sigset_t set = set_of(kSignal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  kill(getpid(), kSignal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  const double start = now();
  while (g_handled < 2 && now() - start < 30) pause_for(1);
  value("si_code of kill", g_info.si_code);
  pthread_sigqueue(pthread_self(), kSignal, sigval{.sival_int = 4711});
  value("si_code of sigqueue", g_info.si_code);
  value("its value", g_info.si_value.sival_int);
  value("si_signo", g_info.si_signo == kSignal);

  int code = 0;
  signal_name("a wild read", signal_of_read(reinterpret_cast<void*>(0x1000), &code));
  value("its si_code", code);
  signal_name("a read of no canonical address",
              signal_of_read(reinterpret_cast<void*>(0x8000'0000'0000'0000), &code));
  value("its si_code", code);
}

void check_context() {
  Handler handler(SIGILL, on_illegal);
  long answer = 0;
  __asm__ volatile("ud2" : "=a"(answer) : : "memory");
  value("a handler sets registers", answer);
  value("and it ran", g_handled);
  value("si_code of an illegal instruction", g_info.si_code);
  holds("si_addr is in the code", g_info.si_addr != nullptr);
}

/// The frame of a fault is made first, whatever else is pending: its handler may look at the
/// instruction that failed.
void check_order() {
  Handler hang_up(SIGHUP, on_hang_up_or_fault);
  Handler fault(SIGSEGV, on_hang_up_or_fault);
  sigset_t set = set_of(SIGHUP);
  sigaddset(&set, SIGSEGV);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  send_self(SIGHUP);
  send_self(SIGSEGV);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  value("handlers of two signals", g_handled);
  holds("the fault's is the outer one", g_order[0] == 'h' && g_order[1] == 's');
}

void check_queue() {
  const sigset_t set = set_of(kRealTime);
  sigset_t old;
  pthread_sigmask(SIG_BLOCK, &set, &old);
  for (int i = 1; i <= 5; ++i) pthread_sigqueue(pthread_self(), kRealTime, sigval{.sival_int = i});
  const timespec none = {0, 0};
  siginfo_t info = {};
  long order = 0;
  while (sigtimedwait(&set, &info, &none) == kRealTime)
    order = order * 10 + info.si_value.sival_int;
  value("real-time signals keep their order and their values", order);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void check_masks() {
  Handler handler(kSignal, on_ordered);
  Handler real_time_handler(kRealTime, on_ordered);
  sigset_t set = set_of(kSignal);
  sigaddset(&set, kRealTime);
  sigset_t old, pending;
  pthread_sigmask(SIG_BLOCK, &set, &old);
  sigemptyset(&pending);
  sigpending(&pending);
  holds("nothing is pending", !sigismember(&pending, kSignal));
  for (int i = 0; i < 3; ++i) send_self(kRealTime);
  for (int i = 0; i < 3; ++i) send_self(kSignal);
  sigpending(&pending);
  holds("blocked signals are pending",
        sigismember(&pending, kSignal) && sigismember(&pending, kRealTime));
  value("no handler ran", g_handled);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  value("standard signals come once, real-time ones each time", g_handled);
  holds("the last to start is the lowest", g_order[0] == 'r' && g_order[3] == 'u');

  // A mask cannot have what cannot be blocked.
  set = set_of(SIGKILL);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  pthread_sigmask(SIG_SETMASK, nullptr, &set);
  holds("SIGKILL is not blocked", !sigismember(&set, SIGKILL));

  struct sigaction ignore = {};
  struct sigaction before;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGUSR1, &ignore, &before);
  send_self(SIGUSR1);
  sigpending(&pending);
  holds("an ignored signal is gone", !sigismember(&pending, SIGUSR1));
  sigaction(SIGUSR1, &before, nullptr);
}

void* send_later(void* thread) {
  const int target = *static_cast<int*>(thread);
  wait_until_asleep(target);
  send(target, kSignal);
  return nullptr;
}

void check_waiting() {
  Handler handler(kSignal, on_signal);
  const sigset_t set = set_of(kSignal);
  sigset_t old;
  pthread_sigmask(SIG_BLOCK, &set, &old);
  siginfo_t info = {};
  timespec time = {0, 20'000'000};
  result("sigtimedwait without a signal", sigtimedwait(&set, &info, &time));
  time = {0, -1};
  result("sigtimedwait with a wrong time", sigtimedwait(&set, &info, &time));
  pthread_sigqueue(pthread_self(), kSignal, sigval{.sival_int = 12});
  time = {10, 0};
  holds("sigtimedwait with a pending one", sigtimedwait(&set, &info, &time) == kSignal);
  value("its value", info.si_value.sival_int);
  int self = thread_number();
  {
    Thread sender(send_later, &self);
    holds("sigwaitinfo waits for one", sigwaitinfo(&set, &info) == kSignal);
    value("its code", info.si_code);
  }
  value("no handler ran", g_handled);

  Thread sender(send_later, &self);
  result("sigsuspend", sigsuspend(&old));
  value("the handler ran", g_handled);
  sigset_t now_set;
  pthread_sigmask(SIG_SETMASK, nullptr, &now_set);
  holds("the mask is as before", sigismember(&now_set, kSignal));
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void check_alternate_stack() {
  static char memory[64 * 1024];
  auto is_inside = [](const char* address) {
    return address >= memory && address < memory + sizeof(memory);
  };
  stack_t stack = {};
  stack_t old, found;
  stack.ss_sp = memory;
  stack.ss_size = 100;
  result("sigaltstack that is too small", sigaltstack(&stack, &old));
  stack.ss_size = sizeof(memory);
  stack.ss_flags = 64;
  result("sigaltstack with unknown flags", sigaltstack(&stack, &old));
  stack.ss_flags = 0;
  result("sigaltstack", sigaltstack(&stack, &old));
  result("sigaltstack asks", sigaltstack(nullptr, &found));
  holds("it is as it was set", found.ss_sp == memory && found.ss_size == sizeof(memory));
  {
    Handler handler(kSignal, on_signal, SA_ONSTACK);
    send_self(kSignal);
    holds("a handler with SA_ONSTACK runs there", is_inside(g_handler_stack));
  }
  {
    Handler handler(kSignal, on_signal);
    send_self(kSignal);
    holds("one without runs here", !is_inside(g_handler_stack));
  }
  stack.ss_flags = SS_DISABLE;
  result("sigaltstack off", sigaltstack(&stack, nullptr));
  {
    Handler handler(kSignal, on_signal, SA_ONSTACK);
    send_self(kSignal);
    holds("then it runs here", !is_inside(g_handler_stack));
  }
  sigaltstack(&old, nullptr);
}

void* wait_to_end(void* end) {
  while (!static_cast<std::atomic<bool>*>(end)->load()) pause_for(1);
  return nullptr;
}

void check_directed() {
  Handler handler(kSignal, on_signal, SA_RESTART);
  std::atomic<bool> may_end{false};
  Thread other(wait_to_end, &may_end);
  send(other.number(), kSignal);
  const double start = now();
  while (g_handled < 1 && now() - start < 30) pause_for(1);
  value("a signal for a thread is handled", g_handled);
  holds("by that thread", g_handler_thread == other.number());
  may_end = true;
  const int number = other.number();
  other.join();
  // Joining does not wait for the very end: Linux on several CPUs may still know the thread.
  long ended = 0;
  while (ended == 0 && now() - start < 30) ended = syscall(SYS_tgkill, getpid(), number, 0);
  result("tgkill of a thread that ended", ended);
}

// What signals interrupt

int g_pipe[2];

/// Interrupts a thread that sleeps, then, after it slept again, writes to the pipe.
void* interrupt_then_write(void* thread) {
  const int target = *static_cast<int*>(thread);
  wait_until_asleep(target);
  send(target, kSignal);
  pause_for(20);
  wait_until_asleep(target);
  const ssize_t written = write(g_pipe[1], "x", 1);
  (void)written;
  return nullptr;
}

void* interrupt(void* thread) { return send_later(thread); }

void check_restart() {
  if (pipe(g_pipe) != 0) return;
  int self = thread_number();
  char byte = 0;
  {
    Handler handler(kSignal, on_signal, SA_RESTART);
    Thread other(interrupt_then_write, &self);
    result("read with SA_RESTART", read(g_pipe[0], &byte, 1));
    value("the handler ran", g_handled);
  }
  {
    Handler handler(kSignal, on_signal);
    Thread other(interrupt, &self);
    result("read without SA_RESTART", read(g_pipe[0], &byte, 1));
    value("the handler ran", g_handled);
  }
  Handler handler(kSignal, on_signal, SA_RESTART);
  {
    Thread other(interrupt, &self);
    timespec time = {30, 0};
    timespec left = {};
    result("nanosleep, even with SA_RESTART", nanosleep(&time, &left));
    holds("it tells what is left", left.tv_sec >= 1 && left.tv_sec <= 30);
  }
  {
    Thread other(interrupt, &self);
    timespec time = {30, 0};
    timespec left = {};
    raw_result("clock_nanosleep", -clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left));
    holds("it tells what is left", left.tv_sec >= 1 && left.tv_sec <= 30);
  }
  {
    Thread other(interrupt, &self);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(g_pipe[0], &set);
    timeval time = {30, 0};
    result("select, even with SA_RESTART", select(g_pipe[0] + 1, &set, nullptr, nullptr, &time));
    holds("it tells what is left", time.tv_sec >= 1 && time.tv_sec <= 30);
  }
  {
    const int event = eventfd(0, 0);
    Handler strict(kSignal, on_signal);
    Thread other(interrupt, &self);
    uint64_t count = 0;
    result("read of an eventfd", read(event, &count, sizeof(count)));
    close(event);
  }
  {
    const int flags = fcntl(g_pipe[1], F_GETFL);
    fcntl(g_pipe[1], F_SETFL, flags | O_NONBLOCK);
    static const char bytes[65536] = {};
    while (write(g_pipe[1], bytes, sizeof(bytes)) > 0) continue;
    fcntl(g_pipe[1], F_SETFL, flags);
    Handler strict(kSignal, on_signal);
    Thread other(interrupt, &self);
    result("write to a full pipe", write(g_pipe[1], "x", 1));
  }
  {
    Handler strict(kSignal, on_signal);
    Thread other(interrupt, &self);
    result("pause", pause());
  }
  {
    Handler strict(kSignal, on_signal);
    Thread other(interrupt, &self);
    static uint32_t word;
    result("futex", syscall(SYS_futex, &word, 0, 0, nullptr, nullptr, 0));
  }
  close(g_pipe[0]);
  close(g_pipe[1]);
}

}  // namespace

void check_signals() {
  check_arguments();
  check_flags();
  check_information();
  check_context();
  check_masks();
  check_order();
  check_queue();
  check_waiting();
  check_alternate_stack();
  check_directed();
}

void check_interruption() { check_restart(); }

}  // namespace calls
