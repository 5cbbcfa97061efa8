// Sources: System V ABI (ELF), x86-64 psABI 3.4 (process initialisation), getauxval(3).
#include "linux/exec.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "lib/format.h"
#include "linux/elf.h"
#include "linux/process_info.h"
#include "linux/vfs.h"
#include "memory/address_space.h"
#include "memory/user.h"
#include "sched/scheduler_internal.h"
#include "vdso/vdso.h"

namespace runtime {

namespace {

constexpr uint64_t kStackSize = 8 * 1024 * 1024;
/// At least this much below the stack's end nothing is mapped.
constexpr uint64_t kVdsoGap = 1024 * 1024;
constexpr uint64_t kKernelInterfaceType = 0x524a5301;

ArgumentArea argument_area_record;

struct LoadedElf {
  uint64_t entry = 0;
  uint64_t bias = 0;
  uint64_t program_headers = 0;  // run-time address
  uint64_t program_header_count = 0;
  uint64_t end = 0;
  char interpreter[128] = {};
};

Result<void> read_exactly(File* file, void* buffer, size_t size, uint64_t offset) {
  IoBuffer target = IoBuffer::kernel(buffer, size);
  Result<size_t> count = file->read_at(target, offset);
  if (count.is_error()) return count.error();
  if (count.value() != size) return Errno::NotExecutable;
  return {};
}

uint8_t protection_of(uint32_t flags) {
  return (flags & kSegmentRead ? kProtectionRead : 0) |
         (flags & kSegmentWrite ? kProtectionWrite : 0) |
         (flags & kSegmentExecute ? kProtectionExecute : 0);
}

/// Maps one PT_LOAD: file pages, the zeroed rest of the last one, then anonymous pages.
Result<void> map_segment(const RefPtr<File>& file, const RefPtr<Mappable>& object,
                         const ElfProgramHeader& segment, uint64_t bias) {
  const uint64_t start = bias + segment.virtual_address;
  const uint64_t page_start = align_down(start, kPageSize);
  const uint64_t file_end = start + segment.file_size;
  const uint64_t memory_end = start + segment.memory_size;
  if (segment.file_size) {
    MapRequest request;
    request.address = page_start;
    request.size = align_up(file_end, kPageSize) - page_start;
    request.protection = protection_of(segment.flags);
    request.is_fixed = true;
    request.object = object;
    request.file = file;
    request.offset = align_down(segment.offset, kPageSize);
    Result<uint64_t> mapped = AddressSpace::map(move(request));
    if (mapped.is_error()) return mapped.error();
  }
  const uint64_t zero_start = align_up(file_end, kPageSize);
  if (memory_end > zero_start) {
    MapRequest request;
    request.address = zero_start;
    request.size = align_up(memory_end, kPageSize) - zero_start;
    request.protection = protection_of(segment.flags);
    request.is_fixed = true;
    Result<uint64_t> mapped = AddressSpace::map(move(request));
    if (mapped.is_error()) return mapped.error();
  }
  // To the page's end, past the segment: the dynamic linker takes its first heap from there.
  if (memory_end > file_end && file_end % kPageSize)
    return clear_user(file_end, zero_start - file_end);
  return {};
}

Result<LoadedElf> load_elf(StringView path) {
  Result<RefPtr<File>> opened = vfs_open(path, kOpenReadOnly);
  if (opened.is_error()) {
    log(LogLevel::Error, "cannot open %.*s: error %d", static_cast<int>(path.size), path.data,
        static_cast<int>(opened.error()));
    return opened.error();
  }
  const RefPtr<File> file = opened.take();
  ElfHeader header;
  Result<void> read = read_exactly(file.get(), &header, sizeof(header), 0);
  if (read.is_error()) return read.error();
  if (memcmp(header.identification,
             "\x7f"
             "ELF\x02\x01",
             6) != 0 ||
      header.machine != kElfMachineX86_64 ||
      (header.type != kElfExecutable && header.type != kElfShared) ||
      header.program_header_size != sizeof(ElfProgramHeader) ||
      header.program_header_count > kMaximumProgramHeaders) {
    log(LogLevel::Error, "%.*s is not an x86-64 ELF program", static_cast<int>(path.size),
        path.data);
    return Errno::NotExecutable;
  }
  ElfProgramHeader segments[kMaximumProgramHeaders];
  read = read_exactly(file.get(), segments, sizeof(segments[0]) * header.program_header_count,
                      header.program_headers);
  if (read.is_error()) return read.error();

  LoadedElf loaded;
  uint64_t lowest = UINT64_MAX, highest = 0;
  for (unsigned i = 0; i < header.program_header_count; ++i) {
    const ElfProgramHeader& segment = segments[i];
    if (segment.type == kSegmentLoad) {
      lowest = min_of(lowest, align_down(segment.virtual_address, kPageSize));
      highest = max_of(highest, align_up(segment.virtual_address + segment.memory_size, kPageSize));
    } else if (segment.type == kSegmentInterpreter) {
      if (segment.file_size >= sizeof(loaded.interpreter)) return Errno::NotExecutable;
      read = read_exactly(file.get(), loaded.interpreter, segment.file_size, segment.offset);
      if (read.is_error()) return read.error();
    }
  }
  if (highest <= lowest) return Errno::NotExecutable;
  Result<RefPtr<Mappable>> object = file->mappable(false);
  if (object.is_error()) return object.error();

  if (header.type == kElfShared) {
    // Reserve the whole span at a random place; the segments then replace it.
    MapRequest reservation;
    reservation.size = highest - lowest;
    Result<uint64_t> reserved = AddressSpace::map(move(reservation));
    if (reserved.is_error()) return reserved.error();
    loaded.bias = reserved.value() - lowest;
  }
  for (unsigned i = 0; i < header.program_header_count; ++i) {
    const ElfProgramHeader& segment = segments[i];
    if (segment.type != kSegmentLoad) continue;
    Result<void> mapped = map_segment(file, object.value(), segment, loaded.bias);
    if (mapped.is_error()) return mapped.error();
    if (header.program_headers >= segment.offset &&
        header.program_headers < segment.offset + segment.file_size)
      loaded.program_headers =
          loaded.bias + segment.virtual_address + (header.program_headers - segment.offset);
  }
  loaded.entry = loaded.bias + header.entry;
  loaded.program_header_count = header.program_header_count;
  loaded.end = loaded.bias + highest;
  return loaded;
}

/// Writes the initial stack from the top down.
class StackWriter {
 public:
  explicit StackWriter(uint64_t top) : at_(top) {}

