// Node's code is made for ring 3, where POPF leaves the interrupt flag alone. Here the app runs in ring 0: the
// flag would be cleared, and nothing could interrupt the app until it enters the kernel again.
//
// V8 has such a POPF in its built-in functions, wherever they take the remainder of two floating-point numbers:
// FPREM's condition code C2 goes through RAX into the parity flag. Code that V8 makes at run time uses SAHF there,
// where the CPU has it (src/compiler/backend/x64/code-generator-x64.cc, kSSEFloat64Mod); the kernel demands that it
// does. So the same is put into the built-in functions.
// Sources: Intel SDM volume 2, POPF (table 4-21), SAHF, FPREM.
import { open } from 'node:fs/promises';

/** shr eax, 8; and eax, 0xff; push rax; popf; jp (its offset stays) */
const loadByPopf = Buffer.from('c1e80825ff000000509d7a', 'hex');
/** sahf; a no-operation of 9 bytes; jp */
const loadBySahf = Buffer.from('9e660f1f8400000000007a', 'hex');

/**
 * Has a program's floating-point remainders leave the interrupt flag alone, in place.
 * @param file path of an ELF file
 * @returns how many places were changed
 */
export async function keepInterruptFlag(file: string): Promise<number> {
  await using handle = await open(file, 'r+');
  const content = await handle.readFile();
  let count = 0;
  for (let at = content.indexOf(loadByPopf); at >= 0; at = content.indexOf(loadByPopf, at + 1)) {
    await handle.write(loadBySahf, 0, loadBySahf.length, at);
    count += 1;
  }
  return count;
}
