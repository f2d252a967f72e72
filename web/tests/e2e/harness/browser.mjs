// Debian's Chromium for tests of the shells, with the guards that every page is under: no violation of the CSP, no error
// of a script, no request to another host.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { kRoot } from './server.mjs';

const require = createRequire(import.meta.url);
const kFlags = [
  '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
];
const kGraphics = ['--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
const kPictures = join(kRoot, 'build/screenshots');

// WebGL is computed by the processor here: only for pages that draw with it.
export function launchBrowser(flags = [], { webgl = false } = {}) {
  const args = [...kFlags, ...(webgl ? kGraphics : ['--disable-gpu']), ...flags];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args });
}

// Answers of a few tokens, always the same ones.
export const kShortAnswers = { sampling: { temperature: 0, max_completion_tokens: 40 } };

// A page of its own profile. `options` are Playwright's for a context; `settings` are the page's at its first start;
// `scripts` run before the page's own.
export async function openPage(browser, { scripts = [], settings = kShortAnswers, ...options } = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    serviceWorkers: 'block', // each would fetch all files of the page; a test of it says 'allow'
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000); // a busy machine is slow, not wrong
  const guards = { violations: [], errors: [], strangers: [] };
  await page.exposeFunction('reportViolation', (text) => guards.violations.push(text));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      window.reportViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  });
  await page.addInitScript((first) => {
    if (!localStorage.getItem('ondol.settings')) localStorage.setItem('ondol.settings', JSON.stringify(first));
  }, settings);
  for (const script of scripts) await page.addInitScript(script);
  page.on('pageerror', (error) => guards.errors.push(error.stack ?? String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.hostname !== '127.0.0.1' && url.hostname !== 'localhost') guards.strangers.push(url.href);
  });
  page.guards = guards;
  return page;
}

export async function closePage(page) {
  await page.context().close();
  assertGuards(page);
}

export function assertGuards(page) {
  assert.deepEqual(page.guards, { violations: [], errors: [], strangers: [] });
}

// Violations of axe's rules, best practices included, as lines for people.
export async function axe(page) {
  if (!(await page.evaluate(() => 'axe' in window))) {
    await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  }
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.map((one) => `${one.id}: ${one.help}\n` + one.nodes.map((node) => `  ${node.html}\n    ${node.failureSummary}`).join('\n'));
}

export async function screenshot(page, name) {
  mkdirSync(kPictures, { recursive: true });
  await page.screenshot({ path: join(kPictures, `${name}.png`), animations: 'disabled' });
}
