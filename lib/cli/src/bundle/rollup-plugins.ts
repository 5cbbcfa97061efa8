// These plugins' types are written for CommonJS importers, to whom the function is `.default`; the
// module that Node loads exports the function itself.
import commonjsPlugin from '@rollup/plugin-commonjs';
import jsonPlugin from '@rollup/plugin-json';

/** Rollup plugin that makes ES modules of CommonJS ones. */
export const commonjs = commonjsPlugin as unknown as typeof commonjsPlugin.default;

/** Rollup plugin that makes modules of JSON files. */
export const json = jsonPlugin as unknown as typeof jsonPlugin.default;
