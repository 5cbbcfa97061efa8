// Entry to and exit from the kernel.
//
// Application and kernel share ring 0 and the address space. They are told apart by the instruction
// pointer: the kernel lies in the upper half. Code in the `.gate` section counts as application code,
// because it runs on the application's stack: interrupts there must not touch that stack.
//
// Interrupts and exceptions arrive on IST stacks, as prebuilt code uses the red zone below its stack
// pointer. The frame is copied at once to the thread's kernel stack (from the application) or below
// the interrupted stack pointer (from the kernel, which has no red zone), so the IST stack is free
// again and handlers may sleep and nest. Source: SDM volume 3, 6.14.

#define FRAME_SIZE 176
#define GS_STACK_TOP 8
#define GS_STACK_BASE 16
#define GS_SCRATCH 24
#define GS_RESCHEDULE 32
#define SYSTEM_CALL_VECTOR 256
#define VECTOR_DOUBLE_FAULT 8
#define FRAME_RIP 136
#define FRAME_RSP 160

.macro push_registers
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %rax
  pushq %r8
  pushq %r9
  pushq %r10
  pushq %r11
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
.endm

.macro pop_registers
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  popq %r11
  popq %r10
  popq %r9
  popq %r8
  popq %rax
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
.endm

// What a function of the ABI preserves, in the order of a switched stack (sched/thread.cpp).
.macro push_preserved
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
.endm

.macro pop_preserved
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
.endm

// ---- system calls -------------------------------------------------------------------------------
.section .gate, "ax"
.globl system_call_entry
system_call_entry:           // RCX: return address, R11: flags; interrupts are off
  movq %rsp, %gs:GS_SCRATCH
  movq %gs:GS_STACK_TOP, %rsp
  jmp system_call_on_kernel_stack

.text
system_call_on_kernel_stack:
  pushq $16
  pushq %gs:GS_SCRATCH
  pushq %r11
  pushq $8
  pushq %rcx
  pushq %rax
  pushq $SYSTEM_CALL_VECTOR
  push_registers
  movq %rsp, %rdi
  xorl %ebp, %ebp
  call system_call_dispatch  // returns with interrupts off; true: all registers must be loaded
  testb %al, %al
  jnz return_from_interrupt
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  addq $8, %rsp
  popq %r10
  popq %r9
  popq %r8
  popq %rax
  addq $8, %rsp
  popq %rdx
  popq %rsi
  popq %rdi
  addq $16, %rsp
  popq %rcx                  // the ABI lets a system call clobber RCX, R11 and the flags
  addq $16, %rsp
  popq %rsp
  sti                        // takes effect after the jump: no interrupt sees a half-way state
  jmpq *%rcx

// ---- interrupts and exceptions --------------------------------------------------------------------
.globl return_from_interrupt
return_from_interrupt:
  cli
  pop_registers
  addq $16, %rsp
  iretq

interrupt_common:            // on an IST stack, interrupts off
  push_registers
  cld
  movq FRAME_RIP(%rsp), %rax
  testq %rax, %rax
  jns 1f
  leaq gate_start(%rip), %rcx
  cmpq %rcx, %rax
  jb 2f
  leaq gate_end(%rip), %rcx
  cmpq %rcx, %rax
  jae 2f
1:movq %gs:GS_STACK_TOP, %rdi
  jmp 3f
2:movq FRAME_RSP(%rsp), %rdi
  leaq -FRAME_SIZE(%rdi), %rcx
  cmpq %gs:GS_STACK_BASE, %rcx
  jb 4f                      // the kernel's stack pointer is wild: report from here
  cmpq %gs:GS_STACK_TOP, %rdi
  ja 4f
3:andq $-16, %rdi
  subq $FRAME_SIZE, %rdi
  movq %rdi, %rdx
  movq %rsp, %rsi
  movl $(FRAME_SIZE / 8), %ecx
  rep movsq
  movq %rdx, %rsp
  movq %rsp, %rdi
  xorl %ebp, %ebp
  call interrupt_dispatch
  jmp return_from_interrupt
4:movq %rsp, %rdi
  xorl %ebp, %ebp
  call wild_kernel_stack
5:hlt
  jmp 5b

fatal_common:                // double fault, NMI, machine check: stays on its IST stack
  push_registers
  cld
  movq %rsp, %rdi
  xorl %ebp, %ebp
  call fatal_exception
  jmp return_from_interrupt

.macro interrupt_stub vector, has_error, common
  .balign 16
  .if \has_error == 0
  pushq $0
  .endif
  pushq $\vector
  jmp \common
.endm

.balign 16
.globl interrupt_stubs
interrupt_stubs:
.set vector, 0
.rept 256
  .if vector == 8
    interrupt_stub vector, 1, fatal_common
  .elseif vector == 2 || vector == 18
    interrupt_stub vector, 0, fatal_common
  .elseif vector == 10 || vector == 11 || vector == 12 || vector == 13 || vector == 14 || vector == 17 || vector == 21 || vector == 29 || vector == 30
    interrupt_stub vector, 1, interrupt_common
  .else
    interrupt_stub vector, 0, interrupt_common
  .endif
  .set vector, vector + 1
