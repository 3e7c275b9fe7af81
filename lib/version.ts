/** The version of this package. */
export const PACKAGE_VERSION: string = (require('../package.json') as { version: string }).version // lib/ and dist/ lie equally deep
