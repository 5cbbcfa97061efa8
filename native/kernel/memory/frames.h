// Physical memory in frames of 4 KiB, each with a reference count.
#pragma once

#include "lib/result.h"
#include "lib/types.h"

namespace runtime {

/// Takes one zeroed frame with one reference. Errors: NoMemory.
Result<PhysAddr> allocate_frame();
/// Takes one frame without zeroing, for callers that overwrite all of it. Errors: NoMemory.
Result<PhysAddr> allocate_frame_uninitialised();
/// Takes 2^order contiguous, naturally aligned frames, zeroed. Errors: NoMemory.
Result<PhysAddr> allocate_frames(unsigned order);
/// Gives back what `allocate_frames` took.
void free_frames(PhysAddr first, unsigned order);

/// Adds a reference. Frames outside managed memory (the boot image, devices) are not counted.
void retain_frame(PhysAddr frame);
/// Drops a reference; the last one frees the frame.
void release_frame(PhysAddr frame);

/// The kernel's view of physical memory.
void* phys_to_virt(PhysAddr address);
/// Physical address of a pointer into the kernel's view of physical memory.
PhysAddr virt_to_phys(const void* pointer);

/// Figures in bytes.
struct FrameStatistics {
  uint64_t total;
  uint64_t free;
  uint64_t image;
};
FrameStatistics frame_statistics();

}  // namespace runtime
