#include "crash.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

/// Keeps the compiler from seeing what an address is.
template <typename T>
T* hidden(T* pointer) {
  __asm__ volatile("" : "+r"(pointer));
  return pointer;
}

[[gnu::noinline]] void write_to_text() {
  *hidden(reinterpret_cast<volatile uint8_t*>(&write_to_text)) = 0xc3;
}

[[gnu::noinline]] void write_to_constant() {
  static const char text[] = "read-only";
  *const_cast<volatile char*>(hidden(text)) = 'x';
}

uint8_t return_instruction[16] = {0xc3};

[[gnu::noinline]] void run_data() {
  reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(hidden(return_instruction)))();
}

[[gnu::noinline]] void run_stack() {
  volatile uint8_t code[16] = {0xc3};
  reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(hidden(code)))();
}

[[gnu::noinline]] void run_heap() {
  auto* code = static_cast<uint8_t*>(malloc(16));
  code[0] = 0xc3;
  reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(hidden(code)))();
}

[[gnu::noinline]] void write_null() { *hidden(static_cast<volatile int*>(nullptr)) = 1; }

[[gnu::noinline]] void call_null() {
  reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(hidden(static_cast<char*>(nullptr))))();
}

[[gnu::noinline]] void wild_pointer() {
  *hidden(reinterpret_cast<volatile int*>(0x1234'5678'9000)) = 1;
}

/// No address at all: the processor raises a general protection fault, without an address.
[[gnu::noinline]] void not_canonical() {
  *hidden(reinterpret_cast<volatile int*>(0x8000'0000'0000'0000)) = 1;
}

[[gnu::noinline]] int overflow_stack(int depth) {
  volatile char frame[1024];
  frame[0] = static_cast<char>(depth);
  if (depth < 0) return 0;  // never, but the compiler does not know
  return overflow_stack(depth + 1) + frame[0];
}

[[gnu::noinline]] void illegal_instruction() { __builtin_trap(); }

[[gnu::noinline]] void divide_by_zero() {
  volatile int zero = 0;
  volatile int result = 1234 / zero;
  (void)result;
}

[[gnu::noinline]] void breakpoint() { __asm__ volatile("int3"); }

[[gnu::noinline]] void corrupt_heap() {
  auto* block = static_cast<char*>(malloc(64));
  auto* again = hidden(block);
  free(block);
  free(again);  // glibc notices, and aborts
}

/// A thread that has no JavaScript on its stack.
void crash_in_thread() {
  pthread_t thread;
  pthread_create(
      &thread, nullptr,
      [](void*) -> void* {
        wild_pointer();
        return nullptr;
      },
      nullptr);
  pthread_join(thread, nullptr);
}

/// Mapped pages that were made read-only again.
[[gnu::noinline]] void write_protected() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(page, 1, 4096);
  mprotect(page, 4096, PROT_READ);
  *hidden(static_cast<volatile char*>(page)) = 2;
}

/// Runs on with a frame pointer that points nowhere, as code without frame pointers may.
[[gnu::noinline]] void spin_without_frame() {
  __asm__ volatile(
      "movabs $0x123456789000, %rbp\n"
      "1: pause\n"
      "jmp 1b");
}

struct Kind {
  const char* name;
  void (*run)();
};

const Kind kKinds[] = {
    {"writeToText", write_to_text},
    {"writeToConstant", write_to_constant},
    {"runData", run_data},
    {"runStack", run_stack},
    {"runHeap", run_heap},
    {"writeNull", write_null},
    {"callNull", call_null},
    {"wildPointer", wild_pointer},
    {"notCanonical", not_canonical},
    {"stackOverflow", [] { overflow_stack(0); }},
    {"illegalInstruction", illegal_instruction},
    {"divideByZero", divide_by_zero},
    {"breakpoint", breakpoint},
    {"corruptHeap", corrupt_heap},
    {"crashInThread", crash_in_thread},
    {"writeProtected", write_protected},
    {"abort", abort},
    {"spinWithoutFrame", spin_without_frame},
};

}  // namespace

bool crash(const char* kind) {
  for (const Kind& candidate : kKinds) {
    if (strcmp(candidate.name, kind) != 0) continue;
    candidate.run();
    return true;
  }
  return false;
}