.endr

// ---- threads --------------------------------------------------------------------------------------
// void switch_stacks(uint64_t* save, uint64_t load)
.globl switch_stacks
switch_stacks:
  push_preserved
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  pop_preserved
  ret

// First code of an application thread: a TrapFrame lies on its kernel stack.
.globl thread_first_return
thread_first_return:
  call thread_started
  movq %rsp, %rdi
  call prepare_return
  jmp return_from_interrupt

// A kernel thread's first instruction: r12 holds its function, r13 the argument (sched/thread.cpp).
.globl kernel_thread_first_call
kernel_thread_first_call:
  call thread_started
  sti
  movq %r13, %rdi
  call *%r12
  call kernel_thread_ended
  ud2

// ---- direct calls from the shim ---------------------------------------------------------------------
// Each gate switches to the thread's kernel stack as a system call does and calls the function of its
// index in kernel_gate_functions (linux/kernel_interface.cpp).
.macro kernel_gate index
  .globl kernel_gate_\index
kernel_gate_\index:
  cli
  movq %rsp, %r10
  movl $\index, %eax
  jmp kernel_gate_common
.endm

.section .gate
#define KERNEL_FUNCTION(index, name) kernel_gate index
#include <kernel_functions.def>
#undef KERNEL_FUNCTION
kernel_gate_common:
  movq %gs:GS_STACK_TOP, %rsp
  jmp kernel_gate_on_kernel_stack

.text
kernel_gate_on_kernel_stack:
  pushq %r10
  pushq %rbp
  xorl %ebp, %ebp
  sti
  leaq kernel_gate_functions(%rip), %r11
  call *(%r11,%rax,8)
  cli
  popq %rbp
  popq %rsp
  sti                        // takes effect after the return
  ret

// ---- calls that may fault --------------------------------------------------------------------------------
// bool call_contained(void (*function)(void*), void* argument, uint64_t* resume_stack)
// Stores where to continue and returns true after `function` has; a fault in it continues at
// contained_call_failed with that stack (interrupts/contain.cpp).
.globl call_contained
call_contained:
  push_preserved
  subq $8, %rsp              // the stack is aligned at the call
  movq %rsp, (%rdx)
  movq %rdi, %rax
  movq %rsi, %rdi
  call *%rax
  movl $1, %eax
  jmp 1f
.globl contained_call_failed
contained_call_failed:       // interrupts are on
  xorl %eax, %eax
1:addq $8, %rsp
  pop_preserved
  ret

// ---- copies from and to application memory ------------------------------------------------------------
// uint64_t copy_bytes_guarded(void* destination, const void* source, uint64_t size)
// Returns the count of bytes that were NOT copied.
.globl copy_bytes_guarded
copy_bytes_guarded:
  movq %rdx, %rcx
  shrq $3, %rcx
  andl $7, %edx
copy_words:
  rep movsq
  movl %edx, %ecx
copy_tail:
  rep movsb
  xorl %eax, %eax
  ret
copy_words_failed:
  leaq (%rdx,%rcx,8), %rax
  ret
copy_tail_failed:
  movq %rcx, %rax
  ret

// uint64_t clear_bytes_guarded(void* destination, uint64_t size)
.globl clear_bytes_guarded
clear_bytes_guarded:
  movq %rsi, %rcx
  xorl %eax, %eax
clear_bytes:
  rep stosb
  ret
clear_bytes_failed:
  movq %rcx, %rax
  ret

// uint64_t load_word_guarded(const void* address, uint64_t* value): 0 when it worked
.globl load_word_guarded
load_word_guarded:
load_word:
  movq (%rdi), %rax
  movq %rax, (%rsi)
  xorl %eax, %eax
  ret
load_word_failed:
  movl $1, %eax
  ret

// uint64_t compare_exchange_guarded(uint32_t* address, uint32_t expected, uint32_t desired,
//                                   uint32_t* seen): 0 when the access worked
.globl compare_exchange_guarded
compare_exchange_guarded:
  movl %esi, %eax
compare_exchange:
  lock cmpxchgl %edx, (%rdi)
  movl %eax, (%rcx)
  xorl %eax, %eax
  ret
compare_exchange_failed:
  movl $1, %eax
  ret

.section .exception_table, "a"
  .balign 8
.macro exception_entry fault, fixup
  .long \fault - .
  .long \fixup - . + 4
.endm
  exception_entry copy_words, copy_words_failed
  exception_entry copy_tail, copy_tail_failed
  exception_entry clear_bytes, clear_bytes_failed
  exception_entry load_word, load_word_failed
  exception_entry compare_exchange, compare_exchange_failed

.section .note.GNU-stack, "", @progbits
