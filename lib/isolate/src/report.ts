/** Reports of isolates that have ended: places in their scripts become places in TypeScript. */
import {
  dataUrlText,
  originalPlace,
  parseSourceMap,
  type SourceMap,
} from '@runtimejs/system/source-map.ts';

/** A place in a script, as it ends a line of a stack trace. */
const placePattern = /(\/[^\s():]+):(\d+):(\d+)(?=\)?$)/gm;

/** So many scripts' source maps are kept. */
const mostMaps = 8;

/** Source maps of scripts whose isolates fail: each is read once, for that takes as long as the start of an isolate. */
export class ReportMaps {
  readonly #maps = new Map<string, { readonly url: string; readonly map: SourceMap | undefined }>();

  /**
   * Names the TypeScript of a report.
   * @param report what the shim has written
   * @param script path of the script whose places are meant
   * @param sourceMapUrl gives the script's source map as a `data:` URL, if it has one
   */
  describe(report: string, script: string, sourceMapUrl: () => string | undefined): string {
    if (report === '') return report;
    const url = sourceMapUrl();
    if (url === undefined) return report;
    let known = this.#maps.get(script);
    // A script may have been replaced.
    if (known?.url !== url) known = { url, map: readMap(url) };
    this.#maps.delete(script);
    this.#maps.set(script, known);
    if (this.#maps.size > mostMaps) {
      const [oldest] = this.#maps.keys();
      if (oldest !== undefined) this.#maps.delete(oldest);
    }
    return known.map === undefined ? report : nameSources(report, script, known.map);
  }
}

/**
 * Names the TypeScript of a report.
 * @param report what the shim has written
 * @param script path of the script whose places are meant
 * @param sourceMapUrl the script's source map as a `data:` URL, if it has one
 */
export function describePlaces(
  report: string,
  script: string,
  sourceMapUrl: string | undefined,
): string {
  const map = sourceMapUrl === undefined ? undefined : readMap(sourceMapUrl);
  return map === undefined ? report : nameSources(report, script, map);
}

function nameSources(report: string, script: string, map: SourceMap): string {
  return report.replace(placePattern, (text, file: string, line: string, column: string) => {
    const place = file === script ? originalPlace(map, Number(line), Number(column)) : undefined;
    return place === undefined ? text : `${place.file}:${place.line}:${place.column}`;
  });
}

function readMap(url: string): SourceMap | undefined {
  try {
    const text = dataUrlText(url);
    return text === undefined ? undefined : parseSourceMap(text);
  } catch {
    return undefined; // a damaged map must not hide what is being told
  }
}
