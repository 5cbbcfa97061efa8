// Files whose content another part of the system publishes as text: /proc/net/*, /proc/tty/runtime, /etc/resolv.conf.
#pragma once

#include "linux/fs/tree.h"

namespace runtime {

/// Most bytes of one file.
constexpr size_t kPublishedMaximum = 4 * 1024 * 1024;

/// Replaces the content of a file: "net/NAME" for those of /proc/net, "tty/runtime", "resolv.conf" and "hosts" in /etc.
/// Who watches it by inotify(7) hears of it. Errors: Invalid (another name), FileTooBig, NoMemory.
Result<void> publish_file(StringView name, StringView text);

/// Opening /etc/resolv.conf waits from now on until it is published, `release_publication` is called,
/// or this many nanoseconds have passed since the first wait.
void expect_publication(uint64_t at_most);
/// Nobody waits any more, now and later.
void release_publication();
/// Called for each file that was opened, without locks. Errors: Restart (a signal).
Result<void> await_publication(File* file);

/// Adds the directories /proc/net and /proc/tty.
Result<void> build_published(TreeDirectory* processes);

}  // namespace runtime
