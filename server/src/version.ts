import description from '../package.json' with { type: 'json' };

/** The version of this software, as its results name it. */
export const VERSION: string = description.version;
