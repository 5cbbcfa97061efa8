/** Stack traces that name the lines of TypeScript sources, not of the bundle. */
import { dataUrlText, originalPlace, parseSourceMap, type SourceMap } from './source-map.ts';

/** What V8 tells about one frame of a stack (v8.dev/docs/stack-trace-api). */
export interface CallSite {
  getScriptNameOrSourceURL(): string | null;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  toString(): string;
}

function headline(error: unknown): string {
  try {
    return String(error);
  } catch {
    return '(an error that cannot be shown)'; // its toString() throws
  }
}

/**
 * Makes the function for `Error.prepareStackTrace`.
 * @param sourceMapUrl gives the `data:` URL of the bundle's source map, when there is one; it is
 * asked for, and decoded, when the first stack is looked at
 * @param script whose map it is, where several scripts run in one isolate
 */
export function createPrepareStackTrace(
  sourceMapUrl: () => string | undefined,
  script?: string,
): (error: unknown, sites: readonly CallSite[]) => string {
  let map: SourceMap | undefined | null = null;
  const load = (): SourceMap | undefined => {
    const url = sourceMapUrl();
    const text = url === undefined ? undefined : dataUrlText(url);
    try {
      return text === undefined ? undefined : parseSourceMap(text);
    } catch {
      return undefined; // a damaged map must not hide the error that is being shown
    }
  };
  return (error, sites) => {
    if (map === null) map = load();
    const decoded = map;
    const frames = sites.map((site) => {
      const text = site.toString();
      const line = site.getLineNumber();
      const column = site.getColumnNumber();
      if (decoded === undefined || line === null || column === null) return text;
      if (script !== undefined && site.getScriptNameOrSourceURL() !== script) return text;
      const place = originalPlace(decoded, line, column);
      if (place === undefined) return text;
      const generated = `${site.getScriptNameOrSourceURL()}:${line}:${column}`;
      return text.replace(generated, () => `${place.file}:${place.line}:${place.column}`);
    });
    return [headline(error), ...frames.map((frame) => `    at ${frame}`)].join('\n');
  };
}
