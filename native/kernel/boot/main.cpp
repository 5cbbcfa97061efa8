// From the boot loader to the application's first instruction.
//
// Boot order, each step needs those before it:
//   CPU tables, constructors   interrupts can be reported, globals are valid
//   console, features, random  something can be said; the layout can be random
//   loader's data              memory map, command line, where base and initrd are
//   physical memory            direct map, frames, heap
//   ACPI, APIC, clocks         power off, timer (its calibration runs on while the rest starts)
//   files                      base and initrd in place
//   threads                    this flow becomes the idle thread; the first application thread runs
//   ACPI's byte code           in a thread of its own, once the app leaves time for it
#include <stdint.h>

#include "acpi/interpreter.h"
#include "acpi/power.h"
#include "acpi/tables.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "boot/boot_information.h"
#include "boot/command_line.h"
#include "boot/console.h"
#include "boot/console_port.h"
#include "boot/crash.h"
#include "boot/exit_status.h"
#include "boot/image_layout.h"
#include "boot/machine_settings.h"
#include "boot/screen.h"
#include "boot/settings.h"
#include "boot/shared_base.h"
#include "broker/arena_pages.h"
#include "broker/broker.h"
#include "interrupts/apic.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/vector.h"
#include "linux/cpu_features.h"
#include "linux/dispatch.h"
#include "linux/exec.h"
#include "linux/fd_table.h"
#include "linux/ipc/fifo.h"
#include "linux/kernel_interface.h"
#include "linux/process_info.h"
#include "linux/random.h"
#include "linux/vfs.h"
#include "lockup/lockup.h"
#include "memory/address_space.h"
#include "memory/frames.h"
#include "memory/kernel_map.h"
#include "memory/physical.h"
#include "platform/firmware_config.h"
#include "platform/platform_devices.h"
#include "power/restart.h"
#include "power/shutdown.h"
#include "profile/profile.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "smp/cpus.h"
#include "terminal/terminal.h"
#include "time/clock_source.h"
#include "warm/freeze.h"
#include "warm/frozen_process.h"
#include "warm/resume.h"

