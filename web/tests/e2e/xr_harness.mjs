// The headset's test page (xr_page/), served by Vite from the sources: the real session and scene over a scripted server.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'vite';
import { launchBrowser, openPage } from './harness/browser.mjs';
import { kWeb } from './harness/server.mjs';
import { entered, headset } from './xr_device.mjs';

let cacheDir;
let vite;
let browser;

export async function start() {
  cacheDir = mkdtempSync(join(tmpdir(), 'ondol-xr-'));
  vite = await createServer({
    root: kWeb, configFile: false, cacheDir, logLevel: 'error',
    optimizeDeps: { include: ['three', 'marked'] },
    server: { port: 0, host: '127.0.0.1', hmr: false, watch: null },
  });
  await vite.listen();
  browser = await launchBrowser(['--enable-precise-memory-info'], { webgl: true });
}

export async function stop() {
  await browser?.close();
  await vite?.close();
  rmSync(cacheDir, { recursive: true, force: true });
}

/**
 * `query`: of the page's address (with a readout, which is how a test sees the scene); `device`: of the emulated headset.
 * Few pixels: the GPU is software, and a frame costs by them. The page's guards are the harness's.
 */
export async function open({ query = 'readout=hidden', device = {}, width = 160, height = 120 } = {}) {
  const page = await openPage(browser, { scripts: headset(device), viewport: { width, height } });
  page.setDefaultTimeout(60_000);
  await page.goto(`${vite.resolvedUrls.local[0]}tests/e2e/xr_page/?${query}`);
  await page.waitForSelector('body[data-ready]');
  return page;
}

export async function enter(page, mode = 'immersive-vr') {
  await page.click(`#${mode}`);
  await page.waitForFunction((wanted) => window.entered === wanted, mode);
  await entered(page);
}

/** Asks by the session, waits until the question stands on the panel, and gives the answer's words. */
export async function converse(page, words, { finish = true } = {}) {
  await page.evaluate(async ([words, finish]) => {
    const asked = window.asked.length;
    void window.chat.send('How does an ondol warm a room?');
    while (window.asked.length === asked) await window.body.frames(1);
    for (const word of words) {
      window.feed(word);
      await window.body.frames(1);
    }
    if (!finish) return;
    window.finish();
    while (window.chat.busy || window.chat.phase !== 'idle') await window.body.frames(1);
    await window.body.frames(3);
  }, [words, finish]);
}
