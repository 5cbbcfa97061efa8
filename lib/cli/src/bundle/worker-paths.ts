/** Where the image of a bare app that can be replaced has the app itself; /worker/main.js is what it runs on. */
export const reloadableScript = '/worker/app.js';
