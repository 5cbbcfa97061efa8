#include "terminal/terminal_file.h"

#include "linux/fs/inode_file.h"
#include "terminal/terminal.h"

namespace runtime {

namespace {

class TerminalFile : public InodeFile {
 public:
  TerminalFile(RefPtr<Inode> inode, int flags, Terminal* terminal)
      : InodeFile(move(inode), flags), terminal_(terminal) {}

  Result<size_t> read(IoBuffer& buffer) override {
    return terminal_->read(buffer, is_non_blocking());
  }
  Result<size_t> write(IoBuffer& buffer) override {
    return terminal_->write(buffer, is_non_blocking());
  }
  Result<uint64_t> ioctl(uint32_t request, uint64_t argument) override {
    return terminal_->ioctl(request, argument);
  }
  uint32_t poll_events() override { return terminal_->poll_events(); }
  WaitQueue* poll_queue() override { return &terminal_->queue(); }

 private:
  Terminal* terminal_;  // terminals stay
};

}  // namespace

Result<RefPtr<File>> open_terminal(RefPtr<Inode> inode, int flags, uint32_t index) {
  Terminal* const terminal = terminal_at(index);
  if (!terminal) return Errno::NoDeviceOrAddress;
  TerminalFile* file = new TerminalFile(move(inode), flags, terminal);
  if (!file) return Errno::NoMemory;
  return RefPtr<File>(RefPtr<TerminalFile>::adopt(file));
}

}  // namespace runtime
