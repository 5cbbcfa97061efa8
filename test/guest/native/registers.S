# uint64_t hold_registers(uint64_t seed, uint64_t iterations)
#
# Fills the general registers, the carry flag and the 128 bytes of red zone below the stack pointer
# with values made from the seed, counts down, and compares. Whatever interrupts the loop must leave
# all of it alone. Returns 0 when it did, otherwise 1 for a register, 2 for the flag, 3 for the
# red zone.
        .text
        .globl  hold_registers
        .type   hold_registers, @function
hold_registers:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15

        # The red zone (System V ABI, 3.2.2): this is a leaf function, so it is ours.
        .irp    slot, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
        lea     (\slot * 257)(%rdi), %rax
        mov     %rax, -8 * \slot (%rsp)
        .endr

        lea     1(%rdi), %rax
        lea     2(%rdi), %rbx
        lea     3(%rdi), %rcx
        lea     4(%rdi), %rdx
        lea     5(%rdi), %rbp
        lea     6(%rdi), %r8
        lea     7(%rdi), %r9
        lea     8(%rdi), %r10
        lea     9(%rdi), %r11
        lea     10(%rdi), %r12
        lea     11(%rdi), %r13
        lea     12(%rdi), %r14
        lea     13(%rdi), %r15
        stc                                     # dec keeps the carry flag
1:      dec     %rsi
        jnz     1b
        jnc     .Lflag

        .macro  expect register, offset
        lea     \offset(%rdi), %rsi
        cmp     %rsi, \register
        jne     .Lregister
        .endm
        expect  %rax, 1
        expect  %rbx, 2
        expect  %rcx, 3
        expect  %rdx, 4
        expect  %rbp, 5
        expect  %r8, 6
        expect  %r9, 7
        expect  %r10, 8
        expect  %r11, 9
        expect  %r12, 10
        expect  %r13, 11
        expect  %r14, 12
        expect  %r15, 13

        .irp    slot, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
        lea     (\slot * 257)(%rdi), %rax
        cmp     %rax, -8 * \slot (%rsp)
        jne     .Lredzone
        .endr
        xor     %eax, %eax
        jmp     .Lout
.Lregister:
        mov     $1, %eax
        jmp     .Lout
.Lflag: mov     $2, %eax
        jmp     .Lout
.Lredzone:
        mov     $3, %eax
.Lout:  pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .size   hold_registers, . - hold_registers

# void hold_vectors(const void* from, void* to, uint64_t iterations)
#
# Loads XMM0 to XMM15 from 256 bytes, counts down, stores them. hold_wide_vectors does the same with
# YMM0 to YMM15 and 512 bytes, so that the upper halves are seen too.
        .macro  hold name, move, size
        .globl  \name
        .type   \name, @function
\name:
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        hold_load \move, \size, \number
        .endr
1:      dec     %rdx
        jnz     1b
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        hold_store \move, \size, \number
        .endr
        ret
        .size   \name, . - \name
        .endm

        .macro  hold_load move, size, number
        .if     \size == 16
        \move   (\size * \number)(%rdi), %xmm\number
        .else
        \move   (\size * \number)(%rdi), %ymm\number
        .endif
        .endm
        .macro  hold_store move, size, number
        .if     \size == 16
        \move   %xmm\number, (\size * \number)(%rsi)
        .else
        \move   %ymm\number, (\size * \number)(%rsi)
        .endif
        .endm

        hold    hold_vectors, movups, 16
        hold    hold_wide_vectors, vmovups, 32

# uint64_t hold_x87(uint64_t iterations)
#
# Keeps values on the x87 stack, counts down, and adds them up: 1 + pi + 0 in tenths, or garbage.
        .globl  hold_x87
        .type   hold_x87, @function
hold_x87:
        fld1
        fldpi
        fldz
1:      dec     %rdi
        jnz     1b
        faddp
        faddp
        fistpll -8(%rsp)                        # rounds 4.14 to 4, or as the control word says
        mov     -8(%rsp), %rax
        ret
        .size   hold_x87, . - hold_x87

        .section .note.GNU-stack, "", @progbits