namespace runtime {

// The packer writes the archive's place here (section .runtime.base).
__attribute__((section(".runtime.base"), used)) volatile const BaseImageDescriptor base_image = {};

namespace {

using Constructor = void (*)();
#pragma GCC visibility push(hidden)
extern "C" Constructor constructors_start[], constructors_end[];
#pragma GCC visibility pop

constexpr const char* kVersion = RUNTIME_VERSION;  // of package.json
constexpr const char* kProgram = "/bin/node";
constexpr const char* kArgumentsFile = "/etc/runtime/arguments";
constexpr const char* kEnvironmentFile = "/etc/runtime/environment";
constexpr const char* kDefaultEntry = "/app/main.mjs";
constexpr const char* kFrozenStateFile = "/system/warm/state";
constexpr const char* kFrozenPagesFile = "/system/warm/pages";

BootInformation information;
CommandLine command_line;
FrozenProcess frozen_process;
bool is_warm = false;  // the process goes on from a frozen state

/// Says why the machine cannot start, and ends it with a code that is not zero.
[[noreturn]] void refuse(const char* reason) {
  log(LogLevel::Error, "error: %s", reason);
  acpi_initialise(information.rsdp);
  power_initialise();
  end_machine(1, "boot", EndKind::Wanted);  // starting again would not help
}

void require(const char* problem) {
  if (problem) refuse(problem);
}

StringView view_of(const PhysicalRange& range) {
  return StringView(static_cast<const char*>(phys_to_virt(PhysAddr(range.start))), range.size());
}

/// Reads a small file whole into heap memory that stays. Empty when there is no such file.
StringView read_file(const char* path) {
  Result<RefPtr<File>> file = vfs_open(path, kOpenReadOnly);
  if (file.is_error()) return StringView();
  Stat stat;
  if (file.value()->stat(&stat).is_error() || stat.size <= 0) return StringView();
  const size_t size = static_cast<size_t>(stat.size);
  char* text = static_cast<char*>(allocate(size));
  if (!text) return StringView();
  IoBuffer buffer = IoBuffer::kernel(text, size);
  Result<size_t> count = file.value()->read_at(buffer, 0);
  return count.is_error() ? StringView() : StringView(text, count.value());
}

/// The whole pages of a file of the boot image, in place; empty when it is not there.
StringView view_file_in_place(const char* path) {
  Result<RefPtr<File>> file = vfs_open(path, kOpenReadOnly);
  if (file.is_error()) return StringView();
  Stat stat;
  if (file.value()->stat(&stat).is_error()) return StringView();
  Result<RefPtr<Mappable>> object = file.value()->mappable(false);
  if (object.is_error()) return StringView();
  const uint64_t pages = static_cast<uint64_t>(stat.size) >> kPageShift;
  const PhysAddr first = object.value()->contiguous_pages(0, pages);
  if (first.value == 0) return StringView();
  // Contiguous in the archive to the last byte, though the last page is not mapped as it is.
  return StringView(static_cast<const char*>(phys_to_virt(first)), static_cast<size_t>(stat.size));
}

void push(Vector<StringView>* list, StringView text) {
  if (list->push(text).is_error()) refuse("no memory for the app's arguments");
}

/// Splits NUL-terminated strings.
void push_all(Vector<StringView>* list, StringView strings) {
  while (!strings.is_empty()) {
    const size_t length = strings.find(0);
    push(list, strings.first(length));
    strings = strings.from(min_of(length + 1, strings.size));
  }
}

/// True when `list` has a variable of that name already.
bool is_set(const Vector<StringView>& list, StringView assignment) {
  const StringView name = assignment.first(min_of(assignment.find('=') + 1, assignment.size));
  for (const StringView& entry : list)
    if (entry.starts_with(name)) return true;
  return false;
}

void push_if_unset(Vector<StringView>* list, StringView assignment) {
  if (!is_set(*list, assignment)) push(list, assignment);
}

void choose_arguments(ProgramStart* start) {
  push_all(&start->arguments, read_file(kArgumentsFile));
  if (start->arguments.is_empty()) {
    if (vfs_open(kDefaultEntry, kOpenReadOnly).is_error())
      refuse(
          "the initrd holds no app: neither /app/main.mjs nor /etc/runtime/arguments is in it; "
          "build it with `npm run build`");
    push(&start->arguments, "node");
    push(&start->arguments, "--enable-source-maps");
    push(&start->arguments, kDefaultEntry);
  }
  for (size_t i = 0; i < command_line.argument_count; ++i)
    push(&start->arguments, command_line.arguments[i]);
}

/// What the host says about this machine comes before the command line, which an image may carry in it.
void choose_machine_settings(ProgramStart* start) {
  if (read_machine_settings(&start->environment, &start->arguments).is_error())
    refuse("no memory for the settings that the host gave the machine");
  for (size_t i = 0; i < command_line.environment_count; ++i)
    push_if_unset(&start->environment, command_line.environment[i]);
}

void choose_environment(ProgramStart* start) {
  const StringView from_file = read_file(kEnvironmentFile);
  Vector<StringView> file_entries;
  push_all(&file_entries, from_file);
  for (const StringView& entry : file_entries) push_if_unset(&start->environment, entry);
  push_if_unset(&start->environment, "PATH=/bin");
  push_if_unset(&start->environment, "HOME=/tmp");
  push_if_unset(&start->environment, "PWD=/app");
  push_if_unset(&start->environment, "LANG=C.UTF-8");
  push_if_unset(&start->environment, "LD_PRELOAD=/lib/runtime/shim.so");
}

/// Descriptors 0, 1 and 2 are the console.
void open_standard_descriptors() {
  const int flags[] = {kOpenReadOnly, kOpenWriteOnly, kOpenWriteOnly};
  for (unsigned i = 0; i < array_size(flags); ++i) {
    Result<RefPtr<File>> console = vfs_open("/dev/console", flags[i]);
    if (console.is_error() || fd_install(console.take(), false).is_error())
      refuse("the console cannot be opened");
  }
}

void start_files() {
  if (!information.base.size())
    refuse(
        "this kernel carries no base (Node and its libraries); use dist/runtime, which "
        "`npm run build` makes, not build/kernel.elf");
  if (!information.initrd.size())
    refuse("no initrd was given; start QEMU with -initrd dist/initrd, which `npm run build` makes");
  Result<void> built = vfs_initialise(view_of(information.base), view_of(information.initrd),
                                      command_line.writable_root);
  if (built.is_error())
    refuse(
        "the base or the initrd cannot be used (the line above says why); build them again "
        "with `npm run build`");
  screen_set_font(view_file_in_place("/system/font.psf"));
  fifo_initialise();
}

/// A page below 1 MiB that belongs to nobody: the frame allocator leaves all of that alone.
PhysAddr unused_low_page() {
  constexpr uint64_t kLowest = 0x1000;
  constexpr uint64_t kTop = 0x90000;  // the BIOS's extended data area and video memory are above
  for (unsigned i = 0; i < information.usable_count; ++i) {
    const uint64_t end = align_down(min_of(information.usable[i].end, kTop), kPageSize);
    if (end >= max_of(information.usable[i].start, kLowest) + kPageSize)
      return PhysAddr(end - kPageSize);
  }
  return PhysAddr(0);
}

void start_cold(const char* why) {
  is_warm = false;
  log(LogLevel::Warn, "the image's frozen state is not used, and the process starts anew: %s", why);
}

/// Looks whether the image carries a state that this machine can go on from. Before there are threads.
void find_frozen_process() {
  if (command_line.warm_start != WarmStart::Resume) return;
  const StringView state = view_file_in_place(kFrozenStateFile);
  if (state.is_empty()) return;
  const char* why = frozen_process.open(state, view_file_in_place(kFrozenPagesFile));
  if (!why) why = frozen_process.difference_of_machine();
  if (why) return start_cold(why);
  is_warm = true;
  clock_start_from(frozen_process.header().monotonic_nanoseconds);
  prefer_arena_address(frozen_process.header().arena);
  const uint64_t features = frozen_process.header().extended_state;
  if (features != extended_state_features()) extended_state_limit(features);
}

void resume_program(const ProgramStart& start) {
  Result<void> resumed = resume_process(frozen_process, start);
  if (!resumed.is_error()) {
    log(LogLevel::Info, "the process goes on from the image's frozen state, %llu pages",
        static_cast<unsigned long long>(frozen_process.header().pages.count));
    return;
  }
  if (resumed.error() == Errno::NoMemory)
    refuse("too little memory for the image's frozen state; start the VM with a larger -m");
  refuse("the image's frozen state is damaged; build the image again, or boot it with warm=off");
}

RefPtr<Thread> load_node(const ProgramStart& start) {
  if (command_line.warm_start == WarmStart::Freeze) set_process_origin(ProcessOrigin::ToBeFrozen);
  open_standard_descriptors();
  Result<RefPtr<Thread>> thread = load_program(start);
  if (!thread.is_error()) return thread.take();
  if (thread.error() == Errno::NoMemory)
    refuse("too little memory to load Node; start the VM with a larger -m");
  refuse("Node cannot be loaded; build the base again with `npm run build`");
}

void start_program() {
  ProgramStart start;
  start.path = kProgram;
  start.fixed_layout = command_line.fixed_layout;
  choose_arguments(&start);
  choose_machine_settings(&start);
  choose_environment(&start);
  if (vfs_change_directory("/app").is_error()) refuse("the initrd holds no directory /app");
  if (is_warm) {
    const char* const why = frozen_process.difference_of_program(start);
    if (why) start_cold(why);
  }
  RefPtr<Thread> thread;
  if (is_warm)
    resume_program(start);
  else
    thread = load_node(start);
  require(clock_calibration_end());
  set_cpu_frequency(clock_frequency_hertz());
  if (command_line.profile_hertz) profile_start(command_line.profile_hertz);
  set_boot_nanoseconds(monotonic_nanoseconds() - clock_start());
  lockup_watch_start();
  log(LogLevel::Info,
      "Runtime.JS %s: started by %s, %llu MiB of memory, first instruction after "
      "%llu us",
      kVersion, information.loader, static_cast<unsigned long long>(physical_memory_size() >> 20),
      static_cast<unsigned long long>((monotonic_nanoseconds() - clock_start()) / 1000));
  if (is_warm)
    run_resumed_threads();
  else
    Scheduler::make_runnable(thread.get());
}

/// For tests: what a device does whose message was set up wrongly.
void provoke_stray_interrupts() {
  constexpr unsigned kCount = 10000;
  constexpr unsigned kUnusedVector = 0x45;
  for (unsigned i = 0; i < kCount; ++i) apic_send(apic_id(), kUnusedVector);
}

/// What can wait until the app has started and the CPU has nothing else to do.
void finish_boot() {
  set_kernel_symbols(view_file_in_place("/system/kernel.symbols"));
  power_initialise();
  check_other_cpus();
  if (command_line.provokes_stray_interrupts) provoke_stray_interrupts();
  acpi_interpreter_start();
}

}  // namespace

StringView kernel_command_line() { return StringView(information.command_line); }
StringView kernel_version() { return kVersion; }

}  // namespace runtime

