// Regular files in memory: pages borrowed from the boot image, owned frames, and holes.
//
//   index:      0        1        2        3        4        5
//            +--------+--------+--------+--------+--------+--------+
//   image:   | borrowed, in place       | partly |                       image_size
//            +--------+--------+--------+--------+
//   tree:             | owned  | hole   |        | owned  |              overrides the image
//            +--------+--------+--------+--------+--------+--------+
//
// Locks. `write_mutex_` serialises what changes content; application memory is copied under it.
// `content_` is a spinlock that page faults take too, so it is never held across a copy.
#pragma once

#include "linux/fs/inode.h"
#include "linux/fs/page_tree.h"

namespace runtime {

/// The largest size and offset of a file, as MAX_LFS_FILESIZE on Linux.
constexpr uint64_t kMaximumFileSize = INT64_MAX;

// Seals of a memfd, fcntl(2) F_ADD_SEALS.
constexpr uint32_t kSealSeal = 1;
constexpr uint32_t kSealShrink = 2;
constexpr uint32_t kSealGrow = 4;
constexpr uint32_t kSealWrite = 8;
constexpr uint32_t kSealFutureWrite = 16;

class RegularInode : public Inode {
 public:
  RegularInode(FileSystem& file_system, uint32_t permissions)
      : Inode(file_system, kModeRegular | permissions), content_(LockRank::FileContent) {}

  /// Makes `data`, which stays where it is for ever, the content. For a fresh inode only.
  void set_image(const char* data, uint64_t size);

  RegularInode* as_regular() override { return this; }
  uint64_t size() override;
  uint64_t allocated_bytes() override;
  Result<RefPtr<File>> open(int flags) override;

  /// Reads at `offset` until the buffer is full or the file ends. Errors: Fault.
  Result<size_t> read_at(IoBuffer& buffer, uint64_t offset);
  /// Writes at `*offset`, or at the end with `append`; moves `*offset` to the end of what was
  /// written. Errors: Fault, NoSpace, FileTooBig, Perm (seals).
  Result<size_t> write_at(IoBuffer& buffer, uint64_t* offset, bool append);
  /// Errors: NoSpace, FileTooBig, Perm (seals).
  Result<void> truncate(uint64_t size);
  /// fallocate(2) mode 0 and FALLOC_FL_KEEP_SIZE. Errors: NoSpace, FileTooBig, Perm.
  Result<void> allocate_range(uint64_t offset, uint64_t size, bool keep_size);
  /// FALLOC_FL_PUNCH_HOLE: the range reads as zeroes and gives its memory back. Errors: NoSpace.
  Result<void> punch_hole(uint64_t offset, uint64_t size);
  /// lseek(2) SEEK_DATA and SEEK_HOLE. Errors: NoDeviceOrAddress past the end.
  Result<uint64_t> find_data(uint64_t offset);
  Result<uint64_t> find_hole(uint64_t offset);

  Result<PhysAddr> map_page(uint64_t index, bool for_write) override;
  PhysAddr contiguous_pages(uint64_t index, uint64_t count) override;
  /// Notes a writable shared mapping. Errors: Perm when a seal forbids it.
  Result<void> begin_shared_mapping();

  /// A memfd that allows sealing starts without kSealSeal; everything else has it. fcntl(2).
  void allow_sealing() { seals_ = 0; }
  uint32_t seals() const { return seals_; }
  /// Errors: Perm, Busy when a writable shared mapping was made and `seals` has kSealWrite.
  Result<void> add_seals(uint32_t seals);

  /// A file without a name (O_TMPFILE) may get one by linkat(2).
  bool is_linkable() const { return is_linkable_; }
  void set_linkable(bool is_linkable) { is_linkable_ = is_linkable; }

 protected:
  ~RegularInode() override;

 private:
  /// Entry that hides a page of the image and reads as zeroes.
  static constexpr uint64_t kHole = 1;
  struct Content {
    PageTree pages;  // physical addresses of owned frames, or kHole
    uint64_t size = 0;
    const char* image = nullptr;
    uint64_t image_size = 0;
    uint64_t owned = 0;     // frames in `pages`
    uint64_t replaced = 0;  // entries in `pages` that hide a page of the image
  };
  /// Where the bytes of one page are: owned `frame` (with a reference), or `image`, or a hole.
  struct PageView {
    PhysAddr frame;
    const char* bytes = nullptr;
    uint64_t valid = 0;  // bytes of the page that exist in `bytes`; the rest is zero
    bool is_owned = false;
  };

  static uint64_t image_pages(const Content& content);
  static PageView view_locked(Content& content, uint64_t index);
  PageView view(uint64_t index);
  Result<void> publish_locked(Content& content, uint64_t index, PhysAddr frame);
  void show_own_page(uint64_t index);
  Result<PhysAddr> own_page(uint64_t index, bool respect_reserve);
  Result<size_t> write_page(IoBuffer& buffer, uint64_t index, uint64_t start, uint64_t size);
  Result<void> zero_range(uint64_t offset, uint64_t end);
  void clear_stale_tail(uint64_t old_size);
  void extend_to(uint64_t size);
  void drop_pages(uint64_t first);

  Mutex write_mutex_{MutexRank::FileWrite};
  Locked<Content> content_;
  uint32_t seals_ = kSealSeal;
  bool is_linkable_ = false;
  bool was_mapped_writable_ = false;
};

/// True when `frames` more frames may go into files: the rest of the system keeps a sixteenth of
/// memory, and 4 MiB at least.
bool files_may_take(uint64_t frames);
/// Bytes of frames that files own.
uint64_t file_bytes();
/// The figures of statfs(2) for file systems that live in free memory: bytes that files may take.
uint64_t file_bytes_free();

}  // namespace runtime
