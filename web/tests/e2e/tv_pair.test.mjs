// A server with a key: the TV shows a code, a phone types it, the TV goes on. With the real server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, closePage, launchBrowser, openPage, screenshot } from './harness/browser.mjs';
import { startServer } from './harness/server.mjs';
import { openTelevision } from './tv_remote.mjs';

const kKey = 'a-long-enough-secret-key';

let server;
let browser;

before(async () => {
  server = await startServer({ env: { ONDOL_API_KEY: kKey } });
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function openPhone(settings, hash) {
  const page = await openPage(browser, { viewport: { width: 390, height: 844 }, settings });
  await page.goto(`${server.url}/${hash}`);
  await page.waitForSelector('#pair-code');
  return page;
}

const say = (page) => page.locator('.pair-root [role=status]');

test('a code from the TV, typed on the phone, lets the TV in; the phone can shut it out again', async () => {
  const { page, remote } = await openTelevision(browser, `${server.url}/tv/`);
  await remote.screen('pair');
  await page.waitForSelector('.code');
  const code = await page.textContent('.code');
  assert.match(code, /^[A-Z0-9]{6}$/);
  await remote.walk();
  await remote.measure();
  assert.deepEqual(await axe(page), []);
  await screenshot(page, 'tv-pair');

  const phone = await openPhone({ key: kKey }, '#pair');
  assert.deepEqual(await axe(phone), []);
  await phone.fill('#pair-code', 'XXX');
  await phone.keyboard.press('Enter');
  await say(phone).filter({ hasText: 'six letters' }).waitFor();
  await phone.fill('#pair-code', code === 'AAAAAA' ? 'CCCCCC' : 'AAAAAA');
  await phone.keyboard.press('Enter');
  await say(phone).filter({ hasText: 'No TV shows this code' }).waitFor();
  await phone.fill('#pair-code', `${code.slice(0, 3)} ${code.slice(3).toLowerCase()}`);
  await screenshot(phone, 'phone-pair');
  await phone.keyboard.press('Enter');
  await say(phone).filter({ hasText: 'Connected' }).waitFor();

  await remote.screen('chat');
  await remote.choose('Explain why the sky is blue.');
  await page.waitForFunction(() => document.querySelector('.answer .text')?.textContent.length > 20);
  const key = await page.evaluate(() => JSON.parse(localStorage.getItem('ondol.settings')).key);
  assert.notEqual(key, '');
  assert.notEqual(key, kKey, 'the TV has a key of its own');
  await remote.press('stop');

  await phone.getByRole('button', { name: 'Shut out' }).click();
  await phone.waitForFunction(() => document.querySelectorAll('.devices li').length === 0);
  await page.reload();
  await remote.screen('pair');
  await closePage(phone);
  await closePage(page);
});

test('the QR code brings the code along, and a phone without a key is told so', async () => {
  const phone = await openPhone({}, '?code=ACD347#pair');
  assert.equal(await phone.inputValue('#pair-code'), 'ACD347');
  await phone.locator('.pair-root form button[type=submit]').click();
  await say(phone).filter({ hasText: 'wants a key first' }).waitFor();
  await closePage(phone);
});

test('the TV asks for another code when its own is known no more, or when the server has none to give', async () => {
  let refused = false;
  const prepare = async (page) => {
    await page.route('**/v1/ondol/pairings', (route) =>
      refused ? route.fulfill({ status: 429, headers: { 'retry-after': '60' }, json: { error: { message: 'too many' } } }) : route.continue());
    await page.route('**/v1/ondol/pairings/*', (route) => route.fulfill({ status: 404, json: { error: { message: 'gone' } } }));
  };
  const { page, remote } = await openTelevision(browser, `${server.url}/tv/`, { prepare });
  await remote.screen('pair');
  const says = (text) => page.locator('.pair [role=status]').filter({ hasText: text }).waitFor();
  await says('The code has run out');
  await remote.walk();
  await remote.choose('New code');
  await page.waitForSelector('.code');
  refused = true;
  await remote.press('enter');
  await says('No code could be had');
  await screenshot(page, 'tv-pair-failed');
  await closePage(page);
});
