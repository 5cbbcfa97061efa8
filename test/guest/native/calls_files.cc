// Readiness (epoll, poll, select), gathering reads and writes, and bad pointers.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

#include "calls.h"

namespace calls {

namespace {

int control(int epoll, int operation, int file, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = file;
  return epoll_ctl(epoll, operation, file, &event);
}

/// What epoll reports now: the events of one descriptor, 0 for none.
long ready_events(int epoll) {
  epoll_event events[4];
  const int count = epoll_wait(epoll, events, 4, 0);
  return count <= 0 ? count : static_cast<long>(events[0].events);
}

void add_count(int event, uint64_t count) {
  const ssize_t written = write(event, &count, sizeof(count));
  (void)written;
}

void take_count(int event) {
  uint64_t count;
  const ssize_t taken = read(event, &count, sizeof(count));
  (void)taken;
}

void check_epoll_eventfd() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int event = eventfd(0, EFD_NONBLOCK);
  result("epoll_ctl add", control(epoll, EPOLL_CTL_ADD, event, EPOLLIN));
  result("epoll_ctl add again", control(epoll, EPOLL_CTL_ADD, event, EPOLLIN));
  value("nothing is ready", ready_events(epoll));
  add_count(event, 1);
  value("level: ready", ready_events(epoll));
  value("level: still ready", ready_events(epoll));
  take_count(event);
  value("level: taken", ready_events(epoll));

  result("epoll_ctl to edge", control(epoll, EPOLL_CTL_MOD, event, EPOLLIN | EPOLLET));
  add_count(event, 1);
  value("edge: ready", ready_events(epoll));
  value("edge: told once", ready_events(epoll));
  add_count(event, 1);
  value("edge: told of another write", ready_events(epoll));
  take_count(event);
  value("edge: taken", ready_events(epoll));

  result("epoll_ctl to one-shot", control(epoll, EPOLL_CTL_MOD, event, EPOLLIN | EPOLLONESHOT));
  add_count(event, 1);
  value("one-shot: ready", ready_events(epoll));
  add_count(event, 1);
  value("one-shot: told once", ready_events(epoll));
  result("epoll_ctl arms it", control(epoll, EPOLL_CTL_MOD, event, EPOLLIN | EPOLLONESHOT));
  value("one-shot: ready again", ready_events(epoll));

  result("epoll_ctl of itself", control(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN));
  result("epoll_ctl of a closed descriptor", control(epoll, EPOLL_CTL_ADD, 987654, EPOLLIN));
  result("epoll_ctl on what is no epoll", control(event, EPOLL_CTL_ADD, epoll, EPOLLIN));
  result("epoll_ctl of no kind", control(epoll, 9, event, EPOLLIN));
  const int file = open("/proc/self/stat", O_RDONLY);
  result("epoll_ctl of a regular file", control(epoll, EPOLL_CTL_ADD, file, EPOLLIN));
  close(file);
  result("epoll_ctl remove", control(epoll, EPOLL_CTL_DEL, event, 0));
  result("epoll_ctl remove again", control(epoll, EPOLL_CTL_DEL, event, 0));
  result("epoll_ctl change after that", control(epoll, EPOLL_CTL_MOD, event, EPOLLIN));
  epoll_event events[1];
  result("epoll_wait for no events", epoll_wait(epoll, events, 0, 0));
  result("epoll_wait on what is no epoll", epoll_wait(event, events, 1, 0));
  close(event);
  close(epoll);
}

void check_epoll_pipe() {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) != 0) return;
  const int epoll = epoll_create1(0);
  control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLET);
  result("write", write(ends[1], "ab", 2));
  value("edge: ready", ready_events(epoll));
  char bytes[64];
  result("read of a part", read(ends[0], bytes, 1));
  value("edge: what is left is not told", ready_events(epoll));
  result("write", write(ends[1], "c", 1));
  value("edge: new bytes are", ready_events(epoll));
  control(epoll, EPOLL_CTL_ADD, ends[1], EPOLLOUT);
  value("a pipe with room is writable", ready_events(epoll));
  static const char full[65536] = {};
  while (write(ends[1], full, sizeof(full)) > 0) continue;
  value("both ends: only the reader's edge", ready_events(epoll));
  value("a full one is not", ready_events(epoll));
  close(ends[0]);
  value("without readers it has an error", ready_events(epoll));
  close(ends[1]);
  value("closed descriptors are gone", ready_events(epoll));

  // Duplicates keep what is watched alive.
  const int event = eventfd(1, EFD_NONBLOCK);
  control(epoll, EPOLL_CTL_ADD, event, EPOLLIN);
  const int copy = dup(event);
  close(event);
  value("a duplicate keeps the registration", ready_events(epoll));
  close(copy);
  value("it goes with the last one", ready_events(epoll));
  close(epoll);
}

