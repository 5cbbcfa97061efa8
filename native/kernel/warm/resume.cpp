#include "warm/resume.h"

#include "arch/x86_64/cpu.h"
#include "lib/string.h"
#include "linux/fd_table.h"
#include "linux/ipc/epoll.h"
#include "linux/ipc/eventfd.h"
#include "linux/ipc/pipe.h"
#include "linux/process_info.h"
#include "linux/vfs.h"
#include "memory/frames.h"
#include "memory/frozen_memory.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "vdso/vdso.h"
#include "warm/freeze.h"

namespace runtime {

namespace {

constexpr int kSeekSet = 0;
constexpr int kOpenOnce = kOpenCreate | kOpenExclusive | kOpenTruncate;
/// Of an XSAVE area: what is in it.
constexpr size_t kFeaturesOffset = 512;
constexpr uint64_t kFrozenFeatures = 7;  // x87, SSE, AVX

class Resumption {
 public:
  explicit Resumption(const FrozenProcess& frozen) : frozen_(frozen), header_(frozen.header()) {}

  Result<void> run(const ProgramStart& start) {
    Result<void> done = map_areas();
    if (!done.is_error()) done = map_kernel_pages_again();
    if (!done.is_error())
      done = install_frozen_pages(frozen_.pages(), header_.pages.count,
                                  virt_to_phys(frozen_.content().data));
    if (done.is_error()) return done;
    set_memory_bounds({header_.break_start, header_.break_end, header_.mmap_top});
    for (int signal = 1; signal <= kSignalCount; ++signal)
      set_signal_action(signal, header_.actions[signal]);
    done = place_arguments(start);
    if (!done.is_error()) done = open_files();
    if (!done.is_error()) done = watch_files();
    if (!done.is_error()) done = create_threads();
    return done;
  }

 private:
  Result<void> map_areas() {
    for (uint64_t i = 0; i < header_.areas.count; ++i) {
      const FrozenArea& area = frozen_.areas()[i];
      MapRequest request;
      request.address = area.start;
      request.size = area.end - area.start;
      request.protection = area.protection;
      request.is_shared = area.is_shared != 0;
      request.no_replace = true;
      request.name = static_cast<AreaName>(area.name);
      if (area.end <= area.start) return Errno::Invalid;
      if (area.path != kNoBytes) {
        Result<void> opened = open_mapped(area);
        if (opened.is_error()) return opened;
        request.file = mapped_file_;
        request.object = mapped_object_;
        request.offset = area.offset;
      }
      Result<uint64_t> mapped = AddressSpace::map(move(request));
      if (mapped.is_error()) return mapped.error();
    }
    return {};
  }

  /// Areas of one file follow each other.
  Result<void> open_mapped(const FrozenArea& area) {
    if (mapped_file_ && area.path == mapped_path_) return {};
    Result<RefPtr<File>> file = vfs_open(frozen_.text(area.path), kOpenReadOnly);
    if (file.is_error()) return file.error();
    Stat stat;
    Result<void> known = file.value()->stat(&stat);
    if (known.is_error()) return known;
    if (static_cast<uint64_t>(stat.size) != area.file_size) return Errno::Invalid;
    Result<RefPtr<Mappable>> object = file.value()->mappable(false);
    if (object.is_error()) return object.error();
    mapped_path_ = area.path;
    mapped_file_ = file.take();
    mapped_object_ = object.take();
    return {};
  }

  Result<void> map_kernel_pages_again() {
    Result<uint64_t> image = map_vdso(header_.vdso + vdso_image_size());
    if (image.is_error()) return image.error();
    if (image.value() != header_.vdso) return Errno::Invalid;
    return {};
  }

  /// The stack of the first thread has those that the process was frozen with; Node is told of these.
  Result<void> place_arguments(const ProgramStart& start) {
    uint64_t size = 0;
    for (const StringView& text : start.arguments) size += text.size + 1;
    const uint64_t arguments_size = size;
    for (const StringView& text : start.environment) size += text.size + 1;
    MapRequest request;
    request.size = align_up(size, kPageSize);
    request.protection = kProtectionRead | kProtectionWrite;
    Result<uint64_t> mapped = AddressSpace::map(move(request));
    if (mapped.is_error()) return mapped.error();
    uint64_t at = mapped.value();
    Result<void> done = copy_strings(start.arguments, &at);
    if (!done.is_error()) done = copy_strings(start.environment, &at);
    if (done.is_error()) return done;
    set_argument_area(mapped.value(), arguments_size, size - arguments_size);
    return {};
  }

  static Result<void> copy_strings(const Vector<StringView>& strings, uint64_t* at) {
    for (const StringView& text : strings) {
      Result<void> copied = copy_to_user(*at, text.data, text.size);
      if (copied.is_error()) return copied;
      *at += text.size + 1;
    }
    return {};
  }

  Result<void> open_files() {
    for (uint64_t i = 0; i < header_.files.count; ++i) {
      Result<RefPtr<File>> file = open_file(frozen_.files()[i]);
      if (file.is_error()) return file.error();
      Result<void> kept = files_.push(file.take());
      if (kept.is_error()) return kept;
    }
    for (uint64_t i = 0; i < header_.files.count; ++i) {
      Result<void> filled = fill_pipe(frozen_.files()[i]);
      if (filled.is_error()) return filled;
    }
    for (uint64_t i = 0; i < header_.descriptors.count; ++i) {
      const FrozenDescriptor& descriptor = frozen_.descriptors()[i];
      Result<void> placed =
          fd_replace(descriptor.descriptor, files_[descriptor.file], descriptor.close_on_exec != 0);
      if (placed.is_error()) return placed;
    }
    return {};
  }

