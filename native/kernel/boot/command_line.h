// The kernel's command line. Pure: text in, options out, or a sentence that says what is wrong.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lockup/lockup.h"
#include "power/restart.h"
#include "time/clock_source.h"
#include "time/reference.h"

namespace runtime {

/// A virtio device that the command line tells of.
struct VirtioMmioOption {
  uint64_t size = 0;     // bytes of registers
  uint64_t address = 0;  // physical
  uint32_t line = 0;     // interrupt line
};

/// What becomes of a frozen state (warm/): the process goes on from it when the image has one.
enum class WarmStart : uint8_t { Resume, Off, Freeze };

/// Words are separated by blanks; double quotes group (`env.TITLE="two words"`). Options:
///   log=error|warn|info|debug   what the console shows of the kernel's log (warn)
///   env.NAME=value              a variable of the app's environment; the last of one name counts
///   trace=syscalls              every system call in the log
///   profile=HERTZ               samples of what runs, for a tool on the host to read (1 to 10000)
///   clock=kvm-clock|tsc|hpet|acpi_pm
///                               what the clocks run from, where the machine has it
///   idle=halt                   CPUs without work halt at once, rather than look for some first
///   acpi=tables                 ACPI's byte code is not run
///   layout=fixed                no randomisation of addresses
///   warm=freeze|off             freezes the process before the app is loaded, for the builder of warm images;
///                               or starts Node anew on a warm image
///   root=rw                     files outside /tmp can be written (in memory)
///   virtio_mmio.device=SIZE@ADDRESS:LINE[:ID]
///                               a virtio device without a bus, as Linux writes it; QEMU's microvm
///                               adds these by itself
///   shutdown=SECONDS            how long the app may take to end once the power button was pressed (30)
///   restart=never|on-failure|always
///                               when the machine starts again by itself after the app has ended (never)
///   provoke=lockup|hard-lockup  for tests: a CPU that is stuck in the kernel for 25 s, with interrupts on or
///                               off, 8 s after boot
///   provoke=stopped-clock|backward-clock
///                               likewise: the HPET stops, or goes back by two seconds
///   provoke=stray-interrupts    10,000 interrupts on a vector that nobody uses, once the app has started
///   console=NAME[,NAME...]      terminals that the console is on: serial, virtio, screen ... (all)
///   terminal=COLUMNSxROWS       size of terminals that do not know theirs (80x24)
///   keyboard=, screen=, shell=  for the services of these names
///   reload=PORT:TOKEN           where a tool on the host replaces drivers and services (images for development)
///   --                          everything after it is appended to the app's arguments
struct CommandLine {
  static constexpr size_t kMaximumEntries = 64;
  static constexpr size_t kTextCapacity = 4096;

  CommandLine() = default;
  CommandLine(const CommandLine&) = delete;  // the views below point into `text`
  CommandLine& operator=(const CommandLine&) = delete;

  LogLevel log_level = LogLevel::Warn;
  bool trace_system_calls = false;
  uint32_t profile_hertz = 0;                    // 0: no profile
  ClockSource clock_source = ClockSource::None;  // None: the best
  bool halts_when_idle = false;
  bool leaves_byte_code = false;
  bool fixed_layout = false;
  bool writable_root = false;
  WarmStart warm_start = WarmStart::Resume;
  uint32_t shutdown_seconds = 30;
  ProvokedLockup provoked_lockup = ProvokedLockup::None;
  ProvokedClock provoked_clock = ProvokedClock::None;
  bool provokes_stray_interrupts = false;
  RestartPolicy restart_policy = RestartPolicy::Never;
  StringView environment[kMaximumEntries];  // NAME=value
  size_t environment_count = 0;
  StringView arguments[kMaximumEntries];
  size_t argument_count = 0;
  VirtioMmioOption virtio_mmio[kMaximumEntries];
  size_t virtio_mmio_count = 0;
  uint32_t terminal_columns = 80;
  uint32_t terminal_rows = 24;
  StringView settings[kMaximumEntries];  // name=value, for services
  size_t setting_count = 0;

  char text[kTextCapacity] = {};  // the words without their quotes, each NUL-terminated
};

/// Parses `line` into `result`, which is fresh. On failure returns false and writes a sentence that
/// names the option and what is allowed.
bool parse_command_line(StringView line, CommandLine* result, char* message, size_t capacity);

}  // namespace runtime
