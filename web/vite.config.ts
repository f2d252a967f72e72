// The page for desktop, phone and headset, and the unit tests. build.mjs adds the other parts of dist.
import { defineConfig, type Plugin } from 'vite';

// KaTeX names each font in three formats; every browser that runs this page reads WOFF2.
const onlyWoff2: Plugin = {
  name: 'only-woff2',
  enforce: 'pre',
  transform(code, id) {
    if (!id.includes('katex') || !id.endsWith('.css')) return null;
    return code.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, '');
  },
};

export default defineConfig({
  plugins: [onlyWoff2],
  build: {
    target: 'es2021',
    assetsInlineLimit: 0, // the CSP allows no data: scripts or fonts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800, // three.js, which is loaded only for the headset
  },
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/ready', '/health', '/openapi.json'].map((path) => [
        path,
        process.env.ONDOL_SERVER ?? 'http://127.0.0.1:11435',
      ]),
    ),
  },
  test: {
    include: ['tests/unit/**/*.test.ts'],
    setupFiles: ['tests/unit/setup.ts'],
    reporters: ['dot'],
    pool: 'threads',
    isolate: false, // each file brings its own page; starting a worker for each would take half of the time
    testTimeout: 30_000, // jsdom is slow on a busy machine
  },
});