  Result<RefPtr<File>> open_file(const FrozenFile& frozen) {
    RefPtr<File> made;
    switch (frozen.kind) {
      case FrozenFileKind::Path:
        return open_path(frozen);
      case FrozenFileKind::PipeEnd:
        return open_pipe(frozen);
      case FrozenFileKind::Event:
        made = make_event_file(frozen.value, frozen.flag != 0, frozen.status_flags);
        break;
      case FrozenFileKind::Epoll:
        made = RefPtr<File>::adopt(new Epoll());
        break;
      default:
        return Errno::Invalid;
    }
    if (!made) return Errno::NoMemory;
    return made;
  }

  Result<RefPtr<File>> open_path(const FrozenFile& frozen) {
    Result<RefPtr<File>> file =
        vfs_open(frozen_.text(frozen.path), frozen.status_flags & ~kOpenOnce);
    if (file.is_error() || frozen.value == 0) return file;
    Result<uint64_t> moved = file.value()->seek(static_cast<int64_t>(frozen.value), kSeekSet);
    if (moved.is_error()) return moved.error();
    return file;
  }

  /// The first end of a pipe makes it.
  Result<RefPtr<File>> open_pipe(const FrozenFile& frozen) {
    RefPtr<Pipe> pipe;
    for (const KnownPipe& known : pipes_) {
      if (known.number == frozen.value) pipe = known.pipe;
    }
    if (!pipe) {
      Result<RefPtr<Pipe>> made = Pipe::create();
      if (made.is_error()) return made.error();
      pipe = made.take();
      Result<void> kept = pipes_.push(KnownPipe{frozen.value, pipe});
      if (kept.is_error()) return kept.error();
    }
    RefPtr<File> end = RefPtr<File>::adopt(new PipeFile(pipe, frozen.status_flags));
    if (!end) return Errno::NoMemory;
    return end;
  }

  /// Once both ends are open.
  Result<void> fill_pipe(const FrozenFile& frozen) {
    const StringView content = frozen_.bytes(frozen.content, frozen.flag);
    if (frozen.kind != FrozenFileKind::PipeEnd || content.is_empty()) return {};
    for (const KnownPipe& known : pipes_) {
      if (known.number != frozen.value) continue;
      if (!known.pipe->has_readers()) return Errno::Invalid;
      IoBuffer buffer = IoBuffer::kernel(const_cast<char*>(content.data), content.size);
      Result<size_t> written = known.pipe->write(buffer, true);
      if (written.is_error()) return written.error();
    }
    return {};
  }

  Result<void> watch_files() {
    for (uint64_t i = 0; i < header_.watches.count; ++i) {
      const FrozenWatch& watch = frozen_.watches()[i];
      Epoll* const epoll = static_cast<Epoll*>(files_[watch.epoll].get());
      Result<void> added =
          epoll->add(files_[watch.file], watch.descriptor, EpollEvent{watch.events, watch.data});
      if (added.is_error()) return added;
    }
    return {};
  }

  Result<void> create_threads() {
    for (uint64_t i = 0; i < header_.threads.count; ++i) {
      Result<void> created = create_thread(frozen_.threads()[i]);
      if (created.is_error()) return created;
    }
    return {};
  }

  Result<void> create_thread(const FrozenThread& frozen) {
    TrapFrame frame = frozen.frame;
    frame.cs = 8;
    frame.ss = 16;
    frame.vector = 0;
    char name[sizeof(frozen.name)];
    memcpy(name, frozen.name, sizeof(name));
    name[sizeof(name) - 1] = 0;
    Result<RefPtr<Thread>> created = create_application_thread(name, frame, frozen.id);
    if (created.is_error()) return created.error();
    Thread* const thread = created.value().get();
    if (thread->id() != frozen.id) return Errno::Invalid;
    thread->nice = frozen.nice;
    thread->fs_base = frozen.fs_base;
    thread->clear_child_thread_id = frozen.clear_child_thread_id;
    thread->robust_list_head = frozen.robust_list_head;
    thread->signals.mask = frozen.signal_mask;
    thread->signals.alternate.base = frozen.alternate_base;
    thread->signals.alternate.size = frozen.alternate_size;
    thread->signals.alternate.is_set = frozen.has_alternate != 0;
    memcpy(thread->extended_state, frozen.extended_state,
           min_of(sizeof(frozen.extended_state), extended_state_size()));
    if (extended_state_features())
      *reinterpret_cast<uint64_t*>(thread->extended_state + kFeaturesOffset) &= kFrozenFeatures;
    sanitise_extended_state(thread->extended_state);
    return {};
  }

  struct KnownPipe {
    uint64_t number;
    RefPtr<Pipe> pipe;
  };

  const FrozenProcess& frozen_;
  const FrozenHeader& header_;
  uint64_t mapped_path_ = kNoBytes;
  RefPtr<File> mapped_file_;
  RefPtr<Mappable> mapped_object_;
  Vector<RefPtr<File>> files_;
  Vector<KnownPipe> pipes_;
};

}  // namespace

Result<void> resume_process(const FrozenProcess& frozen, const ProgramStart& start) {
  set_process_origin(ProcessOrigin::Resumed);
  Resumption resumption(frozen);
  return resumption.run(start);
}

void run_resumed_threads() {
  ThreadInfo info;
  for (int id = 0; next_thread(id, &info); id = info.id + 1) {
    RefPtr<Thread> thread = find_thread(info.id);
    if (thread) Scheduler::make_runnable(thread.get());
  }
}

}  // namespace runtime
