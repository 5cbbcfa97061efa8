#include "linux/dispatch.h"

#include "arch/x86_64/cpu.h"
#include "lib/errno_name.h"
#include "lib/format.h"
#include "lib/text.h"
#include "linux/process_info.h"
#include "linux/signals_internal.h"
#include "linux/system_calls.h"
#include "sched/scheduler.h"
#include "sched/scheduler_internal.h"
#include "sched/thread.h"
#include "smp/cpus.h"
#include "warm/freeze.h"

namespace runtime {

namespace {

constexpr unsigned kCallCapacity = kCountedCalls;
/// Larger results are addresses, or bits.
constexpr uint64_t kLargestPlainResult = 1ull << 32;

/// Turns a register into an argument of a handler's type, and shows it in a trace.
template <typename T>
struct Argument {
  static T from(uint64_t value) { return static_cast<T>(value); }
  static size_t show(char* text, size_t capacity, uint64_t value) {
    const T typed = static_cast<T>(value);
    return format(text, capacity, typed < T(1) && typed != T(0) ? "%lld" : "0x%llx",
                  static_cast<long long>(typed));
  }
};
template <>
struct Argument<int> {
  static int from(uint64_t value) { return static_cast<int>(value); }
  static size_t show(char* text, size_t capacity, uint64_t value) {
    return format(text, capacity, "%d", static_cast<int>(value));
  }
};
template <typename T>
struct Argument<UserPtr<T>> {
  static UserPtr<T> from(uint64_t value) { return UserPtr<T>(value); }
  static size_t show(char* text, size_t capacity, uint64_t value) {
    return format(text, capacity, "0x%llx", static_cast<unsigned long long>(value));
  }
};
template <>
struct Argument<UserString> {
  static UserString from(uint64_t value) { return UserString(value); }
  static size_t show(char* text, size_t capacity, uint64_t value) {
    char path[96];
    Result<size_t> length = copy_string_from_user(path, value, sizeof(path));
    if (length.is_error())
      return format(text, capacity, "0x%llx", static_cast<unsigned long long>(value));
    return format(text, capacity, "\"%s\"", path);
  }
};

using Handler = Result<uint64_t> (*)(const uint64_t* registers);
using Tracer = void (*)(TextBuilder& text, const char* parameters, const uint64_t* registers);

/// Appends the name of the parameter that ends at the next comma or at the end, and "="; moves on behind it.
void append_parameter_name(TextBuilder& text, const char** parameters) {
  const char* name = *parameters;
  const char* at = *parameters;
  unsigned depth = 0;  // in the angle brackets of a type
  for (; *at && !(depth == 0 && (*at == ',' || *at == ')')); ++at) {
    if (*at == '<') ++depth;
    if (*at == '>') --depth;
    if (*at == ' ' || *at == '(') name = at + 1;
  }
  text.append("%.*s=", static_cast<int>(at - name), name);
  *parameters = *at ? at + 1 : at;
}

template <size_t... Index>
struct Indices {};
template <size_t Count, size_t... Index>
struct MakeIndices : MakeIndices<Count - 1, Count - 1, Index...> {};
template <size_t... Index>
struct MakeIndices<0, Index...> {
  using Type = Indices<Index...>;
};

/// Calls a typed handler with registers, and shows registers by the handler's types.
template <typename Function, Function function>
struct Adapter;
template <typename... Types, Result<uint64_t> (*function)(Types...)>
struct Adapter<Result<uint64_t> (*)(Types...), function> {
  template <size_t... Index>
  static Result<uint64_t> call(const uint64_t* registers, Indices<Index...>) {
    (void)registers;
    return function(Argument<Types>::from(registers[Index])...);
  }
  static Result<uint64_t> handle(const uint64_t* registers) {
    return call(registers, typename MakeIndices<sizeof...(Types)>::Type());
  }
  static void trace(TextBuilder& text, const char* parameters, const uint64_t* registers) {
    (void)registers;
    using Show = size_t (*)(char*, size_t, uint64_t);
    const Show shows[] = {Argument<Types>::show..., nullptr};
    for (size_t i = 0; i < sizeof...(Types); ++i) {
      if (i) text.append(", ");
      append_parameter_name(text, &parameters);
      char value[128];
      shows[i](value, sizeof(value), registers[i]);
      text.append("%s", value);
    }
  }
};

struct SystemCall {
  uint32_t number;
  const char* name;
  const char* parameters;  // as declared: "(int descriptor, UserPtr<void> buffer)"
  Handler handler;
  Tracer tracer;
};

const SystemCall kSystemCalls[] = {
#define SYSTEM_CALL(number, name, arguments)                                        \
  {number, #name, #arguments, &Adapter<decltype(&sys_##name), &sys_##name>::handle, \
   &Adapter<decltype(&sys_##name), &sys_##name>::trace},
#include "linux/system_calls.def"
#undef SYSTEM_CALL
};

/// Index into kSystemCalls plus one, by number.
uint8_t call_index[kCallCapacity];
static_assert(array_size(kSystemCalls) < 256, "call_index holds bytes");
bool index_is_built = false;
bool tracing = false;
/// Which unknown numbers the log has named already.
uint64_t named[kCallCapacity / 64];

void build_index() {
  for (size_t i = 0; i < array_size(kSystemCalls); ++i)
    call_index[kSystemCalls[i].number] = static_cast<uint8_t>(i + 1);
  index_is_built = true;
}

const SystemCall* find_call(uint64_t number) {
  if (!index_is_built) build_index();
  if (number >= kCallCapacity || call_index[number] == 0) return nullptr;
  return &kSystemCalls[call_index[number] - 1];
}

/// Calls that programs try on purpose, and that fall back well, are not worth a warning.
bool is_expected_probe(uint64_t number) {
  return number == 334 /* rseq */ || number == 425 /* io_uring_setup */ ||
         number == 435 /* clone3 */ || number == 330 /* pkey_alloc */;
}

void name_missing_call(uint64_t number, const uint64_t* registers) {
  const uint64_t slot = number < kCallCapacity ? number : 0;
  if (named[slot / 64] >> slot % 64 & 1) return;
  named[slot / 64] |= 1ull << slot % 64;
  log(is_expected_probe(number) ? LogLevel::Debug : LogLevel::Warn,
      "system call %llu is not implemented (0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx): "
      "ENOSYS",
      static_cast<unsigned long long>(number), static_cast<unsigned long long>(registers[0]),
      static_cast<unsigned long long>(registers[1]), static_cast<unsigned long long>(registers[2]),
      static_cast<unsigned long long>(registers[3]), static_cast<unsigned long long>(registers[4]),
      static_cast<unsigned long long>(registers[5]));
}

/// One call in the log, as strace(1) shows it, with the thread's id in front.
void trace_call(const SystemCall& call, const char* arguments, const Result<uint64_t>& result) {
  const int thread = Thread::current()->id();
  if (!result.is_error()) {
    const unsigned long long value = result.value();
    log(LogLevel::Error, value > kLargestPlainResult ? "%d %s(%s) = 0x%llx" : "%d %s(%s) = %llu",
        thread, call.name, arguments, value);
    return;
  }
  const char* const name = errno_name(result.error());
  log(LogLevel::Error, "%d %s(%s) = -1 %s", thread, call.name, arguments, name);
}

/// Calls that do not return are shown when they begin.
bool does_not_return(uint64_t number) {
  return number == 60 /* exit */ || number == 231 /* exit_group */;
}

}  // namespace

bool next_counted_call(size_t* cursor, const char** name, uint64_t* count) {
  while (*cursor < array_size(kSystemCalls)) {
    const SystemCall& call = kSystemCalls[(*cursor)++];
    *count = 0;
    for (unsigned i = 0; i < cpu_count(); ++i) *count += cpu_at(i).calls[call.number];
    *name = call.name;
    if (*count) return true;
  }
  return false;
}

void set_system_call_trace(bool enabled) { tracing = enabled; }

TrapFrame* entry_frame() {
  return reinterpret_cast<TrapFrame*>(Thread::current()->kernel_stack_top) - 1;
}

}  // namespace runtime

extern "C" bool system_call_dispatch(runtime::TrapFrame* frame) {
  using namespace runtime;
  ++this_cpu().system_calls;
  account_time(true);
  frame->rflags |= kFlagInterrupt;  // the app's POPF may have cleared it
  const uint64_t number = frame->error;
  if (number < kCountedCalls) ++this_cpu().calls[number];
  enable_interrupts();
  const uint64_t registers[6] = {frame->rdi, frame->rsi, frame->rdx,
                                 frame->r10, frame->r8,  frame->r9};
  const SystemCall* call = find_call(number);
  if (!call) {
    name_missing_call(number, registers);
    frame->rax = static_cast<uint64_t>(-static_cast<int64_t>(Errno::NotImplemented));
    return prepare_return(frame);
  }
  const bool is_traced = __builtin_expect(tracing, 0);
  char arguments[384];
  if (is_traced) {
    TextBuilder text(arguments, sizeof(arguments));
    call->tracer(text, call->parameters, registers);
    if (does_not_return(number))
      log(LogLevel::Error, "%d %s(%s) = ?", Thread::current()->id(), call->name, arguments);
  }
  Result<uint64_t> result = call->handler(registers);
  // rt_sigreturn has replaced the frame, RAX included.
  const bool frame_replaced = frame->vector != kSystemCallVector;
  if (!frame_replaced)
    frame->rax = result.is_error() ? static_cast<uint64_t>(-static_cast<int64_t>(result.error()))
                                   : result.value();
  if (is_traced) trace_call(*call, arguments, result);
  return prepare_return(frame) || frame_replaced;
}

extern "C" bool prepare_return(runtime::TrapFrame* frame) {
  using namespace runtime;
  bool changed = false;
  for (;;) {
    disable_interrupts();
    if (Scheduler::needs_reschedule()) {
      account_time(false);
      Scheduler::yield();
      continue;
    }
    const ThreadSignals& signals = Thread::current()->signals;
    const bool restart = frame->vector == kSystemCallVector &&
                         static_cast<int64_t>(frame->rax) == -static_cast<int64_t>(Errno::Restart);
    if (!has_deliverable_signal(Thread::current()) && !signals.has_saved_mask && !restart) {
      if (__builtin_expect(is_freezing(), 0)) freeze_park(frame);
      break;
    }
    enable_interrupts();
    changed |= deliver_signals(frame);
  }
  account_time(false);
  return changed;
}