void* write_later(void* argument) {
  const int* const facts = static_cast<int*>(argument);
  wait_until_asleep(facts[0]);
  add_count(facts[1], 1);
  return nullptr;
}

void check_waiting() {
  const int event = eventfd(0, EFD_NONBLOCK);
  const int epoll = epoll_create1(0);
  control(epoll, EPOLL_CTL_ADD, event, EPOLLIN);
  int facts[2] = {static_cast<int>(syscall(SYS_gettid)), event};
  epoll_event events[4];
  {
    Thread writer(write_later, facts);
    result("epoll_wait without an end", epoll_wait(epoll, events, 4, -1));
  }
  take_count(event);
  {
    Thread writer(write_later, facts);
    pollfd watched = {event, POLLIN, 0};
    result("poll without an end", poll(&watched, 1, -1));
    value("its events", watched.revents);
  }
  take_count(event);
  {
    Thread writer(write_later, facts);
    pollfd watched = {epoll, POLLIN, 0};
    result("poll of an epoll", poll(&watched, 1, -1));
  }
  take_count(event);
  const double start = now();
  result("epoll_wait for 20 ms", epoll_wait(epoll, events, 4, 20));
  holds("it lasts", now() - start >= 0.0199);
  close(epoll);
  close(event);
}

void check_poll_and_select() {
  int ends[2];
  if (pipe(ends) != 0) return;
  pollfd watched[4] = {
      {ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 0}, {987654, POLLIN, 0}};
  result("poll", poll(watched, 4, 0));
  value("an empty pipe", watched[0].revents);
  value("its other end", watched[1].revents);
  value("no descriptor", watched[2].revents);
  value("a closed descriptor", watched[3].revents);
  result("poll of nothing", poll(nullptr, 0, 1));
  result("poll of more than there may be", syscall(SYS_poll, watched, 10'000'000, 0));
  timespec time = {0, -1};
  result("ppoll with a wrong time", ppoll(watched, 1, &time, nullptr));

  fd_set readers, writers;
  FD_ZERO(&readers);
  FD_ZERO(&writers);
  FD_SET(ends[0], &readers);
  FD_SET(ends[1], &writers);
  timeval none = {0, 0};
  result("select", select(ends[1] + 1, &readers, &writers, nullptr, &none));
  holds("what is ready", !FD_ISSET(ends[0], &readers) && FD_ISSET(ends[1], &writers));
  result("write", write(ends[1], "x", 1));
  FD_SET(ends[0], &readers);
  result("select", select(ends[1] + 1, &readers, &writers, nullptr, &none));
  result("select of a negative count", select(-1, nullptr, nullptr, nullptr, &none));
  close(ends[1]);
  FD_ZERO(&writers);
  FD_SET(ends[1], &writers);
  result("select of a closed descriptor", select(ends[1] + 1, nullptr, &writers, nullptr, &none));
  timeval wrong = {0, -1};
  result("select with a wrong time", select(0, nullptr, nullptr, nullptr, &wrong));
  close(ends[0]);
}

iovec part(void* bytes, size_t size) { return iovec{bytes, size}; }