  uint64_t position() const { return at_; }
  Result<uint64_t> push_bytes(const void* bytes, size_t size) {
    at_ -= size;
    Result<void> copied = copy_to_user(at_, bytes, size);
    if (copied.is_error()) return copied.error();
    return at_;
  }
  /// A string with its NUL.
  Result<uint64_t> push_string(StringView text) {
    const char nul = 0;
    Result<uint64_t> pushed = push_bytes(&nul, 1);
    if (pushed.is_error()) return pushed;
    return push_bytes(text.data, text.size);
  }
  void align(uint64_t alignment) { at_ = align_down(at_, alignment); }

 private:
  uint64_t at_;
};

Result<void> push_strings(StackWriter* stack, const Vector<StringView>& strings,
                          Vector<uint64_t>* addresses) {
  Result<void> sized = addresses->resize(strings.size());
  if (sized.is_error()) return sized;
  for (size_t i = strings.size(); i-- > 0;) {
    Result<uint64_t> pushed = stack->push_string(strings[i]);
    if (pushed.is_error()) return pushed.error();
    (*addresses)[i] = pushed.value();
  }
  return {};
}

Result<uint64_t> build_stack(const ProgramStart& start, const LoadedElf& program,
                             uint64_t interpreter_base, uint64_t vdso, uint64_t top) {
  StackWriter stack(top);
  Result<uint64_t> path = stack.push_string(start.path);
  if (path.is_error()) return path;
  Vector<uint64_t> environment, arguments;
  argument_area_record.environment_end = stack.position();
  Result<void> pushed = push_strings(&stack, start.environment, &environment);
  if (pushed.is_error()) return pushed.error();
  argument_area_record.environment_start = stack.position();
  argument_area_record.arguments_end = stack.position();
  pushed = push_strings(&stack, start.arguments, &arguments);
  if (pushed.is_error()) return pushed.error();
  argument_area_record.arguments_start = stack.position();
  Result<uint64_t> platform = stack.push_string("x86_64");
  if (platform.is_error()) return platform;
  uint8_t random[16];
  random_bytes(random, sizeof(random));
  Result<uint64_t> random_address = stack.push_bytes(random, sizeof(random));
  if (random_address.is_error()) return random_address;
  stack.align(16);

  const uint64_t auxiliary[][2] = {
      {33 /* AT_SYSINFO_EHDR */, vdso},
      {16 /* AT_HWCAP */, cpuid(1).edx},
      {6 /* AT_PAGESZ */, kPageSize},
      {17 /* AT_CLKTCK */, 100},
      {3 /* AT_PHDR */, program.program_headers},
      {4 /* AT_PHENT */, sizeof(ElfProgramHeader)},
      {5 /* AT_PHNUM */, program.program_header_count},
      {7 /* AT_BASE */, interpreter_base},
      {8 /* AT_FLAGS */, 0},
      {9 /* AT_ENTRY */, program.entry},
      {11 /* AT_UID */, 0},
      {12 /* AT_EUID */, 0},
      {13 /* AT_GID */, 0},
      {14 /* AT_EGID */, 0},
      {23 /* AT_SECURE */, 0},
      {25 /* AT_RANDOM */, random_address.value()},
      {26 /* AT_HWCAP2 */, 0},
      {31 /* AT_EXECFN */, path.value()},
      {15 /* AT_PLATFORM */, platform.value()},
      {51 /* AT_MINSIGSTKSZ */, extended_state_size() + 1024},
      {kKernelInterfaceType, kernel_interface_below(vdso)},
      {0, 0},
  };
  // The count of arguments must end up on a 16-byte border.
  const size_t words = 1 + arguments.size() + 1 + environment.size() + 1;
  if (words % 2) stack = StackWriter(stack.position() - 8);
  argument_area_record.auxiliary_end = stack.position();
  Result<uint64_t> done = stack.push_bytes(auxiliary, sizeof(auxiliary));
  if (done.is_error()) return done;
  argument_area_record.auxiliary_start = stack.position();
  const uint64_t null = 0;
  done = stack.push_bytes(&null, 8);
  if (!done.is_error()) done = stack.push_bytes(environment.data(), environment.size() * 8);
  if (!done.is_error()) done = stack.push_bytes(&null, 8);
  if (!done.is_error()) done = stack.push_bytes(arguments.data(), arguments.size() * 8);
  const uint64_t count = arguments.size();
  if (!done.is_error()) done = stack.push_bytes(&count, 8);
  return done;
}

}  // namespace

const ArgumentArea& argument_area() { return argument_area_record; }

void set_argument_area(uint64_t start, uint64_t arguments_size, uint64_t environment_size) {
  ArgumentArea area = {};
  area.arguments_start = start;
  area.arguments_end = area.environment_start = start + arguments_size;
  area.environment_end = area.environment_start + environment_size;
  argument_area_record = area;
}

Result<RefPtr<Thread>> load_program(const ProgramStart& start) {
  Result<LoadedElf> program = load_elf(start.path);
  if (program.is_error()) return program.error();
  LoadedElf interpreter;
  uint64_t entry = program.value().entry;
  if (program.value().interpreter[0]) {
    Result<LoadedElf> loaded = load_elf(program.value().interpreter);
    if (loaded.is_error()) {
      log(LogLevel::Error, "the program's interpreter %s cannot be loaded; is the base complete?",
          program.value().interpreter);
      return loaded.error();
    }
    interpreter = loaded.value();
    entry = interpreter.entry;
  }
  uint64_t random[2] = {0, 0};
  if (!start.fixed_layout) random_bytes(random, sizeof(random));
  AddressSpace::set_break_start(align_up(program.value().end, kPageSize) +
                                random[0] % 8192 * kPageSize);
  // The stack lies above the mmap area, with a gap that nothing is mapped into by itself.
  const uint64_t top = kUserEnd - kPageSize - random[1] % 32768 * kPageSize;
  MapRequest request;
  request.address = top - kStackSize;
  request.size = kStackSize;
  request.protection = kProtectionRead | kProtectionWrite;
  request.no_replace = true;
  request.name = AreaName::Stack;
  Result<uint64_t> stack = AddressSpace::map(move(request));
  if (stack.is_error()) return stack.error();
  // Close to the stack, so that they share page tables, but not at a known distance.
  Result<uint64_t> vdso = map_vdso(stack.value() - kVdsoGap - random[0] / 8192 % 16384 * kPageSize);
  if (vdso.is_error()) return vdso.error();
  // Frames below the first use of the stack keep 16 random bytes' worth of alignment slack.
  Result<uint64_t> stack_pointer = build_stack(start, program.value(), interpreter.bias,
                                               vdso.value(), top - random[1] / 32768 % 256 * 16);
  if (stack_pointer.is_error()) return stack_pointer.error();

  TrapFrame frame;
  memset(&frame, 0, sizeof(frame));
  frame.rip = entry;
  frame.rsp = stack_pointer.value();
  frame.rflags = kFlagInterrupt | 2;
  frame.cs = 8;
  frame.ss = 16;
  return create_application_thread("node", frame);
}

}  // namespace runtime
