// What disk images of an app are made from.
import path from 'node:path';
import type { ImageSource } from '@runtimejs/image/index.ts';
import { cacheFolder } from '../paths.ts';
import type { BuiltApp } from './build-app.ts';

/** Where compressed parts of the runtime are kept: they are the same for every app. */
export const frameCache: string = path.join(cacheFolder, 'frames');

/**
 * @param built an app
 * @returns the parts of its images
 */
export function imageSource(built: BuiltApp): ImageSource {
  return {
    runtime: built.runtime.file,
    initrd: built.initrd,
    commandLine: built.commandLine,
    loaders: built.runtime.loaders,
  };
}