extern "C" [[noreturn]] void boot_main() {
  using namespace runtime;
  // First of all: an emulator translates code anew once these control registers have changed. A CPU
  // that lacks them is refused further down, where something can be said.
  if (cpu_has(cpu_feature::kFxsr) && cpu_has(cpu_feature::kSse) && cpu_has(cpu_feature::kPge))
    extended_state_initialise();
  cpu_initialise();
  for (Constructor* constructor = constructors_start; constructor < constructors_end; ++constructor)
    (*constructor)();
  console_initialise();
  cpu_features_initialise();
  char message[256];
  if (!check_required_cpu_features(message, sizeof(message))) refuse(message);
  random_initialise();

  require(read_boot_information(boot_kind, boot_information, &information));
  if (information.has_rsdp_copy)
    information.rsdp = PhysAddr(physical_in_image(information.rsdp_copy));
  if (base_image.physical_address) {
    const uint64_t start = base_image.physical_address - kLinkedPhysical + kernel_physical();
    information.base = {start, start + base_image.size};
  }
  if (information.command_line_was_cut)
    refuse("the kernel's command line is longer than 4095 bytes");
  if (!parse_command_line(information.command_line, &command_line, message, sizeof(message)))
    refuse(message);
  log_set_level(command_line.log_level);
  set_system_call_trace(command_line.trace_system_calls);
  set_shutdown_seconds(command_line.shutdown_seconds);
  set_restart_policy(command_line.restart_policy);
  lockup_provoke(command_line.provoked_lockup);
  provoke_clock(command_line.provoked_clock);
  if (command_line.halts_when_idle) scheduler_halt_when_idle();
  if (command_line.leaves_byte_code) acpi_leave_byte_code();
  platform_devices_initialise(command_line, information.framebuffer);
  settings_initialise(command_line);
  set_default_window_size(command_line.terminal_columns, command_line.terminal_rows);

  require(physical_memory_initialise(information, command_line.fixed_layout));
  AddressSpace::initialise(command_line.fixed_layout);
  kernel_map_initialise(command_line.fixed_layout);
  screen_initialise();
  acpi_initialise(information.rsdp);
  // Without a size the kernel was not packed, which start_files() says.
  if (base_image.size && !information.base.size()) require(find_shared_base(&information.base));
  require(apic_initialise());
  reset_other_cpus();
  random_find_generation();
  clock_calibration_begin(command_line.clock_source);
  drop_identity_map();
  firmware_config_initialise();
  start_files();
  find_frozen_process();
  scheduler_initialise();
  broker_initialise();
  apic_route_legacy(kConsoleInterrupt);
  console_terminal().follow_interrupt_key();
  console_enable_receive();
  start_other_cpus(unused_low_page());
  acpi_interpreter_prepare();
  start_program();
  run_idle_loop(finish_boot);
}