void check_gathering() {
  const char path[] = "/tmp/calls-vectors";
  const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  char first[] = "first ";
  char second[] = "second";
  iovec out[3] = {part(first, 6), part(nullptr, 0), part(second, 6)};
  result("writev", writev(file, out, 3));
  char a[4] = "";
  char b[16] = "";
  iovec in[2] = {part(a, 3), part(b, 15)};
  lseek(file, 0, SEEK_SET);
  result("readv", readv(file, in, 2));
  holds("the bytes", strcmp(a, "fir") == 0 && strcmp(b, "st second") == 0);
  result("preadv", preadv(file, in, 1, 6));
  holds("the bytes", strcmp(a, "sec") == 0);
  result("pwritev", pwritev(file, out, 1, 20));
  result("preadv before the start", preadv(file, in, 1, -1));
  result("writev of nothing", writev(file, out, 0));
  result("writev of a negative count", syscall(SYS_writev, file, out, -1));
  result("writev of too many", syscall(SYS_writev, file, out, IOV_MAX + 1));
  iovec huge[2] = {part(first, SSIZE_MAX), part(second, SSIZE_MAX)};
  result("writev of too many bytes", writev(file, huge, 2));
  iovec negative[1] = {part(first, static_cast<size_t>(-5))};
  result("readv of a negative size", readv(file, negative, 1));
  iovec bad[2] = {part(first, 6), part(reinterpret_cast<void*>(8), 6)};
  result("writev whose second part is bad", pwritev(file, bad, 2, 0));
  iovec worse[1] = {part(reinterpret_cast<void*>(8), 6)};
  result("writev of a bad part", writev(file, worse, 1));
  lseek(file, 0, SEEK_SET);
  result("readv into a bad part", readv(file, worse, 1));
  int ends[2];
  if (pipe(ends) == 0) {
    result("writev to a pipe", writev(ends[1], out, 3));
    result("readv from it", readv(ends[0], in, 2));
    result("preadv from it", preadv(ends[0], in, 1, 0));
    result("writev to the end that reads", writev(ends[0], out, 1));
    close(ends[0]);
    close(ends[1]);
  }
  close(file);
  unlink(path);
}

/// Each call with each kind of bad pointer: nothing mapped, no canonical address, the kernel's half.
void check_pointers() {
  const struct {
    const char* name;
    long address;
  } kinds[] = {
      {"low", 8},
      {"not canonical", 0x0000'8000'0000'0000},
      {"not canonical, high", static_cast<long>(0xfeed'0000'0000'0000)},
      {"top", -16},
  };
  const int file = open("/tmp/calls-faults", O_RDWR | O_CREAT | O_TRUNC, 0600);
  const int zero = open("/dev/zero", O_RDONLY);
  const int event = eventfd(1, EFD_NONBLOCK);
  const int epoll = epoll_create1(0);
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return;
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) != 0) return;
  result("write", write(file, "content", 7));
  result("write", write(ends[1], "content", 7));
  result("write", write(pair[0], "content", 7));
  for (const auto& kind : kinds) {
    const long bad = kind.address;
    value(kind.name, 0);
    result("pread64", syscall(SYS_pread64, file, bad, 4, 0));
    result("read of a pipe", syscall(SYS_read, ends[0], bad, 4));
    result("read of a device", syscall(SYS_read, zero, bad, 4));
    result("read of an eventfd", syscall(SYS_read, event, bad, 8));
    result("pwrite64", syscall(SYS_pwrite64, file, bad, 4, 0));
    result("write to a pipe", syscall(SYS_write, ends[1], bad, 4));
    result("recvfrom", syscall(SYS_recvfrom, pair[1], bad, 4, 0, 0, 0));
    result("sendto", syscall(SYS_sendto, pair[0], bad, 4, 0, 0, 0));
    result("sendmsg", syscall(SYS_sendmsg, pair[0], bad, 0));
    result("recvmsg", syscall(SYS_recvmsg, pair[0], bad, 0));
    result("getsockname", syscall(SYS_getsockname, pair[0], bad, bad));
    result("bind", syscall(SYS_bind, pair[0], bad, 16));
    result("open", syscall(SYS_open, bad, O_RDONLY));
    result("stat of a bad path", syscall(SYS_stat, bad, kinds));
    result("stat to a bad place", syscall(SYS_stat, "/", bad));
    result("fstat", syscall(SYS_fstat, file, bad));
    result("statx", syscall(SYS_statx, AT_FDCWD, "/", 0, 0xfff, bad));
    result("statfs", syscall(SYS_statfs, "/", bad));
    result("readlink", syscall(SYS_readlink, "/proc/self/exe", bad, 10));
    result("getcwd", syscall(SYS_getcwd, bad, 4096));
    result("mkdir", syscall(SYS_mkdir, bad, 0700));
    result("rename", syscall(SYS_rename, "/tmp/calls-faults", bad));
    result("utimensat", syscall(SYS_utimensat, AT_FDCWD, "/tmp/calls-faults", bad, 0));
    result("pipe", syscall(SYS_pipe, bad));
    result("poll", syscall(SYS_poll, bad, 1, 0));
    result("select", syscall(SYS_select, 1, bad, 0, 0, 0));
    result("epoll_ctl", syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, event, bad));
    result("timerfd_settime", syscall(SYS_timerfd_settime, timer, 0, bad, 0));
    result("timerfd_gettime", syscall(SYS_timerfd_gettime, timer, bad));
    result("clock_gettime", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bad));
    result("gettimeofday", syscall(SYS_gettimeofday, bad, 0));
    result("nanosleep", syscall(SYS_nanosleep, bad, 0));
    result("setitimer", syscall(SYS_setitimer, 0, bad, 0));
    result("rt_sigaction", syscall(SYS_rt_sigaction, SIGUSR2, bad, 0, 8));
    result("rt_sigaction, old", syscall(SYS_rt_sigaction, SIGUSR2, 0, bad, 8));
    result("rt_sigprocmask", syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad, 0, 8));
    result("rt_sigpending", syscall(SYS_rt_sigpending, bad, 8));
    result("rt_sigtimedwait", syscall(SYS_rt_sigtimedwait, bad, 0, 0, 8));
    result("rt_sigsuspend", syscall(SYS_rt_sigsuspend, bad, 8));
    result("sigaltstack", syscall(SYS_sigaltstack, bad, 0));
    result("futex", syscall(SYS_futex, bad, 0, 0, 0, 0, 0));
    result("getrandom", syscall(SYS_getrandom, bad, 8, 0));
    result("uname", syscall(SYS_uname, bad));
    result("sysinfo", syscall(SYS_sysinfo, bad));
    result("getrusage", syscall(SYS_getrusage, RUSAGE_SELF, bad));
    result("getrlimit", syscall(SYS_getrlimit, RLIMIT_NOFILE, bad));
    result("prlimit64", syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, bad, 0));
    result("sched_getaffinity", syscall(SYS_sched_getaffinity, 0, 128, bad));
    result("sched_setaffinity", syscall(SYS_sched_setaffinity, 0, 8, bad));
    result("prctl", syscall(SYS_prctl, 15, bad, 0, 0, 0));
    result("arch_prctl", syscall(SYS_arch_prctl, 0x1003, bad));
    result("mincore", syscall(SYS_mincore, reinterpret_cast<long>(&pair) & -4096, 4096, bad));
    result("getdents64", syscall(SYS_getdents64, file, bad, 100));
    result("sendfile", syscall(SYS_sendfile, ends[1], file, bad, 4));
    result("fcntl lock", syscall(SYS_fcntl, file, F_GETLK, bad));
    result("ioctl", syscall(SYS_ioctl, ends[0], 0x541b, bad));
    result("getgroups", syscall(SYS_getgroups, 64, bad) == 0 ? 0 : -1);
    result("times", syscall(SYS_times, bad));
  }
  for (const int open_file :
       {file, zero, event, epoll, timer, pair[0], pair[1], ends[0], ends[1]}) {
    close(open_file);
  }
  unlink("/tmp/calls-faults");
}

