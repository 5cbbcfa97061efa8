#include "warm/state_writer.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpuid.h"
#include "boot/image_layout.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/vector.h"
#include "linux/fd_table.h"
#include "linux/ipc/epoll.h"
#include "linux/process_info.h"
#include "linux/vfs.h"
#include "memory/frames.h"
#include "memory/frozen_memory.h"
#include "memory/physical.h"
#include "sched/thread.h"
#include "warm/frozen_state.h"

namespace runtime {

namespace {

constexpr size_t kPathCapacity = 4096;

/// Collects what makes up the state. A failure is kept until the end.
class Writer {
  struct MappedFile {
    RefPtr<File> file;
    uint64_t path;
  };

 public:
  Writer(char* problem, size_t capacity) : problem_(problem), capacity_(capacity) {}

  bool write(WrittenState* written) {
    fill_header();
    write_memory();
    write_threads();
    write_files();
    return !has_failed_ && assemble(written);
  }

 private:
  void fail(const char* text) {
    if (!has_failed_) format(problem_, capacity_, "%s", text);
    has_failed_ = true;
  }
  void require(const Result<void>& done) {
    if (done.is_error()) fail("there is too little memory; give the machine more");
  }

  uint64_t add_bytes(const void* data, size_t size) {
    const uint64_t at = bytes_.size();
    Result<void> grown = bytes_.resize(at + size);
    require(grown);
    if (!grown.is_error()) memcpy(bytes_.data() + at, data, size);
    return at;
  }
  uint64_t add_text(const char* text) { return add_bytes(text, strlen(text) + 1); }

  uint64_t add_user_bytes(uint64_t start, uint64_t end) {
    const uint64_t at = bytes_.size();
    Result<void> done = bytes_.resize(at + (end - start));
    if (!done.is_error()) done = copy_from_user(bytes_.data() + at, start, end - start);
    require(done);
    return at;
  }

  void fill_header() {
    memset(&header_, 0, sizeof(header_));
    memcpy(header_.magic, kFrozenMagic, sizeof(header_.magic));
    const ArgumentArea& area = argument_area();
    header_.arguments_size = area.arguments_end - area.arguments_start;
    header_.arguments = add_user_bytes(area.arguments_start, area.arguments_end);
    header_.environment_size = area.environment_end - area.environment_start;
    header_.environment = add_user_bytes(area.environment_start, area.environment_end);
    header_.kernel_stamp = base_image.stamp;
    header_.memory_size = physical_memory_size();
    header_.extended_state = extended_state_features();
    for (unsigned i = 0; i < kFrozenFeatureWords; ++i) header_.features[i] = frozen_feature_word(i);
    header_.monotonic_nanoseconds = monotonic_nanoseconds();
    for (int signal = 1; signal <= kSignalCount; ++signal)
      header_.actions[signal] = signal_action(signal);
  }

  void write_memory() {
    const MemoryBounds bounds = memory_bounds();
    header_.break_start = bounds.break_start;
    header_.break_end = bounds.break_end;
    header_.mmap_top = bounds.mmap_top;
    Area area;
    for (size_t index = 0; copy_area(index, &area); ++index) {
      if (area.name == AreaName::Vdso) header_.vdso = area.start;
      if (area.name == AreaName::Arena) header_.arena = area.start;
      if (belongs_to_kernel(area.name)) continue;
      write_area(area);
      require(collect_private_pages(area.start, area.end, &pages_));
    }
  }

  static bool belongs_to_kernel(AreaName name) {
    return name == AreaName::Vvar || name == AreaName::Vdso || name == AreaName::Arena;
  }

  void write_area(const Area& area) {
    FrozenArea frozen;
    memset(&frozen, 0, sizeof(frozen));
    frozen.start = area.start;
    frozen.end = area.end;
    frozen.offset = area.offset;
    frozen.path = kNoBytes;
    frozen.protection = area.protection;
    frozen.is_shared = area.is_shared;
    frozen.name = static_cast<uint8_t>(area.name);
    if (area.object) {
      Stat stat;
      if (!area.file || (area.is_shared && area.file->is_writable()) ||
          area.file->stat(&stat).is_error()) {
        char path[256] = "a device";
        if (area.file) path[vfs_path_of(area.file.get(), path, sizeof(path) - 1)] = 0;
        char text[320];
        format(text, sizeof(text), "it has mapped %s, which others can write to", path);
        fail(text);
        return;
      }
      frozen.path = path_of_mapped(area.file);
      frozen.file_size = static_cast<uint64_t>(stat.size);
    }
    require(areas_.push(frozen));
  }

