/** Emits the TypeScript declarations of the bindings of one kind of isolate. */
import {
  type Argument,
  type Binding,
  type BindingGroup,
  groupsFor,
  type IsolateKind,
  type Structure,
} from '../declare.ts';
import { camelCase, docComment, generatedNotice, pascalCase } from './text.ts';

/** `RuntimeMemoryStatistics` -> `MemoryStatistics`. */
function interfaceName(structure: Structure): string {
  return structure.name.replace(/^Runtime/, '');
}

function argumentType({ type }: Argument): string {
  switch (type.kind) {
    case 'integer':
    case 'number':
      return 'number';
    case 'callback':
      return type.type;
    case 'any':
      return 'unknown';
    case 'text':
      return 'string';
    case 'bytes':
    case 'source':
      return 'Uint8Array';
    case 'cursor':
      return 'BigUint64Array';
    case 'fill':
      return interfaceName(type.structure);
  }
}

function resultType(declared: Binding): string {
  const { returns } = declared;
  switch (returns.kind) {
    case 'nothing':
      return 'void';
    case 'never':
      return 'never';
    case 'scalar':
      return returns.shown;
    case 'value':
      return returns.type;
    case 'memory':
      return 'ArrayBuffer';
    case 'filled':
      return filledType(declared);
    case 'checked':
      if (returns.gives === 'filled') return filledType(declared);
      return returns.gives === 'number' ? 'number' : 'void';
  }
}

function filledType({ arguments: passed }: Binding): string {
  const filled = passed.find(({ type }) => type.kind === 'fill');
  if (filled === undefined)
    throw new Error('A binding that returns what it filled has no such argument.');
  return argumentType(filled);
}

function methodText(declared: Binding): string {
  const { returns } = declared;
  const comment = docComment('  ', [
    declared.doc,
    ...declared.arguments.map(({ name, doc }) => `@param ${name} ${doc}`),
    ...('doc' in returns ? [`@returns ${returns.doc}`] : []),
    ...(returns.kind === 'checked' || returns.kind === 'memory'
      ? ["@throws an Error with the error's name in `code` when the kernel refuses"]
      : []),
  ]);
  const parameters = declared.arguments
    .map((passed) => `${passed.name}: ${argumentType(passed)}`)
    .join(', ');
  return `${comment}  ${declared.name}(${parameters}): ${resultType(declared)};\n`;
}

function structureText(declared: Structure): string {
  const fields = declared.fields.map(
    ({ name, shown, doc }) => `${docComment('  ', [doc])}  ${camelCase(name)}: ${shown};\n`,
  );
  return `${docComment('', [declared.doc])}export interface ${interfaceName(declared)} {\n${fields.join('')}}\n`;
}

/**
 * Text of the declarations.
 * @param kind whose bindings
 * @param root name of the interface that holds all groups
 */
export function emitDeclarations(
  kind: IsolateKind,
  groups: readonly BindingGroup[],
  root: string,
): string {
  const own = groupsFor(kind, groups);
  const structures = new Set(
    own.flatMap(({ bindings }) =>
      bindings.flatMap((declared) =>
        declared.arguments.flatMap(({ type }) => (type.kind === 'fill' ? [type.structure] : [])),
      ),
    ),
  );
  const interfaces = own.map(
    ({ name, doc, bindings }) =>
      `${docComment('', [doc])}export interface ${pascalCase(name)}Bindings {\n${bindings.map(methodText).join('\n')}}\n`,
  );
  const members = own.map(
    ({ name, doc }) =>
      `${docComment('  ', [doc])}  readonly ${name}: ${pascalCase(name)}Bindings;\n`,
  );
  return [
    generatedNotice('bindings.abi.ts'),
    ...[...structures].map(structureText),
    ...interfaces,
    `${docComment('', ['All bindings of this kind of isolate.'])}export interface ${root} {\n${members.join('')}}\n`,
  ].join('\n');
}