/// A string or a structure that begins in good memory and ends in bad.
void check_edges() {
  char* memory = static_cast<char*>(
      mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(memory + 4096, 4096, PROT_NONE);
  memcpy(memory + 4092, "/tmp", 4);
  struct stat status;
  result("a path that runs out of memory", stat(memory + 4092, &status));
  memcpy(memory + 4091, "/tmp", 5);
  result("a path that just fits", stat(memory + 4091, &status));
  result("a result that runs out of memory", uname(reinterpret_cast<utsname*>(memory + 4000)));
  const int zero = open("/dev/zero", O_RDONLY);
  result("read across the end", read(zero, memory + 4000, 200));
  result("read of more bytes than there are addresses", syscall(SYS_read, zero, memory, -1L));
  close(zero);
  const int file = open("/tmp/calls-edges", O_RDWR | O_CREAT | O_TRUNC, 0600);
  result("write of a file across the end", write(file, memory + 4000, 200));
  result("ftruncate", ftruncate(file, 300));
  result("pread of a file across the end", pread(file, memory + 4000, 200, 0));
  result("pread that begins behind the end", pread(file, memory + 4096, 200, 0));
  close(file);
  unlink("/tmp/calls-edges");
  int ends[2];
  if (pipe(ends) == 0) {
    result("write across the end", write(ends[1], memory + 4000, 200));
    close(ends[0]);
    close(ends[1]);
  }
  munmap(memory, 8192);
}

}  // namespace

void check_readiness() {
  check_epoll_eventfd();
  check_epoll_pipe();
  check_waiting();
  check_poll_and_select();
}

void check_vectors() { check_gathering(); }

void check_faults() {
  check_pointers();
  check_edges();
}

}  // namespace calls
