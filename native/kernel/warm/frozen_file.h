// An open file description in a frozen state (warm/frozen_state.h).
#pragma once

#include <stdint.h>

namespace runtime {

/// No place in the state's bytes.
constexpr uint64_t kNoBytes = UINT64_MAX;

enum class FrozenFileKind : uint32_t { Path = 1, Event = 2, PipeEnd = 3, Epoll = 4 };

/// An open file description.
struct FrozenFile {
  FrozenFileKind kind;
  int32_t status_flags;
  uint64_t path;     // in bytes, of kind Path
  uint64_t value;    // Path: position; Event: count; PipeEnd: a number that both ends share
  uint64_t flag;     // Event: 1 in semaphore mode; PipeEnd that can be read: how much it holds
  uint64_t content;  // in bytes: what such a pipe holds
};

}  // namespace runtime
