// What the tests of the page for desktop and phone share: a browser, a server, and how people use the page.

import { after, before } from 'node:test';
import { closePage, launchBrowser, openPage } from './harness/browser.mjs';
import { startServer } from './harness/server.mjs';

export const kLongAnswers = { sampling: { temperature: 0, max_completion_tokens: 600 } };
export const kInsecureHost = 'living-room.test'; // a name that is not this machine's: no secure context over plain HTTP
const kBrowserFlags = [
  `--host-resolver-rules=MAP ${kInsecureHost} 127.0.0.1`,
  '--use-fake-device-for-media-stream', // a microphone that beeps
  '--use-fake-ui-for-media-stream',
];

export let server;
let browser;

// Called by each file of tests: one server and one browser for all of them.
export function useServerAndBrowser() {
  before(async () => {
    [server, browser] = await Promise.all([
      startServer({ args: ['--host-name', kInsecureHost] }),
      launchBrowser(kBrowserFlags),
    ]);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
}

export async function withPage(options, use, url = server.url) {
  const { prepare, ...rest } = options;
  const page = await openPage(browser, rest);
  await prepare?.(page);
  await page.goto(url);
  await page.waitForSelector('#message');
  await use(page);
  await closePage(page);
}

export const field = (page) => page.locator('#message');
export const lastAnswer = (page) => page.locator('.answer').last();
export const done = (page) => page.waitForSelector('.send-button:not(.is-stop)');

export async function ask(page, text) {
  await field(page).fill(text);
  await field(page).press('Enter');
  await done(page);
}

// Answers with this text instead of the model's.
export async function scriptAnswer(page, text) {
  const chunk = (delta, finish_reason = null) => `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const pieces = text.match(/[\s\S]{1,12}/g).map((content) => chunk({ content }));
  const body = pieces.join('') + chunk({}, 'stop') + 'data: [DONE]\n\n';
  await page.route('**/v1/chat/completions', (route) => route.fulfill({ contentType: 'text/event-stream', body }));
}
