// Decides whether a product has to be made again. A stamp beside the product holds a digest of
// everything it was made from.
import { createHash } from 'node:crypto';
import { access, readFile, rm, stat, writeFile } from 'node:fs/promises';

/** Files up to this size are compared by content, bigger ones by size and modification time. */
const largestHashed = 16 * 1024 * 1024;

/**
 * Digests what a product is made from.
 * @param files paths of the inputs; missing files count as such
 * @param settings anything else that the product depends on
 * @returns a digest in hexadecimal
 */
export async function digestInputs(
  files: readonly string[],
  settings: readonly string[] = [],
): Promise<string> {
  const hash = createHash('sha256');
  for (const setting of settings) hash.update(`setting ${setting}\0`);
  for (const file of files) {
    const status = await stat(file).catch(() => undefined);
    if (!status) {
      hash.update(`missing ${file}\0`);
    } else if (status.size <= largestHashed) {
      hash.update(`content ${file} ${status.size}\0`).update(await readFile(file));
    } else {
      hash.update(`status ${file} ${status.size} ${status.mtimeMs}\0`);
    }
  }
  return hash.digest('hex');
}

/**
 * Makes a product unless its stamp says that nothing changed since it was made.
 * @param product path of the product; the stamp is `<product>.stamp` unless given
 * @param digest of its inputs, from digestInputs()
 * @param make makes the product
 * @param stampFile where the stamp is kept
 * @returns whether it was made
 */
export async function makeUnlessCurrent(
  product: string,
  digest: string,
  make: () => Promise<void>,
  stampFile = `${product}.stamp`,
): Promise<boolean> {
  const stamp = await readFile(stampFile, 'utf8').catch(() => '');
  const exists = await access(product).then(
    () => true,
    () => false,
  );
  if (exists && stamp === digest) return false;
  await rm(stampFile, { force: true });
  await make();
  await writeFile(stampFile, digest);
  return true;
}
