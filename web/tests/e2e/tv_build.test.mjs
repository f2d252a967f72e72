// The built files of the TV and of its package: nothing newer than Chromium 79 in them, nothing inline, and the
// package the same bytes from the same input. No browser; the others run the scripts.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parse } from 'acorn';
import { readAr, readTar } from '../../webos/ipk.mjs';

const kWeb = fileURLToPath(new URL('../../', import.meta.url));

// Properties and globals that came after Chromium 79. `at` is not among them: chromium79.ts brings it along.
const kNewerProperties = new Set([
  'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'fromAsync', 'replaceAll', 'isWellFormed', 'toWellFormed', 'hasOwn',
  'groupBy', 'withResolvers', 'replaceChildren', 'checkVisibility', 'setHTML', 'randomUUID', 'canParse', 'throwIfAborted', 'inert', 'popover',
  'showPopover', 'requestSubmit', 'Segmenter', 'ListFormat', 'DisplayNames', 'startViewTransition', 'adoptedStyleSheets', 'databases',
]);
const kNewerOf = { Promise: ['any', 'try'], AbortSignal: ['timeout', 'any', 'abort'], Response: ['json'], ReadableStream: ['from'], URL: ['parse'] };
const kNewerGlobals = new Set([
  'structuredClone', 'WeakRef', 'FinalizationRegistry', 'AggregateError', 'CompressionStream', 'DecompressionStream', 'reportError',
  'scheduler', 'navigation', 'cookieStore', 'Iterator', 'ClipboardItem',
]);
const kNewerCss = [
  /\baspect-ratio\s*:/, /\binset(-\w+)?\s*:/, /:focus-visible/, /:is\(/, /:where\(/, /:has\(/, /:not\([^)]*,/, /@layer/, /@container/, /@property/,
  /@scope/, /color-mix\(/, /\boklch\(/, /\boklab\(/, /\b\d+[dsl]v[hw]\b/, /accent-color\s*:/, /content-visibility\s*:/, /overflow\s*:\s*clip/,
  /(^|[{;])\s*(translate|rotate|scale)\s*:/, /text-wrap\s*:/, /&\s*[.:>{]/, /\brgb\([^,)]*\s\d/,
  /(^|[{;])(gap|row-gap|column-gap)\s*:/, // in flex boxes from 84 on; grids have grid-gap
];

function faultsOfScript(code) {
  const faults = [];
  const walk = (node) => {
    if (!node || typeof node.type !== 'string') return;
    if (node.type === 'MemberExpression' && !node.computed) {
      const { name } = node.property;
      if (kNewerProperties.has(name) || kNewerOf[node.object.name]?.includes(name)) faults.push(`.${name} at ${node.start}`);
    }
    if (node.type === 'Identifier' && kNewerGlobals.has(node.name)) faults.push(`${node.name} at ${node.start}`);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) value.forEach(walk);
      else if (value && typeof value === 'object') walk(value);
    }
  };
  walk(parse(code, { ecmaVersion: 2019, sourceType: 'script' }));
  return faults;
}

function faultsOfStyle(css) {
  return kNewerCss.filter((pattern) => pattern.test(css)).map(String);
}

function faultsOfPage(html) {
  return [/<script(?![^>]*\ssrc=)/, /<style/, /\sstyle=/, /\son\w+=/, /type="module"/, /https?:/].filter((pattern) => pattern.test(html)).map(String);
}

function assertOld(read, script, style) {
  assert.deepEqual(faultsOfScript(read(script)), []);
  assert.deepEqual(faultsOfStyle(read(style)), []);
  assert.deepEqual(faultsOfPage(read('index.html')), []);
}

describe('what the checks find', () => {
  it('newer syntax, properties, globals and rules', () => {
    assert.throws(() => faultsOfScript('a?.b'));
    assert.throws(() => faultsOfScript('a ?? b'));
    assert.throws(() => faultsOfScript('class A { x = 1 }'));
    assert.throws(() => faultsOfScript('import("x")'));
    assert.throws(() => faultsOfScript('/a/d'));
    assert.equal(faultsOfScript('a.replaceAll("a", "b"); Promise.any([]); structuredClone(1)').length, 3);
    assert.equal(faultsOfStyle('a{gap:1px}').length, 1);
    assert.equal(faultsOfStyle('a{grid-gap:1px}').length, 0);
    assert.equal(faultsOfStyle('a{inset:0}b:focus-visible{top:0}').length, 2);
  });
});

describe('the page for TVs', () => {
  it('has nothing newer than Chromium 79, nothing inline, nothing from elsewhere', () => {
    assertOld((name) => readFileSync(join(kWeb, 'dist/tv', name), 'utf8'), 'tv.js', 'tv.css');
  });

  it('is small enough for a TV', () => {
    const bytes = ['index.html', 'tv.js', 'tv.css', 'icon.png'].reduce((sum, name) => sum + readFileSync(join(kWeb, 'dist/tv', name)).length, 0);
    assert.ok(bytes < 200_000, `${bytes} bytes`);
  });
});

describe('the webOS package', () => {
  let folder;
  let ipk;

  function pack(name) {
    const out = join(folder, name);
    const done = spawnSync(process.execPath, [join(kWeb, 'webos/package.mjs'), out], { encoding: 'utf8', env: { ...process.env, HOME: folder } });
    assert.equal(done.status, 0, done.stderr);
    const [file] = readdirSync(out);
    assert.equal(file, 'dev.ondol.tv_0.1.0_all.ipk');
    return readFileSync(join(out, file));
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ondol-ipk-'));
    ipk = pack('first');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is the same bytes when it is made again', () => {
    assert.ok(pack('second').equals(ipk));
  });

  it('has the files of the app and nothing else, with what webOS asks of them', () => {
    const members = new Map(readAr(ipk).map(({ name, bytes }) => [name, bytes]));
    assert.deepEqual([...members.keys()], ['debian-binary', 'control.tar.gz', 'data.tar.gz']);
    const data = readTar(gunzipSync(members.get('data.tar.gz')));
    const app = 'usr/palm/applications/dev.ondol.tv/';
    const files = new Map(data.filter((entry) => !entry.isFolder).map((entry) => [entry.name, entry.bytes]));
    assert.deepEqual([...files.keys()], [
      ...['appinfo.json', 'icon.png', 'icon_large.png', 'index.html', 'shell.css', 'shell.js'].map((name) => app + name),
      'usr/palm/packages/dev.ondol.tv/packageinfo.json',
    ]);
    const info = JSON.parse(files.get(`${app}appinfo.json`));
    for (const field of ['id', 'type', 'main', 'title', 'icon', 'version']) assert.equal(typeof info[field], 'string', field);
    assert.match(info.version, /^\d+\.\d+\.\d+$/);
    for (const [field, pixels] of [['icon', 80], ['largeIcon', 130]]) {
      const png = files.get(app + info[field]);
      assert.equal(png.toString('latin1', 1, 4), 'PNG');
      assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [pixels, pixels], field);
    }
    assertOld((name) => files.get(app + name).toString(), 'shell.js', 'shell.css');
    const control = readTar(gunzipSync(members.get('control.tar.gz')))[0].bytes.toString();
    assert.match(control, /^Package: dev\.ondol\.tv$/m);
  });

  it('is refused by its reader when it is broken', () => {
    assert.throws(() => readAr(Buffer.from('no archive')));
    assert.throws(() => readAr(ipk.subarray(0, ipk.length - 100)));
    const tar = Buffer.from(gunzipSync(readAr(ipk)[2].bytes));
    tar[156] = '2'.charCodeAt(0); // a link
    assert.throws(() => readTar(tar));
  });
});
