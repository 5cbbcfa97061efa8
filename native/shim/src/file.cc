#include "file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace runtime {
namespace {

constexpr size_t kLeastRead = 4096;

class OpenFile {
 public:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  ~OpenFile() {
    const int saved = errno;
    if (descriptor_ >= 0) close(descriptor_);
    errno = saved;
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

std::optional<std::string> ReadFile(const char* path) {
  const OpenFile file(open(path, O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0) return std::nullopt;
  // Files of /proc do not know their size, and say 0. With one byte more than the size the end is seen at once.
  std::string text(std::max(static_cast<size_t>(status.st_size) + 1, kLeastRead), '\0');
  size_t filled = 0;
  for (;;) {
    if (filled == text.size()) text.resize(2 * text.size());
    const ssize_t count = read(file.descriptor(), text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  text.resize(filled);
  return text;
}

std::optional<MappedFile> MappedFile::Open(const char* path) {
  const OpenFile file(open(path, O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0) return std::nullopt;
  const size_t size = static_cast<size_t>(status.st_size);
  if (size == 0) return MappedFile();  // which mmap(2) refuses
  void* const start = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (start == MAP_FAILED) return std::nullopt;
  return MappedFile(std::string_view(static_cast<const char*>(start), size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace runtime