  /// Areas of one description have one path.
  uint64_t path_of_mapped(const RefPtr<File>& file) {
    for (const MappedFile& known : mapped_) {
      if (known.file.get() == file.get()) return known.path;
    }
    const uint64_t path = add_path(file.get());
    require(mapped_.push(MappedFile{file, path}));
    return path;
  }

  uint64_t add_path(File* file) {
    char path[kPathCapacity];
    const size_t length = vfs_path_of(file, path, sizeof(path));
    path[min_of(length, sizeof(path) - 1)] = 0;
    return add_text(path);
  }

  void write_threads() {
    ThreadInfo info;
    for (int id = 0; next_thread(id, &info); id = info.id + 1) {
      const RefPtr<Thread> thread = find_thread(info.id);
      if (thread) write_thread(*thread);
    }
  }

  void write_thread(const Thread& thread) {
    if (thread.signals.pending != 0) fail("a signal is pending");
    FrozenThread frozen;
    memset(&frozen, 0, sizeof(frozen));
    frozen.id = thread.id();
    frozen.nice = thread.nice;
    memcpy(frozen.name, thread.name, sizeof(frozen.name));
    frozen.frame = *thread.frozen_frame;
    frozen.fs_base = thread.fs_base;
    frozen.clear_child_thread_id = thread.clear_child_thread_id;
    frozen.robust_list_head = thread.robust_list_head;
    frozen.signal_mask = thread.signals.mask;
    frozen.alternate_base = thread.signals.alternate.base;
    frozen.alternate_size = thread.signals.alternate.size;
    frozen.has_alternate = thread.signals.alternate.is_set;
    memcpy(frozen.extended_state, thread.extended_state,
           min_of(sizeof(frozen.extended_state), extended_state_size()));
    require(threads_.push(frozen));
  }

  void write_files() {
    for (int descriptor = fd_next(0); descriptor >= 0; descriptor = fd_next(descriptor + 1)) {
      Result<RefPtr<File>> file = fd_get(descriptor);
      Result<bool> close_on_exec = fd_close_on_exec(descriptor);
      if (file.is_error() || close_on_exec.is_error()) continue;
      require(descriptors_.push(
          FrozenDescriptor{descriptor, index_of(file.take()), close_on_exec.value()}));
    }
    // By index: watched files may have no descriptor any more, and are added on the way.
    for (size_t index = 0; index < open_.size(); ++index) {
      File* const file = open_[index].get();
      write_file(file);
      if (file->kind() == File::Kind::Epoll) write_watches(index, static_cast<Epoll*>(file));
    }
  }

  uint32_t index_of(RefPtr<File> file) {
    for (size_t index = 0; index < open_.size(); ++index) {
      if (open_[index].get() == file.get()) return static_cast<uint32_t>(index);
    }
    require(open_.push(move(file)));
    return static_cast<uint32_t>(open_.size() - 1);
  }

  void write_file(File* file) {
    FrozenFile frozen;
    memset(&frozen, 0, sizeof(frozen));
    frozen.status_flags = file->status_flags();
    frozen.path = kNoBytes;
    Result<void> done = file->freeze(&frozen);
    if (!done.is_error() && frozen.kind == FrozenFileKind::Path) frozen.path = add_path(file);
    if (!done.is_error() && frozen.kind == FrozenFileKind::PipeEnd && frozen.flag > 0)
      frozen.content = take_content(file, frozen.flag);
    if (done.is_error()) {
      char name[128];
      name[file->describe(name, sizeof(name) - 1)] = 0;
      char text[192];
      format(text, sizeof(text), "it has %s open, which has a state of its own", name);
      fail(text);
    }
    require(files_.push(frozen));
  }

  uint64_t take_content(File* file, uint64_t size) {
    const uint64_t at = bytes_.size();
    Result<void> grown = bytes_.resize(at + size);
    require(grown);
    if (grown.is_error()) return at;
    IoBuffer buffer = IoBuffer::kernel(bytes_.data() + at, size);
    Result<size_t> taken = file->read(buffer);
    if (taken.is_error() || taken.value() != size) fail("a pipe cannot be read");
    return at;
  }

