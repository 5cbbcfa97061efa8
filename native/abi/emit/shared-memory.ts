/** Emits the layout of shared memory: structures for C++, offsets for TypeScript. */
import { type Constant, type SharedField, type SharedLayout, sharedOffsets } from '../declare.ts';
import { camelCase, docComment, generatedNotice } from './text.ts';

function cField({ name, type, doc }: SharedField): string {
  const text =
    typeof type === 'number'
      ? `uint8_t ${name}[${type}]`
      : `${type === 'u16' ? 'uint16_t' : 'uint32_t'} ${name}`;
  return `${docComment('  ', [doc])}  ${text};\n`;
}

function usedBytes({ fields }: SharedLayout, offsets: readonly number[]): number {
  const last = fields.length - 1;
  const type = fields[last]?.type ?? 0;
  return (offsets[last] ?? 0) + (typeof type === 'number' ? type : type === 'u16' ? 2 : 4);
}

function cStructure(declared: SharedLayout): string {
  const offsets = sharedOffsets(declared);
  const unused = declared.size - usedBytes(declared, offsets);
  const checks = declared.fields.map(
    ({ name }, index) =>
      `static_assert(offsetof(${declared.name}, ${name}) == ${offsets[index]}, "layout of ${declared.name}::${name}");\n`,
  );
  return (
    `${docComment('', [declared.doc])}struct ${declared.name} {\n${declared.fields.map(cField).join('')}` +
    `${unused > 0 ? `  uint8_t unused[${unused}];\n` : ''}};\n` +
    `static_assert(sizeof(${declared.name}) == ${declared.size}, "size of ${declared.name}");\n${checks.join('')}`
  );
}

/** Text of shared_memory.h. */
export function emitSharedMemoryHeader(
  layouts: readonly SharedLayout[],
  constants: readonly Constant[],
): string {
  const numbers = constants.map(
    ({ name, value, doc }) =>
      `${docComment('', [doc])}static const uint32_t ${name} = ${value}u;\n`,
  );
  return `${generatedNotice('broker.abi.ts')}#ifndef RUNTIME_SHARED_MEMORY_H
#define RUNTIME_SHARED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

${numbers.join('')}
${layouts.map(cStructure).join('\n')}
#endif  // RUNTIME_SHARED_MEMORY_H
`;
}

/** `RuntimeSocketBlock` -> `socketBlock`, `RUNTIME_REQUEST_BIND` -> `requestBind`. */
function typescriptName(name: string): string {
  const bare = name.replace(/^Runtime|^RUNTIME_/, '');
  return /^[A-Z0-9_]+$/.test(bare)
    ? camelCase(bare.toLowerCase())
    : bare.charAt(0).toLowerCase() + bare.slice(1);
}

/** Text of shared-memory.ts: byte offsets of every field, and the constants. */
export function emitSharedMemoryOffsets(
  source: string,
  layouts: readonly SharedLayout[],
  constants: readonly Constant[],
): string {
  const numbers = constants.map(
    ({ name, value, doc }) =>
      `${docComment('', [doc])}export const ${typescriptName(name)} = ${value};\n`,
  );
  const structures = layouts.map((declared) => {
    const offsets = sharedOffsets(declared);
    const fields = declared.fields.map(
      ({ name, doc }, index) =>
        `${docComment('  ', [doc])}  ${camelCase(name)}: ${offsets[index]},\n`,
    );
    return `${docComment('', [`${declared.doc} Byte offsets.`])}export const ${typescriptName(declared.name)} = {\n  /** Bytes of the whole. */\n  size: ${declared.size},\n${fields.join('')}} as const;\n`;
  });
  return `${generatedNotice(source)}\n${numbers.join('\n')}\n${structures.join('\n')}`;
}
