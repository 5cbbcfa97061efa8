// Loading the program: execve(2) for the one process, done once at start.
#pragma once

#include "lib/result.h"
#include "lib/string.h"
#include "lib/vector.h"
#include "sched/thread.h"

namespace runtime {

struct ProgramStart {
  StringView path;
  Vector<StringView> arguments;
  Vector<StringView> environment;
  bool fixed_layout;
};

/// Maps the program and its interpreter, builds the initial stack and returns the first thread, not
/// yet runnable. On failure the log says what is wrong. Errors: NotExecutable, NoMemory, as open(2).
Result<RefPtr<Thread>> load_program(const ProgramStart& start);

}  // namespace runtime
