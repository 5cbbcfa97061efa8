// Clocks, sleeping, timers, and what a process knows of itself.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

namespace calls {

namespace {

int g_alarms;

void on_alarm(int) { __atomic_add_fetch(&g_alarms, 1, __ATOMIC_SEQ_CST); }

double seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double read_clock(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return seconds(time);
}

void check_clocks() {
  // Not the two that ring while the machine sleeps: they need a clock chip that not all have.
  const clockid_t clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 11};
  for (const clockid_t clock : clocks) {
    timespec time;
    char what[32];
    snprintf(what, sizeof(what), "clock_gettime %d", clock);
    result(what, clock_gettime(clock, &time));
    snprintf(what, sizeof(what), "clock_getres %d", clock);
    result(what, clock_getres(clock, &time));
  }
  timespec time;
  result("clock_gettime of no clock", clock_gettime(99, &time));
  result("clock_getres without a result", clock_getres(CLOCK_REALTIME, nullptr));

  const double thread_start = read_clock(CLOCK_THREAD_CPUTIME_ID);
  const double start = now();
  while (read_clock(CLOCK_THREAD_CPUTIME_ID) - thread_start < 0.02 && now() - start < 30) continue;
  holds("work uses CPU time", read_clock(CLOCK_THREAD_CPUTIME_ID) - thread_start >= 0.02);
  const double before_sleep = read_clock(CLOCK_THREAD_CPUTIME_ID);
  pause_for(60);
  holds("sleep uses none", read_clock(CLOCK_THREAD_CPUTIME_ID) - before_sleep < 0.05);
  const double process_time = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  holds("a process has the time of its threads", process_time >= thread_start);

  clockid_t clock;
  raw_result("pthread_getcpuclockid", -pthread_getcpuclockid(pthread_self(), &clock));
  result("its clock", clock_gettime(clock, &time));
  raw_result("clock_getcpuclockid", -clock_getcpuclockid(0, &clock));
  result("its clock", clock_gettime(clock, &time));

  double last = now();
  bool is_steady = true;
  for (int i = 0; i < 10'000; ++i) {
    const double next = now();
    if (next < last) is_steady = false;
    last = next;
  }
  holds("CLOCK_MONOTONIC never goes back", is_steady);
}

void check_sleep() {
  timespec time = {0, 20'000'000};
  double start = now();
  result("nanosleep", nanosleep(&time, nullptr));
  holds("it lasts", now() - start >= 0.02);
  time = {0, 1'000'000'000};
  result("nanosleep with too many nanoseconds", nanosleep(&time, nullptr));
  time = {-1, 0};
  result("nanosleep with negative seconds", nanosleep(&time, nullptr));
  time = {0, -1};
  raw_result("clock_nanosleep with negative nanoseconds",
             -clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr));
  raw_result("clock_nanosleep on no clock", -clock_nanosleep(99, 0, &time, nullptr));

  start = now();
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_nsec += 20'000'000;
  time.tv_sec += time.tv_nsec / 1'000'000'000;
  time.tv_nsec %= 1'000'000'000;
  raw_result("clock_nanosleep until a time",
             -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr));
  holds("it lasts", now() - start >= 0.0199);
  raw_result("clock_nanosleep until the past",
             -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr));
}

void check_interval_timer() {
  struct sigaction action = {};
  struct sigaction old_action;
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, &old_action);
  g_alarms = 0;
  itimerval timer = {{0, 10'000}, {0, 10'000}};
  itimerval current;
  result("setitimer", setitimer(ITIMER_REAL, &timer, nullptr));
  const double start = now();
  while (__atomic_load_n(&g_alarms, __ATOMIC_SEQ_CST) < 3 && now() - start < 30) pause_for(5);
  holds("it rings again and again", g_alarms >= 3);
  result("getitimer", getitimer(ITIMER_REAL, &current));
  value("its interval in microseconds", current.it_interval.tv_usec);
  timer = {};
  result("setitimer to nothing", setitimer(ITIMER_REAL, &timer, &current));
  value("the old interval in microseconds", current.it_interval.tv_usec);
  result("getitimer", getitimer(ITIMER_REAL, &current));
  value("nothing is left", current.it_value.tv_sec + current.it_value.tv_usec);
  timer = {{0, 0}, {0, 2'000'000}};
  result("setitimer with too many microseconds", setitimer(ITIMER_REAL, &timer, nullptr));
  result("setitimer of no kind", setitimer(static_cast<__itimer_which_t>(9), &timer, nullptr));
  sigaction(SIGALRM, &old_action, nullptr);
}

void check_limits() {
  rlimit limit, old_limit;
  result("getrlimit", getrlimit(RLIMIT_NOFILE, &old_limit));
  limit = old_limit;
  limit.rlim_cur = 1000;
  result("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
  getrlimit(RLIMIT_NOFILE, &limit);
  value("the limit", static_cast<long>(limit.rlim_cur));
  result("setrlimit back", setrlimit(RLIMIT_NOFILE, &old_limit));
  limit = {2, 1};
  result("setrlimit above its maximum", setrlimit(RLIMIT_NOFILE, &limit));
  result("prlimit64 of no limit", syscall(SYS_prlimit64, 0, 16, nullptr, &limit));
  result("getrlimit of the stack", getrlimit(RLIMIT_STACK, &limit));
  holds("stacks have some room", limit.rlim_cur >= 1 << 20);
}

void check_figures() {
  rusage usage;
  result("getrusage", getrusage(RUSAGE_SELF, &usage));
  holds("memory and time were used",
        usage.ru_maxrss > 10'000 && usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec > 0);
  result("getrusage of a thread", getrusage(RUSAGE_THREAD, &usage));
  result("getrusage of children", getrusage(RUSAGE_CHILDREN, &usage));
  result("getrusage of nobody", getrusage(static_cast<__rusage_who_t>(7), &usage));
  struct sysinfo information;
  result("sysinfo", sysinfo(&information));
  holds("there is memory, and there are threads",
        information.totalram * information.mem_unit > 1 << 26 && information.procs > 1);
  tms times_used;
  holds("times", times(&times_used) > 0 && times_used.tms_utime >= 0);
  utsname name;
  result("uname", uname(&name));
  holds("the machine", strcmp(name.machine, "x86_64") == 0);
  holds("the system", strcmp(name.sysname, "Linux") == 0);
  holds("a thread has a number", syscall(SYS_gettid) > 0);
  value("getpriority", getpriority(PRIO_PROCESS, 0));
}

void check_random() {
  unsigned char bytes[5000] = {};
  result("getrandom", syscall(SYS_getrandom, bytes, sizeof(bytes), 0));
  int seen = 0;
  bool is_seen[256] = {};
  for (const unsigned char byte : bytes) {
    if (!is_seen[byte]) ++seen;
    is_seen[byte] = true;
  }
  holds("all values of bytes come", seen == 256);
  result("getrandom of nothing", syscall(SYS_getrandom, bytes, 0, 0));
  result("getrandom, not waiting", syscall(SYS_getrandom, bytes, 16, 1));
  result("getrandom with an unknown flag", syscall(SYS_getrandom, bytes, 1, 8));
  result("getrandom to no memory", syscall(SYS_getrandom, 8, 1, 0));
}

}  // namespace

void check_time() {
  check_clocks();
  check_sleep();
  check_interval_timer();
}

void check_process() {
  check_limits();
  check_figures();
  check_random();
}

}  // namespace calls
