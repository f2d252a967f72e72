// Makes the webOS package: builds the shell, lays out the app, lets LG's ares-package pack it, and then writes the
// package again without what the hour and the machine left in it, so that the same input gives the same bytes.
//
// node webos/package.mjs [FOLDER]; the package is written to FOLDER, build/webos in the project by default.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { withoutTraces } from './ipk.mjs';

const webos = fileURLToPath(new URL('.', import.meta.url));
const web = resolve(webos, '..');
const kFiles = ['index.html', 'icon.png', 'icon_large.png'];

async function buildShell(folder) {
  await build({
    root: web,
    logLevel: 'warn',
    configFile: false,
    publicDir: false,
    build: {
      outDir: folder,
      emptyOutDir: false,
      target: 'es2019',
      cssTarget: 'chrome79',
      lib: { entry: join(web, 'src/webos/shell.ts'), formats: ['iife'], name: 'ondol', fileName: () => 'shell.js', cssFileName: 'shell' },
    },
  });
}

function layOut(folder) {
  for (const name of kFiles) cpSync(join(webos, name), join(folder, name));
  const { version } = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8'));
  const info = { ...JSON.parse(readFileSync(join(webos, 'appinfo.json'), 'utf8')), version };
  writeFileSync(join(folder, 'appinfo.json'), JSON.stringify(info, null, 2) + '\n');
}

// ares-package keeps a folder of its own in HOME; ours need not have it.
function pack(folder, home) {
  const ares = join(web, 'node_modules/@webos-tools/cli/bin/ares-package.js');
  const done = spawnSync(process.execPath, [ares, '--no-minify', folder, '--outdir', home], {
    env: { ...process.env, HOME: home },
    encoding: 'utf8',
  });
  const name = readdirSync(home).find((file) => file.endsWith('.ipk'));
  if (done.status !== 0 || name === undefined) throw new Error(`ares-package failed:\n${done.stdout}${done.stderr}${done.error ?? ''}`);
  return name;
}

const out = resolve(process.argv[2] ?? join(web, '../build/webos'));
const work = mkdtempSync(join(tmpdir(), 'ondol-webos-'));
try {
  const app = join(work, 'app');
  const packed = join(work, 'packed');
  mkdirSync(app);
  mkdirSync(packed);
  mkdirSync(out, { recursive: true });
  await buildShell(app);
  layOut(app);
  const name = pack(app, packed);
  writeFileSync(join(out, name), withoutTraces(readFileSync(join(packed, name))));
  console.log(join(out, name));
} finally {
  rmSync(work, { recursive: true, force: true });
}
