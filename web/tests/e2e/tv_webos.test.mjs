// The page inside the webOS package, from file:// as on the TV: finds the server, goes there, comes back.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { readAr, readTar } from '../../webos/ipk.mjs';
import { axe, closePage, launchBrowser, screenshot } from './harness/browser.mjs';
import { kWeb, startServer } from './harness/server.mjs';
import { openTelevision } from './tv_remote.mjs';

let server;
let browser;
let folder;
let shell;

// The app as webOS unpacks it.
function unpack() {
  const out = join(folder, 'out');
  const done = spawnSync(process.execPath, [join(kWeb, 'webos/package.mjs'), out], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  const data = readAr(readFileSync(join(out, readdirSync(out)[0]))).find(({ name }) => name === 'data.tar.gz');
  for (const { name, isFolder, bytes } of readTar(gunzipSync(data.bytes))) {
    if (isFolder) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return pathToFileURL(join(folder, 'usr/palm/applications/dev.ondol.tv/index.html')).href;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ondol-webos-'));
  shell = unpack();
  server = await startServer();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const says = (page, text) => page.locator('p[role=status]').filter({ hasText: text }).waitFor();
const typed = (url) => Array.from(url.replace('http://', ''));

test('asks for the address by number pad, goes to the server, remembers it, and comes back to choose another', async () => {
  const { page, remote } = await openTelevision(browser, shell);
  await remote.screen('ask');
  await remote.walk();
  await remote.measure();
  assert.deepEqual(await axe(page), []);
  await screenshot(page, 'tv-webos-address');

  await remote.choose('Connect');
  await says(page, 'no whole address');
  await remote.write(typed(server.url));
  assert.equal(await page.textContent('.line'), typed(server.url).join(''));
  await remote.choose('Connect');
  await page.waitForURL(`${server.url}/tv/**`);
  await remote.screen('chat');

  await remote.choose('Settings');
  await remote.choose('Use another server');
  await page.waitForURL('file://**');
  await remote.screen('ask');
  await remote.walk();
  await remote.choose(`Last: ${server.url.replace('http://', '')}`);
  await page.waitForURL(`${server.url}/tv/**`);
  await closePage(page);
});

test('goes to the last server by itself, and asks when it is away', async () => {
  const { page, remote } = await openTelevision(browser, shell);
  await page.evaluate((url) => localStorage.setItem('ondol.server', url), server.url);
  await page.reload();
  await page.waitForURL(`${server.url}/tv/**`);
  await server.kill();
  try {
    await page.goto(shell);
    await remote.screen('ask');
    await says(page, 'Nothing answers at');
    await remote.walk();
    await screenshot(page, 'tv-webos-away');
  } finally {
    await server.start();
  }
  await closePage(page);
});

test('tells a web server that is no ondol', async () => {
  const other = http.createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { page, remote } = await openTelevision(browser, shell);
  await remote.screen('ask');
  await remote.write(typed(`127.0.0.1:${other.address().port}`));
  await remote.choose('Connect');
  await says(page, 'no ondol');
  await closePage(page);
  other.close();
});

test('searches the network only when asked, finds the server there, and Back stops the search', async () => {
  // webOS tells the address; the requests of the search go to the test's server, or nowhere.
  const bridge = `window.PalmServiceBridge = class { call() {
    this.onservicecallback('{"wired": {"state": "connected", "ipAddress": "127.0.0.9"}}'); } };`;
  const tried = new Set();
  const answer = async (route) => {
    const { hostname, pathname } = new URL(route.request().url());
    tried.add(hostname);
    if (hostname !== '127.0.0.77') return route.abort();
    const response = await fetch(server.url + pathname);
    return route.fulfill({ status: response.status, headers: { 'content-type': response.headers.get('content-type') }, body: Buffer.from(await response.arrayBuffer()) });
  };
  const { page, remote } = await openTelevision(browser, shell, {
    scripts: [{ content: bridge }],
    prepare: (page) => page.route('http://127.0.0.*:11435/**', answer),
  });
  await remote.screen('ask');
  assert.equal(tried.size, 0);
  await remote.choose('Search this network');
  await says(page, 'Found: 1');
  assert.equal(tried.size, 253);
  await remote.walk();
  await remote.goTo('127.0.0.77:11435');
  await screenshot(page, 'tv-webos-search');

  await page.unroute('http://127.0.0.*:11435/**');
  await page.route('http://127.0.0.*:11435/**', () => undefined); // hangs, as an address without a machine does
  await remote.choose('Search this network');
  await says(page, 'Searching');
  await remote.press('back');
  await page.waitForFunction(() => !document.body.textContent.includes('Searching'));
  await page.context().close();
});

test('speaks Korean on a Korean TV', async () => {
  const korean = `Object.defineProperty(navigator, 'language', { get: () => 'ko-KR' })`;
  const { page, remote } = await openTelevision(browser, shell, { scripts: [{ content: korean }] });
  await remote.screen('ask');
  assert.equal(await page.textContent('h1'), 'ondol이 어디에 있나요?');
  await remote.walk();
  await remote.measure();
  await closePage(page);
});
