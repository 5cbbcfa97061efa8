// The first process of the peer: a Linux that does nothing but run Node. It mounts what Node reads,
// runs the app on the console, says how Node ended, and powers the machine off.
//
// Calls: mount(2), vfork(2), execve(2), waitpid(2), reboot(2); devtmpfs brings /dev/console.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char *const arguments[] = {"node", "--enable-source-maps", "/app/main.mjs", NULL};
static char *const environment[] = {"PATH=/bin", "HOME=/tmp", NULL};

static void mount_kernel_file_system(const char *type, const char *folder) {
  if (mount(type, folder, type, 0, NULL) != 0) perror(folder);
}

// The kernel finds no /dev/console in the archive, so this process starts without descriptors.
static void open_console(void) {
  int console = open("/dev/console", O_RDWR);
  for (int descriptor = 0; console >= 0 && descriptor <= STDERR_FILENO; ++descriptor)
    dup2(console, descriptor);
}

// Runs Node to its end and gives its status as waitpid() has it, or -1.
static int run_node(void) {
  pid_t child = vfork();
  if (child == 0) {
    execve("/bin/node", arguments, environment);
    _exit(127);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child) perror("node");
  return status;
}

int main(void) {
  mount_kernel_file_system("devtmpfs", "/dev");
  open_console();
  mount_kernel_file_system("proc", "/proc");
  mount_kernel_file_system("sysfs", "/sys");
  if (chdir("/app") != 0) perror("/app");
  int status = run_node();
  if (status != -1 && WIFEXITED(status))
    dprintf(STDOUT_FILENO, "init: Node ended with code %d\n", WEXITSTATUS(status));
  else if (status != -1 && WIFSIGNALED(status))
    dprintf(STDOUT_FILENO, "init: Node ended with signal %d\n", WTERMSIG(status));
  tcdrain(STDOUT_FILENO);
  reboot(RB_POWER_OFF);
  return 1;
}
