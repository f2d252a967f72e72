// Builds web/dist: the page for desktop, phone and headset (hashed modules), the TV's page (one classic script and
// one style sheet for Chromium 79), and the service worker, which knows the names of all files of the page.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const dist = join(root, 'dist');
const quiet = { root, logLevel: 'warn' };

// A classic script of one file: what neither modules nor chunks can be used for.
function classicScript(entry, name, folder, target, define = {}) {
  return {
    ...quiet,
    configFile: false,
    publicDir: false,
    define: { 'process.env.NODE_ENV': '"production"', ...define },
    build: {
      outDir: join(dist, folder),
      emptyOutDir: false,
      target,
      cssTarget: target === 'es2019' ? 'chrome79' : undefined,
      lib: { entry: join(root, entry), formats: ['iife'], name: 'ondol', fileName: () => `${name}.js`, cssFileName: name },
    },
  };
}

function filesUnder(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesUnder(path) : [path];
  });
}

async function buildPage() {
  await build({ ...quiet, configFile: join(root, 'vite.config.ts') });
}

async function buildTelevision() {
  if (!existsSync(join(root, 'tv/index.html'))) return;
  await build(classicScript('src/tv/main.ts', 'tv', 'tv', 'es2019'));
  cpSync(join(root, 'tv'), join(dist, 'tv'), { recursive: true });
}

async function buildServiceWorker() {
  const files = filesUnder(dist)
    .map((path) => relative(dist, path).split('\\').join('/'))
    .filter((name) => !name.startsWith('tv/') && name !== 'sw.js')
    .sort();
  const hash = createHash('sha256');
  for (const name of files) hash.update(name).update(readFileSync(join(dist, name)));
  await build(
    classicScript('src/sw/sw.ts', 'sw', '.', 'es2020', {
      __FILES__: JSON.stringify(files.map((name) => (name === 'index.html' ? '/' : `/${name}`))),
      __VERSION__: JSON.stringify(hash.digest('hex').slice(0, 16)),
    }),
  );
}

await buildPage();
await buildTelevision();
await buildServiceWorker();
