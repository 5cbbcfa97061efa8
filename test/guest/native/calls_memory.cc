// mmap(2), mprotect(2), munmap(2), mremap(2), madvise(2): anonymous memory, and files.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <initializer_list>

#include "calls.h"

namespace calls {

namespace {

constexpr size_t kPage = 4096;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
const char kFile[] = "/tmp/calls-mapping";

char* map(size_t size, int protection = kReadWrite, int flags = kAnonymous, int file = -1,
          off_t offset = 0, void* address = nullptr) {
  return static_cast<char*>(mmap(address, size, protection, flags, file, offset));
}

/// What mmap returned: 0 for success.
long outcome(const void* mapped) { return mapped == MAP_FAILED ? -1 : 0; }

bool is_zero(const char* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

void check_mmap_arguments() {
  result("mmap of nothing", outcome(map(0)));
  result("mmap that is neither shared nor private", outcome(map(kPage, kReadWrite, MAP_ANONYMOUS)));
  result("mmap of no file", outcome(map(kPage, kReadWrite, MAP_PRIVATE)));
  result("mmap of more than there are addresses", outcome(map(size_t{1} << 60)));
  result("mmap whose size wraps", outcome(map(SIZE_MAX - 100)));
  result("mmap fixed at an odd address", outcome(map(kPage, kReadWrite, kAnonymous | MAP_FIXED, -1,
                                                     0, reinterpret_cast<void*>(5))));
  result("mmap fixed where no application may be",
         outcome(map(kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0,
                     reinterpret_cast<void*>(0x7ffffffff000))));
  result("munmap of nothing", munmap(reinterpret_cast<void*>(kPage), 0));
  result("munmap at an odd address", munmap(reinterpret_cast<void*>(5), kPage));
  result("munmap of what is not mapped", munmap(reinterpret_cast<void*>(16 * kPage), kPage));
  result("mprotect at an odd address", mprotect(reinterpret_cast<void*>(5), kPage, PROT_READ));
  result("mprotect of what is not mapped",
         mprotect(reinterpret_cast<void*>(16 * kPage), kPage, PROT_READ));
  result("mprotect of nothing", mprotect(reinterpret_cast<void*>(16 * kPage), 0, PROT_READ));
  result("madvise of what is not mapped",
         madvise(reinterpret_cast<void*>(16 * kPage), kPage, MADV_DONTNEED));
  result("madvise at an odd address", madvise(reinterpret_cast<void*>(5), kPage, MADV_DONTNEED));
  result("madvise of an unknown kind", madvise(reinterpret_cast<void*>(16 * kPage), kPage, 99));
}

void check_protection() {
  char* memory = map(3 * kPage);
  holds("fresh memory is zero", is_zero(memory, 3 * kPage));
  memset(memory, 'x', 3 * kPage);
  int code = 0;
  result("mprotect to nothing", mprotect(memory + kPage, kPage, PROT_NONE));
  signal_name("reading it", signal_of_read(memory + kPage, &code));
  value("its code", code);
  signal_name("its neighbours are readable", signal_of_read(memory + 2 * kPage));
  signal_name("and writable", signal_of_write(memory + kPage - 1));
  result("mprotect back", mprotect(memory + kPage, kPage, kReadWrite));
  holds("the content stayed", memory[kPage] == 'x' && memory[2 * kPage - 1] == 'x');
  result("mprotect to read-only", mprotect(memory, 2 * kPage, PROT_READ));
  signal_name("writing it", signal_of_write(memory, &code));
  value("its code", code);
  signal_name("reading it", signal_of_read(memory));
  result("munmap of the middle", munmap(memory + kPage, kPage));
  signal_name("reading what is not mapped", signal_of_read(memory + kPage, &code));
  value("its code", code);
  result("mprotect over the hole", mprotect(memory, 3 * kPage, kReadWrite));
  result("munmap over the hole", munmap(memory, 3 * kPage));
  memory = map(kPage, PROT_NONE);
  int ends[2];
  if (pipe(ends) == 0) {
    result("write from protected memory", write(ends[1], memory, 1));
    close(ends[0]);
    close(ends[1]);
  }
  munmap(memory, kPage);
}

void check_reuse() {
  char* memory = map(64 * kPage);
  memset(memory, 'x', 64 * kPage);
  result("madvise DONTNEED", madvise(memory, 32 * kPage, MADV_DONTNEED));
  holds("what was given up is zero", is_zero(memory, 32 * kPage));
  holds("the rest stayed", memory[32 * kPage] == 'x' && memory[64 * kPage - 1] == 'x');
  memory[0] = 'y';
  result("madvise FREE", madvise(memory, kPage, MADV_FREE));
  holds("it is as it was, or zero", memory[0] == 'y' || memory[0] == 0);
  munmap(memory, 64 * kPage);
  bool all_zero = true;
  for (int round = 0; round < 20; ++round) {
    char* again = map(64 * kPage);
    all_zero = all_zero && is_zero(again, 64 * kPage);
    memset(again, 'z', 64 * kPage);
    munmap(again, 64 * kPage);
  }
  holds("memory is zero each time that it is mapped", all_zero);
}

void check_fixed() {
  char* memory = map(4 * kPage);
  memset(memory, 'x', 4 * kPage);
  constexpr int kNoReplace = kAnonymous | MAP_FIXED_NOREPLACE;
  result("MAP_FIXED_NOREPLACE over memory",
         outcome(map(kPage, kReadWrite, kNoReplace, -1, 0, memory + kPage)));
  holds("it stayed", memory[kPage] == 'x');
  munmap(memory + kPage, 2 * kPage);
  char* placed = map(2 * kPage, kReadWrite, kNoReplace, -1, 0, memory + kPage);
  holds("MAP_FIXED_NOREPLACE into the hole", placed == memory + kPage);
  holds("it is zero", is_zero(placed, 2 * kPage));
  placed = map(kPage, kReadWrite, kAnonymous | MAP_FIXED, -1, 0, memory);
  holds("MAP_FIXED over memory", placed == memory);
  holds("it is zero", is_zero(placed, kPage));
  holds("its neighbour stayed", memory[3 * kPage] == 'x');
  munmap(memory, 4 * kPage);
  char* hinted = map(kPage, kReadWrite, kAnonymous, -1, 0, memory);
  result("mmap with a hint", outcome(hinted));
  munmap(hinted, kPage);
}

void check_reservations() {
  constexpr size_t kGigabyte = size_t{1} << 30;
  constexpr int kReserve = kAnonymous | MAP_NORESERVE;
  char* reserved = map(16 * kGigabyte, PROT_NONE, kReserve);
  result("16 GB are reserved", outcome(reserved));
  result("some of it becomes usable", mprotect(reserved + 8 * kGigabyte, kPage, kReadWrite));
  reserved[8 * kGigabyte] = 1;
  signal_name("what is next to it is not", signal_of_read(reserved + 8 * kGigabyte + kPage));
  result("it goes back", mprotect(reserved + 8 * kGigabyte, kPage, PROT_NONE));
  result("madvise DONTNEED of all", madvise(reserved, 16 * kGigabyte, MADV_DONTNEED));
  result("munmap of all", munmap(reserved, 16 * kGigabyte));
  char* writable = map(64 * kGigabyte, kReadWrite, kReserve);
  result("64 GB are mapped", outcome(writable));
  bool is_kept = true;
  for (size_t at = 0; at < 64 * kGigabyte; at += kGigabyte)
    writable[at] = static_cast<char>(at >> 30);
  for (size_t at = 0; at < 64 * kGigabyte; at += kGigabyte) {
    is_kept = is_kept && writable[at] == static_cast<char>(at >> 30);
  }
  holds("a byte in each of them is kept", is_kept);
  result("munmap of all", munmap(writable, 64 * kGigabyte));
  char* huge = map(size_t{1} << 40, PROT_NONE, kReserve);
  result("1 TB is reserved", outcome(huge));
  munmap(huge, size_t{1} << 40);
}

void check_mremap() {
  char* memory = map(4 * kPage);
  memset(memory, 'x', 4 * kPage);
  char* moved = static_cast<char*>(mremap(memory, 4 * kPage, 64 * kPage, MREMAP_MAYMOVE));
  result("mremap to more", outcome(moved));
  holds("the content came along", moved[0] == 'x' && moved[4 * kPage - 1] == 'x');
  holds("the rest is zero", is_zero(moved + 4 * kPage, 60 * kPage));
  char* shrunk = static_cast<char*>(mremap(moved, 64 * kPage, 2 * kPage, 0));
  holds("mremap to less stays in place", shrunk == moved);
  signal_name("what was cut off", signal_of_read(moved + 2 * kPage));
  char* target = map(8 * kPage);
  char* placed = static_cast<char*>(
      mremap(shrunk, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target + 2 * kPage));
  holds("mremap to a place", placed == target + 2 * kPage);
  holds("the content came along", placed[0] == 'x' && placed[2 * kPage - 1] == 'x');
  signal_name("nothing stayed behind", signal_of_read(shrunk));
  result("mremap in place where there is no room",
         outcome(mremap(placed, 2 * kPage, 4 * kPage, 0)));
  result("mremap of what is not mapped", outcome(mremap(shrunk, kPage, 2 * kPage, MREMAP_MAYMOVE)));
  result("mremap at an odd address", outcome(mremap(placed + 1, kPage, 2 * kPage, MREMAP_MAYMOVE)));
  result("mremap to nothing", outcome(mremap(placed, kPage, 0, MREMAP_MAYMOVE)));
  result("mremap with unknown flags", outcome(mremap(placed, kPage, kPage, 64)));
  munmap(target, 8 * kPage);
}

/// A fresh file of `size` bytes, all 'f'.
int create_file(size_t size) {
  unlink(kFile);
  const int file = open(kFile, O_RDWR | O_CREAT | O_TRUNC, 0600);
  char bytes[kPage];
  memset(bytes, 'f', sizeof(bytes));
  for (size_t at = 0; at < size; at += kPage) {
    const ssize_t written = write(file, bytes, size - at < kPage ? size - at : kPage);
    if (written < 0) result("write", written);
  }
  return file;
}

char byte_at(int file, off_t offset) {
  char byte = 0;
  if (pread(file, &byte, 1, offset) != 1) return '?';
  return byte;
}

void check_shared_file() {
  const int file = create_file(2 * kPage);
  char* shared = map(2 * kPage, kReadWrite, MAP_SHARED, file);
  result("a shared mapping", outcome(shared));
  holds("it shows the file", shared[0] == 'f' && shared[2 * kPage - 1] == 'f');
  shared[10] = 'm';
  holds("read sees what the mapping wrote", byte_at(file, 10) == 'm');
  result("pwrite", pwrite(file, "w", 1, kPage));
  holds("the mapping sees what was written", shared[kPage] == 'w');
  char* second = map(kPage, PROT_READ, MAP_SHARED, file, kPage);
  shared[kPage + 1] = 's';
  holds("so does a second mapping", second[0] == 'w' && second[1] == 's');
  result("msync", msync(shared, 2 * kPage, MS_SYNC));
  result("msync with unknown flags", msync(shared, kPage, 64));
  signal_name("writing to the read-only mapping", signal_of_write(second));
  result("madvise DONTNEED", madvise(shared, kPage, MADV_DONTNEED));
  holds("the file's bytes stay", shared[10] == 'm');
  munmap(second, kPage);
  munmap(shared, 2 * kPage);
  holds("they stay in the file", byte_at(file, 10) == 'm' && byte_at(file, kPage + 1) == 's');
  close(file);
}

/// A punched hole once took the private copies of all later pages away.
void check_private_copies() {
  const int file = create_file(6 * kPage);
  char* copy = map(6 * kPage, kReadWrite, MAP_PRIVATE, file);
  const char* seen = map(6 * kPage, PROT_READ, MAP_SHARED, file);
  for (int page = 0; page < 6; ++page) holds("the file's byte is there", seen[page * kPage] == 'f');
  for (int page = 1; page < 6; page += 2) copy[page * kPage] = 'c';
  result("punching a hole",
         fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPage, 2 * kPage));
  holds("what was copied before stays", copy[kPage] == 'c');
  holds("what was not copied shows the hole", copy[2 * kPage] == 0);
  holds("a shared mapping shows the hole", seen[kPage] == 0 && seen[2 * kPage] == 0);
  holds("a copy behind the hole stays", copy[3 * kPage] == 'c' && copy[5 * kPage] == 'c');
  holds("the file behind the hole stays", seen[3 * kPage] == 'f' && copy[4 * kPage] == 'f');
  result("ftruncate to less", ftruncate(file, 4 * kPage));
  holds("a copy before the new end stays", copy[3 * kPage] == 'c');
  signal_name("a copy past the new end is gone", signal_of_read(copy + 5 * kPage));
  munmap(copy, 6 * kPage);
  close(file);
}

void check_private_file() {
  const int file = create_file(2 * kPage);
  char* copy = map(2 * kPage, kReadWrite, MAP_PRIVATE, file);
  copy[0] = 'c';
  holds("a private mapping leaves the file alone", byte_at(file, 0) == 'f');
  result("pwrite", pwrite(file, "wwww", 4, 0));
  holds("its copy stays", copy[0] == 'c' && copy[1] == 'f');
  result("madvise DONTNEED", madvise(copy, kPage, MADV_DONTNEED));
  holds("the file's bytes come back", copy[0] == 'w' && copy[4] == 'f');
  close(file);
  holds("a mapping outlives its descriptor", copy[kPage] == 'f');
  unlink(kFile);
  holds("and the file's name", copy[2 * kPage - 1] == 'f');
  munmap(copy, 2 * kPage);
}

void check_end_of_file() {
  const int file = create_file(kPage + 100);
  char* shared = map(3 * kPage, kReadWrite, MAP_SHARED, file);
  result("a mapping past the end", outcome(shared));
  holds("the last page ends with zeroes", is_zero(shared + kPage + 100, kPage - 100));
  int code = 0;
  signal_name("reading past the end", signal_of_read(shared + 2 * kPage, &code));
  value("its code", code);
  signal_name("writing past the end", signal_of_write(shared + 2 * kPage));
  result("ftruncate to more", ftruncate(file, 3 * kPage));
  signal_name("then there is something", signal_of_read(shared + 2 * kPage));
  result("ftruncate to less", ftruncate(file, kPage));
  signal_name("then there is nothing", signal_of_read(shared + kPage));
  signal_name("before it there is", signal_of_read(shared + kPage - 1));
  // A system call does not raise the signal, it fails.
  int ends[2];
  if (pipe(ends) == 0) {
    result("write from past the end", write(ends[1], shared + 2 * kPage, 1));
    close(ends[0]);
    close(ends[1]);
  }
  munmap(shared, 3 * kPage);
  close(file);
}

void check_file_arguments() {
  const int file = create_file(kPage);
  const int reader = open(kFile, O_RDONLY);
  const int writer = open(kFile, O_WRONLY);
  result("shared and writable, of a file open for reading",
         outcome(map(kPage, kReadWrite, MAP_SHARED, reader)));
  char* mapped = map(kPage, PROT_READ, MAP_SHARED, reader);
  result("it cannot become writable later", mprotect(mapped, kPage, kReadWrite));
  munmap(mapped, kPage);
  mapped = map(kPage, kReadWrite, MAP_PRIVATE, reader);
  result("private and writable it may be", outcome(mapped));
  munmap(mapped, kPage);
  result("of a file open for writing only", outcome(map(kPage, PROT_READ, MAP_SHARED, writer)));
  result("at an odd offset", outcome(map(kPage, PROT_READ, MAP_SHARED, file, 5)));
  int ends[2];
  if (pipe(ends) == 0) {
    result("of a pipe", outcome(map(kPage, PROT_READ, MAP_SHARED, ends[0])));
    close(ends[0]);
    close(ends[1]);
  }
  const int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
  result("of a directory", outcome(map(kPage, PROT_READ, MAP_PRIVATE, directory)));
  const int zero = open("/dev/zero", O_RDWR);
  mapped = map(kPage, kReadWrite, MAP_PRIVATE, zero);
  result("of /dev/zero", outcome(mapped));
  holds("it is zero", mapped != MAP_FAILED && is_zero(mapped, kPage));
  for (const int open_file : {zero, directory, writer, reader, file}) close(open_file);

  const int anonymous = memfd_create("calls", 0);
  result("memfd_create", anonymous < 0 ? -1 : 0);
  result("ftruncate", ftruncate(anonymous, kPage));
  char* first = map(kPage, kReadWrite, MAP_SHARED, anonymous);
  char* second = map(kPage, kReadWrite, MAP_SHARED, anonymous);
  first[1] = 'a';
  holds("two mappings of it are one", second[1] == 'a');
  munmap(first, kPage);
  munmap(second, kPage);
  close(anonymous);
  unlink(kFile);
}

}  // namespace

void check_mappings() {
  check_mmap_arguments();
  check_protection();
  check_reuse();
  check_fixed();
  check_reservations();
  check_mremap();
}

void check_file_mappings() {
  check_shared_file();
  check_private_file();
  check_private_copies();
  check_end_of_file();
  check_file_arguments();
}

}  // namespace calls
