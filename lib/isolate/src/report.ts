/** Reports of isolates that have ended: places in their scripts become places in TypeScript. */
import {
  dataUrlText,
  originalPlace,
  parseSourceMap,
  type SourceMap,
} from '@runtimejs/system/source-map.ts';

/** A place in a script, as it ends a line of a stack trace. */
const placePattern = /(\/[^\s():]+):(\d+):(\d+)(?=\)?$)/gm;

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
  if (map === undefined) return report;
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
