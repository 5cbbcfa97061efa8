// Per-CPU data (reached through GS), control registers, interrupt state.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sched/idle_poll.h"
#include "sync/lock_order.h"

namespace runtime {

class Thread;
struct Timer;

/// System calls with numbers below this are counted one by one.
constexpr unsigned kCountedCalls = 512;

/// What entry.S and the kernel keep per CPU. entry.S depends on the first six offsets.
struct CpuLocal {
  CpuLocal* self = nullptr;        // 0
  uint64_t kernel_stack_top = 0;   // 8: of the running thread
  uint64_t kernel_stack_base = 0;  // 16
  uint64_t scratch = 0;            // 24: the application's stack pointer while entering
  uint64_t reschedule_wanted = 0;  // 32
  Thread* current = nullptr;       // 40
  Thread* idle = nullptr;
  Thread* extended_state_owner = nullptr;
  Thread* dead_thread = nullptr;  // its last reference is dropped by the next thread
  unsigned index = 0;
  uint32_t apic_id = 0;
  uint32_t flush_wanted = 0;     // smp/shootdown.cpp
  uint32_t flush_deferred = 0;   // likewise
  uint32_t defers_flush = 0;     // likewise
  uint32_t is_halted = 0;        // or looks for work
  uint32_t reschedule_sent = 0;  // this CPU was asked to look at its queue, and has not yet
  uint32_t is_polling = 0;       // it sees the above without an interrupt; smp/cpus.cpp
  uint64_t asked_time = 0;       // when it was last asked while it was idle
  uint64_t idle_since = 0;       // when it ran out of work, 0: it has some
  IdlePoll idle_poll;
  Thread* departing_thread = nullptr;  // the next thread puts it into another CPU's queue
  uint64_t last_relief = 0;            // when a thread was last passed on from here, or to here
  uint64_t alarm = 0;                  // when the timer is programmed to fire, 0: it is not
  uint64_t alarm_set = 0;              // what the clock read then
  uint64_t alarm_wait = 0;             // nanoseconds until it comes
  Timer* running_timer = nullptr;      // whose callback runs here
  uint64_t interrupts = 0;
  uint64_t system_calls = 0;
  uint64_t exceptions = 0;  // of the application
  uint64_t context_switches = 0;
  uint64_t user_nanoseconds = 0;
  uint64_t system_nanoseconds = 0;
  uint64_t idle_nanoseconds = 0;
  HeldRanks held_locks;
  uint64_t next_sample = 0;            // profile/profile.cpp
  uint32_t calls[kCountedCalls] = {};  // system calls made, by number; wraps
};

inline CpuLocal& this_cpu() {
  CpuLocal* cpu;
  asm volatile("movq %%gs:0, %0" : "=r"(cpu));
  return *cpu;
}

inline uint64_t read_msr(uint32_t msr) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return static_cast<uint64_t>(high) << 32 | low;
}
inline void write_msr(uint32_t msr, uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(msr), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}

constexpr uint32_t kMsrApicBase = 0x1b;
constexpr uint32_t kMsrStar = 0xc0000081;
constexpr uint32_t kMsrLstar = 0xc0000082;
constexpr uint32_t kMsrSyscallMask = 0xc0000084;
constexpr uint32_t kMsrFsBase = 0xc0000100;
constexpr uint32_t kMsrGsBase = 0xc0000101;

constexpr uint64_t kFlagTrap = 1 << 8;
constexpr uint64_t kFlagInterrupt = 1 << 9;
constexpr uint64_t kFlagDirection = 1 << 10;

inline bool interrupts_enabled() {
  uint64_t flags;
  asm volatile("pushfq; popq %0" : "=r"(flags));
  return flags & kFlagInterrupt;
}
inline void disable_interrupts() { asm volatile("cli" : : : "memory"); }
inline void enable_interrupts() { asm volatile("sti" : : : "memory"); }

inline uint64_t read_time_stamp_counter() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<uint64_t>(high) << 32 | low;
}

inline uint64_t fault_address() {
  uint64_t address;
  asm volatile("movq %%cr2, %0" : "=r"(address));
  return address;
}

/// Sets up the first CPU: GDT, TSS, IDT, system-call entry and per-CPU data.
void cpu_initialise();
/// Bytes of memory that a further CPU's tables and stacks take.
constexpr size_t kCpuTablesSize = 40 * 1024;
/// Makes tables for a further CPU in zeroed memory of kCpuTablesSize bytes that stays.
CpuLocal* prepare_cpu(void* memory, unsigned index);
/// Runs on the further CPU, with the kernel stack that `local` names.
void cpu_initialise_secondary(CpuLocal* local);
/// Loads the kernel stack of the thread that runs next.
void set_kernel_stack(uint64_t base, uint64_t top);

/// Size of the XSAVE (or FXSAVE) area of a thread in bytes.
size_t extended_state_size();
/// Turns on the FPU, SSE and what XSAVE can save, on this CPU.
void extended_state_initialise();
/// Of the features that XSAVE covers, only these are turned on: on this CPU now, on others later. Before the first
/// thread exists.
void extended_state_limit(uint64_t features);
/// Saves the CPU's extended state to a 64-byte aligned area whose header is zero or its own.
void save_extended_state(uint8_t* area);
void restore_extended_state(const uint8_t* area);
/// Fills an area with the state that a fresh program expects (MXCSR 0x1f80).
void reset_extended_state(uint8_t* area);
/// Feature bits that XSAVE covers; 0 when the CPU has FXSAVE only.
uint64_t extended_state_features();
/// Makes an area that came from outside safe for `restore_extended_state`.
void sanitise_extended_state(uint8_t* area);

}  // namespace runtime
