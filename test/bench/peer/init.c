// The first process of the peers: a Linux that does nothing but run Node. It mounts what Node reads,
// brings the network up, runs the app on the console, says how Node ended, and powers the machine off.
//
// The kernel hands its unknown NAME=value words to this process as environment, and the words after
// `--` as arguments; both go on to Node. Of the environment, PEER_ADDRESS, PEER_NETMASK, PEER_GATEWAY,
// PEER_NAMESERVER (IPv4) and PEER_ADDRESS6 (IPv6, a /64) configure eth0; without them it stays down.
// The end is reported on port 0xe9 too, as our own kernel does.
//
// Calls: finit_module(2), mount(2), netdevice(7), vfork(2), execve(2), waitpid(2),
// ioperm(2), reboot(2); devtmpfs brings /dev/console.
#define _GNU_SOURCE  // environ
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { debug_port = 0xe9, maximum_arguments = 64, maximum_modules = 32 };

static void mount_kernel_file_system(const char *type, const char *folder) {
  if (mount(type, folder, type, 0, NULL) != 0) perror(folder);
}

// The kernel finds no /dev/console in the archive, so this process starts without descriptors.
static void open_console(void) {
  int console = open("/dev/console", O_RDWR);
  for (int descriptor = 0; console >= 0 && descriptor <= STDERR_FILENO; ++descriptor)
    dup2(console, descriptor);
}

// Loads every file of /modules; their names begin with numbers that put them into order.
static void load_modules(void) {
  struct dirent **names;
  int count = scandir("/modules", &names, NULL, alphasort);
  for (int index = 0; index < count && index < maximum_modules; ++index) {
    if (names[index]->d_name[0] == '.') continue;
    char path[300];
    snprintf(path, sizeof path, "/modules/%s", names[index]->d_name);
    int file = open(path, O_RDONLY);
    if (file < 0 || syscall(SYS_finit_module, file, "", 0) != 0) perror(path);
    close(file);
  }
}

static void write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || write(file, text, strlen(text)) < 0) perror(path);
  close(file);
}

static struct sockaddr socket_address(const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (text) inet_pton(AF_INET, text, &address.sin_addr);
  struct sockaddr result;
  memcpy(&result, &address, sizeof result);
  return result;
}

static void bring_up(int control, struct ifreq *request) {
  request->ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(control, SIOCSIFFLAGS, request) != 0) perror(request->ifr_name);
}

static void add_address6(const char *text, int index) {
  struct in6_ifreq request = {.ifr6_prefixlen = 64, .ifr6_ifindex = index};
  int control = socket(AF_INET6, SOCK_DGRAM, 0);
  if (inet_pton(AF_INET6, text, &request.ifr6_addr) != 1 ||
      ioctl(control, SIOCSIFADDR, &request) != 0)
    perror(text);
  close(control);
}

static void set_up_network(void) {
  int control = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq loopback = {.ifr_name = "lo"};
  bring_up(control, &loopback);
  const char *address = getenv("PEER_ADDRESS");
  if (!address) return;
  // Addresses are usable at once: nobody else has them.
  write_text("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
  write_text("/proc/sys/net/ipv6/conf/eth0/accept_dad", "0");

  struct ifreq request = {.ifr_name = "eth0"};
  request.ifr_addr = socket_address(address);
  if (ioctl(control, SIOCSIFADDR, &request) != 0) perror("eth0: address");
  request.ifr_netmask = socket_address(getenv("PEER_NETMASK"));
  if (ioctl(control, SIOCSIFNETMASK, &request) != 0) perror("eth0: netmask");
  bring_up(control, &request);
  if (getenv("PEER_ADDRESS6") && ioctl(control, SIOCGIFINDEX, &request) == 0)
    add_address6(getenv("PEER_ADDRESS6"), request.ifr_ifindex);
  if (getenv("PEER_GATEWAY")) {
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    route.rt_dst = route.rt_genmask = socket_address(NULL);
    route.rt_gateway = socket_address(getenv("PEER_GATEWAY"));
    if (ioctl(control, SIOCADDRT, &route) != 0) perror("eth0: route");
  }
  if (getenv("PEER_NAMESERVER")) {
    char text[100];
    snprintf(text, sizeof text, "nameserver %s\n", getenv("PEER_NAMESERVER"));
    write_text("/etc/resolv.conf", text);
  }
  close(control);
}

// Runs Node to its end and gives its status as waitpid() has it, or -1.
static int run_node(int count, char **words) {
  char *arguments[maximum_arguments] = {"node", "--enable-source-maps", "/app/main.mjs"};
  for (int index = 1; index < count && index + 3 < maximum_arguments; ++index)
    arguments[index + 2] = words[index];
  pid_t child = vfork();
  if (child == 0) {
    execve("/bin/node", arguments, environ);
    _exit(127);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child) perror("node");
  return status;
}

// Tells QEMU's debug console.
static void report(int code) {
  char line[64];
  int length = snprintf(line, sizeof line, "{\"code\":%d,\"reason\":\"exit\"}\n", code);
  if (ioperm(debug_port, 1, 1) != 0) {
    perror("ioperm");
    return;
  }
  for (int index = 0; index < length; ++index) outb((unsigned char)line[index], debug_port);
}

int main(int count, char **words) {
  mount_kernel_file_system("devtmpfs", "/dev");
  open_console();
  mount_kernel_file_system("proc", "/proc");
  mount_kernel_file_system("sysfs", "/sys");
  mount_kernel_file_system("tmpfs", "/tmp");  // The slim peer's disk is read only.
  load_modules();
  set_up_network();
  // Tens of thousands of connections; Node raises its soft limit to this by itself.
  struct rlimit files = {1 << 20, 1 << 20};
  setrlimit(RLIMIT_NOFILE, &files);
  setenv("PATH", "/bin", 1);
  setenv("HOME", "/tmp", 1);
  if (chdir("/app") != 0) perror("/app");
  int status = run_node(count, words);
  if (status != -1 && WIFEXITED(status)) {
    dprintf(STDOUT_FILENO, "init: Node ended with code %d\n", WEXITSTATUS(status));
    report(WEXITSTATUS(status));
  } else if (status != -1 && WIFSIGNALED(status)) {
    dprintf(STDOUT_FILENO, "init: Node ended with signal %d\n", WTERMSIG(status));
    report(128 + WTERMSIG(status));
  }
  tcdrain(STDOUT_FILENO);
  reboot(RB_POWER_OFF);
  return 1;
}
