// The state of a process that was frozen when an image was built, as the kernel writes it and reads it
// again: a warm image starts from it rather than from Node's first instruction.
//
//   header | pages | areas | threads | files | descriptors | watches | bytes
//
// All tables are arrays of the structures below, at offsets from the state's start that are multiples of 8.
// When the state is written, a page's content is where it was in the machine's memory (`frame` is a physical
// address); the image builder, which has that memory, puts the pages into a file, and makes `frame` the
// page's number in it. It leaves out pages that hold zeroes, and knows nothing else of the format.
#pragma once

#include <stdint.h>

#include "arch/x86_64/trap_frame.h"
#include "linux/signals_internal.h"
#include "warm/frozen_file.h"

namespace runtime {

constexpr char kFrozenMagic[8] = {'R', 'J', 'S', 'W', 'A', 'R', 'M', '1'};
/// The x87, SSE and AVX parts of an XSAVE area, which have the same place on all CPUs: what may be live across
/// a system call, as prebuilt code is made for CPUs without more.
constexpr size_t kFrozenExtendedState = 512 + 64 + 256;
constexpr unsigned kFrozenFeatureWords = 8;

struct FrozenTable {
  uint64_t offset;  // bytes from the state's start
  uint64_t count;
};

/// A private page with content.
struct FrozenPage {
  uint64_t address;
  uint64_t frame;
};

/// As struct Area.
struct FrozenArea {
  uint64_t start, end;
  uint64_t offset;
  uint64_t path;       // of the file that is mapped, in bytes; kNoBytes: anonymous
  uint64_t file_size;  // what has another size is another file
  uint8_t protection;
  uint8_t is_shared;
  uint8_t name;
  uint8_t padding[5];
};

struct FrozenThread {
  int32_t id;
  int32_t nice;
  char name[16];
  TrapFrame frame;
  uint64_t fs_base;
  uint64_t clear_child_thread_id;
  uint64_t robust_list_head;
  uint64_t signal_mask;
  uint64_t alternate_base, alternate_size, has_alternate;
  uint8_t extended_state[kFrozenExtendedState];
};

struct FrozenDescriptor {
  int32_t descriptor;
  uint32_t file;  // index
  uint64_t close_on_exec;
};

/// What an epoll instance watches.
struct FrozenWatch {
  uint32_t epoll;  // index of a file
  uint32_t file;   // likewise
  int32_t descriptor;
  uint32_t events;
  uint64_t data;
};

struct FrozenHeader {
  char magic[8];
  uint64_t size;  // of all, in bytes
  FrozenTable pages, areas, threads, files, descriptors, watches;
  FrozenTable bytes;        // NUL-terminated paths, and the two below
  uint64_t arguments;       // in bytes: the argument vector, each NUL-terminated
  uint64_t arguments_size;  // in bytes
  uint64_t environment;
  uint64_t environment_size;
  uint64_t kernel_stamp;    // of kernel and base, see BaseImageDescriptor
  uint64_t memory_size;     // of the machine
  uint64_t extended_state;  // the features that XSAVE saved
  uint32_t features[kFrozenFeatureWords];
  uint64_t monotonic_nanoseconds;
  uint64_t break_start, break_end, mmap_top;
  uint64_t vdso;
  uint64_t arena;  // where the arena was, so that it is in nobody's way; 0: nowhere
  SignalAction actions[kSignalCount + 1];
};

}  // namespace runtime
