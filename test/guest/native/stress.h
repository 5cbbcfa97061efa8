// Tests of the state that the kernel must keep when it interrupts a thread or delivers a signal.
#pragma once

#include <cstdint>

/// What a stress test found.
struct StressResult {
  uint64_t rounds;      ///< checks made, over all threads
  uint64_t mismatches;  ///< checks that found changed state
  uint64_t signals;     ///< signals handled
};

/// Holds patterns in every general register, the carry flag and the red zone, in several threads
/// that preempt each other.
StressResult stress_registers(unsigned threads, unsigned milliseconds);

/// Holds patterns in the SSE, AVX and x87 registers and in the rounding modes, likewise.
StressResult stress_vectors(unsigned threads, unsigned milliseconds);

/// As both of the others, while one more thread sends signals whose handler overwrites registers,
/// on the thread's own stack and on alternate stacks in turn.
StressResult stress_signals(unsigned threads, unsigned milliseconds);