  void write_watches(size_t epoll, Epoll* instance) {
    instance->each([&](const EpollItem& item) {
      FrozenWatch watch;
      watch.epoll = static_cast<uint32_t>(epoll);
      watch.file = index_of(RefPtr<File>(item.file));
      watch.descriptor = item.descriptor;
      watch.events = item.mask;
      watch.data = item.data;
      require(watches_.push(watch));
    });
  }

  template <typename T>
  uint64_t place(FrozenTable* table, const Vector<T>& list, uint64_t at) {
    table->offset = at;
    table->count = list.size();
    return at + align_up(list.size() * sizeof(T), 8);
  }
  template <typename T>
  void copy(char* state, const FrozenTable& table, const Vector<T>& list) {
    memcpy(state + table.offset, list.begin(), list.size() * sizeof(T));
  }

  bool assemble(WrittenState* written) {
    uint64_t at = align_up(sizeof(header_), 8);
    at = place(&header_.pages, pages_, at);
    at = place(&header_.areas, areas_, at);
    at = place(&header_.threads, threads_, at);
    at = place(&header_.files, files_, at);
    at = place(&header_.descriptors, descriptors_, at);
    at = place(&header_.watches, watches_, at);
    at = place(&header_.bytes, bytes_, at);
    header_.size = at;
    unsigned order = 0;
    while ((kPageSize << order) < at) ++order;
    Result<PhysAddr> memory = allocate_frames(order);
    if (memory.is_error()) {
      fail("there is too little memory; give the machine more");
      return false;
    }
    char* const state = static_cast<char*>(phys_to_virt(memory.value()));
    memcpy(state, &header_, sizeof(header_));
    copy(state, header_.pages, pages_);
    copy(state, header_.areas, areas_);
    copy(state, header_.threads, threads_);
    copy(state, header_.files, files_);
    copy(state, header_.descriptors, descriptors_);
    copy(state, header_.watches, watches_);
    copy(state, header_.bytes, bytes_);
    written->where = memory.value();
    written->size = at;
    return true;
  }

  char* const problem_;
  const size_t capacity_;
  bool has_failed_ = false;
  FrozenHeader header_;
  Vector<FrozenPage> pages_;
  Vector<FrozenArea> areas_;
  Vector<FrozenThread> threads_;
  Vector<FrozenFile> files_;
  Vector<FrozenDescriptor> descriptors_;
  Vector<FrozenWatch> watches_;
  Vector<char> bytes_;
  Vector<MappedFile> mapped_;
  Vector<RefPtr<File>> open_;  // by index
};

/// Where a feature word is, and the bits of it that are the kernel's or the hypervisor's business.
struct FeatureWord {
  uint32_t leaf, subleaf;
  CpuidRegister reg;
  uint32_t left_out;
};
const FeatureWord kWords[kFrozenFeatureWords] = {
    // MONITOR, PCID, x2APIC, TSC deadline, OSXSAVE, hypervisor
    {1, 0, CpuidRegister::Ecx, 1u << 3 | 1u << 17 | 1u << 21 | 1u << 24 | 1u << 27 | 1u << 31},
    {1, 0, CpuidRegister::Edx, 0},
    // TSC_ADJUST, SMEP, INVPCID, SMAP
    {7, 0, CpuidRegister::Ebx, 1u << 1 | 1u << 7 | 1u << 10 | 1u << 20},
    // UMIP, PKU, OSPKE, LA57
    {7, 0, CpuidRegister::Ecx, 1u << 2 | 1u << 3 | 1u << 4 | 1u << 16},
    {7, 0, CpuidRegister::Edx, ~(1u << 4)},  // only FSRM is for programs
    {0xd, 1, CpuidRegister::Eax, 1u << 3},   // XSAVES
    {0x80000001, 0, CpuidRegister::Ecx, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4},
    {0x80000001, 0, CpuidRegister::Edx, 1u << 20 | 1u << 26},  // NX, large pages
};

}  // namespace

bool write_frozen_state(WrittenState* written, char* problem, size_t capacity) {
  Writer* const writer = new Writer(problem, capacity);
  if (!writer) {
    format(problem, capacity, "there is too little memory; give the machine more");
    return false;
  }
  return writer->write(written);
}

uint32_t frozen_feature_word(unsigned index) {
  const FeatureWord& word = kWords[index];
  return cpuid_word(word.leaf, word.subleaf, word.reg) & ~word.left_out;
}

}  // namespace runtime
