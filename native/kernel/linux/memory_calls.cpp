// Memory system calls: mmap(2), mprotect(2), munmap(2), brk(2), mremap(2), madvise(2), mincore(2).
#include "linux/fd_table.h"
#include "linux/system_calls.h"
#include "memory/address_space.h"

namespace runtime {

namespace {

constexpr int kMapShared = 0x01;
constexpr int kMapPrivate = 0x02;
constexpr int kMapSharedValidate = 0x03;
constexpr int kMapTypeMask = 0x0f;
constexpr int kMapFixed = 0x10;
constexpr int kMapAnonymous = 0x20;
constexpr int kMapPopulate = 0x8000;
constexpr int kMapFixedNoReplace = 0x100000;

constexpr int kAdviceDontNeed = 4;
constexpr int kAdviceFree = 8;
constexpr int kAdviceRemove = 9;
constexpr int kAdviceDontFork = 10;
constexpr int kAdviceDoFork = 11;
constexpr int kAdviceHugePage = 14;
constexpr int kAdviceNoHugePage = 15;
constexpr int kAdviceDontDump = 16;
constexpr int kAdviceDoDump = 17;
constexpr int kAdvicePopulateRead = 22;
constexpr int kAdvicePopulateWrite = 23;

constexpr int kRemapMayMove = 1;
constexpr int kRemapFixed = 2;

constexpr int kProtectionMask = kProtectionRead | kProtectionWrite | kProtectionExecute;
constexpr int kSyncAsync = 1;
constexpr int kSyncInvalidate = 2;
constexpr int kSyncSync = 4;

/// PROT_READ, PROT_WRITE and PROT_EXEC have the values of ours. x86 cannot write or execute without
/// reading.
uint8_t protection_from(int protection) {
  uint8_t result = static_cast<uint8_t>(protection & kProtectionMask);
  if (result & (kProtectionWrite | kProtectionExecute)) result |= kProtectionRead;
  return result;
}

void populate(uint64_t start, uint64_t size, uint8_t access) {
  for (uint64_t page = start; page < start + size; page += kPageSize)
    if (AddressSpace::handle_fault(page, access) != FaultOutcome::Resolved) return;
}

}  // namespace

Result<uint64_t> sys_mmap(uint64_t address, uint64_t size, int protection, int flags,
                          int descriptor, int64_t offset) {
  if (size == 0 || offset < 0 || offset % static_cast<int64_t>(kPageSize)) return Errno::Invalid;
  const int type = flags & kMapTypeMask;
  if (type != kMapShared && type != kMapPrivate && type != kMapSharedValidate)
    return Errno::Invalid;
  MapRequest request;
  request.address = address;
  request.size = size;
  request.protection = protection_from(protection);
  request.is_fixed = flags & kMapFixed;
  request.no_replace = flags & kMapFixedNoReplace;
  if (!(flags & kMapAnonymous)) {
    Result<RefPtr<File>> file = fd_get(descriptor);
    if (file.is_error()) return file.error();
    request.is_shared = type != kMapPrivate;
    const bool shared_writable = request.is_shared && (protection & kProtectionWrite);
    if (!file.value()->is_readable() || (shared_writable && !file.value()->is_writable()))
      return Errno::Access;
    Result<RefPtr<Mappable>> object = file.value()->mappable(shared_writable);
    if (object.is_error()) return object.error();
    request.object = object.take();
    request.file = file.take();
    request.offset = static_cast<uint64_t>(offset);
  }
  // Shared anonymous memory has no second process to be shared with: it is private memory.
  const uint8_t granted = request.protection;
  Result<uint64_t> mapped = AddressSpace::map(move(request));
  if (!mapped.is_error() && (flags & kMapPopulate) && granted)
    populate(mapped.value(), align_up(size, kPageSize),
             granted & kProtectionWrite ? kProtectionWrite : kProtectionRead);
  return mapped;
}

Result<uint64_t> sys_mprotect(uint64_t address, uint64_t size, int protection) {
  if (protection & ~(kProtectionMask | 0x03000000)) return Errno::Invalid;
  Result<void> done = AddressSpace::protect(address, size, protection_from(protection));
  if (done.is_error()) return done.error();
  return 0;
}

Result<uint64_t> sys_munmap(uint64_t address, uint64_t size) {
  Result<void> done = AddressSpace::unmap(address, size);
  if (done.is_error()) return done.error();
  return 0;
}

Result<uint64_t> sys_brk(uint64_t end) { return AddressSpace::set_break(end); }

Result<uint64_t> sys_mremap(uint64_t address, uint64_t old_size, uint64_t new_size, int flags,
                            uint64_t new_address) {
  if (flags & ~(kRemapMayMove | kRemapFixed)) return Errno::Invalid;
  return AddressSpace::remap(address, old_size, new_size, flags & kRemapMayMove,
                             flags & kRemapFixed, new_address);
}

Result<uint64_t> sys_msync(uint64_t address, uint64_t size, int flags) {
  // Shared mappings are the file's own frames: there is nothing to write back.
  if (address % kPageSize || flags & ~(kSyncAsync | kSyncInvalidate | kSyncSync) ||
      ((flags & kSyncAsync) && (flags & kSyncSync)))
    return Errno::Invalid;
  if (size && !AddressSpace::is_mapped(address, size)) return Errno::NoMemory;
  return 0;
}

Result<uint64_t> sys_mincore(uint64_t address, uint64_t size, UserPtr<uint8_t> result) {
  if (address % kPageSize) return Errno::Invalid;
  const uint64_t pages = align_up(size, kPageSize) >> kPageShift;
  if (!AddressSpace::is_mapped(address, size)) return Errno::NoMemory;
  for (uint64_t i = 0; i < pages; ++i) {
    const bool resident = AddressSpace::is_resident(address + i * kPageSize);
    Result<void> written = result.offset(i).write(resident ? 1 : 0);
    if (written.is_error()) return written.error();
  }
  return 0;
}

Result<uint64_t> sys_madvise(uint64_t address, uint64_t size, int advice) {
  if (address % kPageSize) return Errno::Invalid;
  size = align_up(size, kPageSize);
  switch (advice) {
    case 0:  // NORMAL, RANDOM, SEQUENTIAL, WILLNEED: everything is in memory already
    case 1:
    case 2:
    case 3:
    case kAdviceDontFork:
    case kAdviceDoFork:
    case kAdviceHugePage:
    case kAdviceNoHugePage:
    case kAdviceDontDump:
    case kAdviceDoDump:
      if (size && !AddressSpace::is_mapped(address, size)) return Errno::NoMemory;
      return 0;
    case kAdviceDontNeed:
    case kAdviceFree: {
      Result<void> done = AddressSpace::discard(address, size);
      if (done.is_error()) return done.error();
      return 0;
    }
    case kAdvicePopulateRead:
    case kAdvicePopulateWrite:
      if (!AddressSpace::is_mapped(address, size)) return Errno::NoMemory;
      populate(address, size, advice == kAdvicePopulateWrite ? kProtectionWrite : kProtectionRead);
      return 0;
    case kAdviceRemove:
    default:
      return Errno::Invalid;
  }
}

Result<uint64_t> sys_mlock(uint64_t address, uint64_t size) {
  const uint64_t start = align_down(address, kPageSize);
  const uint64_t end = align_up(address + size, kPageSize);
  if (end < start) return Errno::Invalid;
  if (size && !AddressSpace::is_mapped(start, end - start)) return Errno::NoMemory;
  populate(start, end - start, kProtectionRead);  // nothing is ever paged out
  return 0;
}

Result<uint64_t> sys_munlock(uint64_t address, uint64_t size) {
  if (size && !AddressSpace::is_mapped(address, size)) return Errno::NoMemory;
  return 0;
}

}  // namespace runtime
