// The headset from the page as it is built and served, under its Content-Security-Policy, with the real server and the real model:
// in by the page's own menu, a conversation, and back to the page, which has it too.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { closePage, launchBrowser, openPage } from './harness/browser.mjs';
import { startServer } from './harness/server.mjs';
import { click, entered, headset, label } from './xr_device.mjs';

let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(), launchBrowser([], { webgl: true })]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function enterFromPage(page, item) {
  await page.getByRole('button', { name: 'Use in a headset' }).click();
  await page.getByRole('menuitem', { name: item }).click();
  await entered(page);
}

for (const item of ['Enter VR', 'Enter with passthrough']) {
  it(`${item}: a conversation with the real model`, async () => {
    const page = await openPage(browser, { scripts: headset(), viewport: { width: 640, height: 480 } });
    page.setDefaultTimeout(60_000);
    await page.goto(`${server.url}/?readout=hidden`);
    await page.waitForSelector('#message');
    await enterFromPage(page, item);
    await page.evaluate(() => window.body.use('controller'));
    assert.ok(await click(page, 'controller', 'starter1'));
    await page.waitForFunction(() => /tokens\/s/.test(window.ondolHeadset.labels().status));
    assert.equal(await label(page, 'again'), 'Again');
    assert.ok((await page.evaluate(() => window.ondolHeadset.scroll().end)) > 100);
    await click(page, 'controller', 'leave');
    await page.waitForFunction(() => globalThis.ondolHeadset === undefined);
    await page.waitForSelector('.figures'); // the same answer on the page
    await closePage(page);
  });
}
