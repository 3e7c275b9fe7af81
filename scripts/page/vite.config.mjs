/** How the live page is bundled: into three files with fixed names, which the server sends from a table. */
import { join } from 'node:path'
import { defineConfig } from 'vite'
import { DIST, ROOT } from '../bootstrap/places.mjs'

export default defineConfig({
  root: join(ROOT, 'lib', 'server', 'page'),
  cacheDir: join(ROOT, '.cache', 'vite'),
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(DIST, 'server', 'page'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false, // There is one module; the rest would need an inline script in old browsers.
    assetsInlineLimit: 0, // The page's Content-Security-Policy knows no data: addresses.
    rollupOptions: { output: { entryFileNames: 'page.js', chunkFileNames: '[name].js', assetFileNames: 'page[extname]' } },
  },
})
