import packageJson from '../package.json' with { type: 'json' };

/** Version of these tools and of the images that they make. */
export const version: string = packageJson.version;
