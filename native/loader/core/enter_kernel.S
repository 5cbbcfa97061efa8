// Hands over to the kernel in the state that multiboot2 asks for: 32-bit protected mode, paging and
// interrupts off, flat segments, the magic number in EAX, the information in EBX.
// Source: Multiboot2 specification 2.0, 3.3.
//
// void enter_kernel(uint32_t entry, uint32_t information)
// May be copied, as a whole, to where it runs: below 4 GiB and identity mapped.

.section .text.enter_kernel, "ax"
.code64
.globl enter_kernel, enter_kernel_end
.hidden enter_kernel, enter_kernel_end
enter_kernel:
  cli
  leaq descriptors(%rip), %rax
  movq %rax, descriptors_pointer+2(%rip)
  lgdt descriptors_pointer(%rip)
  leaq protected(%rip), %rax
  pushq $0x08
  pushq %rax
  lretq

.code32
protected:
  movl $0x10, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %fs
  movl %eax, %gs
  movl %eax, %ss
  movl %cr0, %eax
  andl $0x7fffffff, %eax     // paging off: long mode ends
  movl %eax, %cr0
  xorl %eax, %eax            // PAE, five levels, whatever the firmware had
  movl %eax, %cr4
  movl $0xc0000080, %ecx     // EFER: LME off
  rdmsr
  andl $0xfffffeff, %eax
  wrmsr
  movl %esi, %ebx
  movl $0x36d76289, %eax
  jmp *%edi

  .balign 8
descriptors:
  .quad 0
  .quad 0x00cf9a000000ffff   // 32-bit code
  .quad 0x00cf92000000ffff   // data
descriptors_pointer:
  .short descriptors_pointer - descriptors - 1
  .quad 0
enter_kernel_end:

.section .note.GNU-stack, "", @progbits
