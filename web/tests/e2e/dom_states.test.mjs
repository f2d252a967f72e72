// The page for desktop and phone when the server is away or locked, by keyboard, in Korean, on a phone, and to axe.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask, done, field, kInsecureHost, kLongAnswers, lastAnswer, scriptAnswer, server, useServerAndBrowser, withPage } from './dom_page.mjs';
import { axe, kShortAnswers, screenshot } from './harness/browser.mjs';
import { startServer } from './harness/server.mjs';

useServerAndBrowser();

describe('states of the server', () => {
  it('keeps what was said when the server is killed, opens without it, and goes on when it is back', async () => {
    const mortal = await startServer();
    await withPage({ settings: kLongAnswers, serviceWorkers: 'allow' }, async (page) => {
      await page.waitForFunction(() => navigator.serviceWorker.ready.then(() => true));
      await field(page).fill('Tell me a very long story.');
      await field(page).press('Enter');
      await page.waitForFunction(() => (document.querySelector('.answer .turn-body')?.textContent ?? '').length > 40);
      await mortal.kill();
      await page.waitForSelector('.turn-error');
      assert.match(await page.textContent('.turn-error'), /cannot be reached/);
      await page.waitForSelector('.banner.is-away');
      const said = await lastAnswer(page).locator('.turn-body').textContent();
      assert.deepEqual(await axe(page), []);
      await screenshot(page, 'dom-away');
      await page.reload(); // from the service worker
      await page.waitForSelector('.banner.is-away');
      assert.equal((await lastAnswer(page).locator('.turn-body').textContent()).trim(), said.trim());
      await page.getByRole('button', { name: 'Try now' }).click();
      assert.ok(await page.isVisible('.banner.is-away'));
      await mortal.start();
      await page.waitForSelector('.banner', { state: 'hidden' });
      await page.evaluate((settings) => localStorage.setItem('ondol.settings', JSON.stringify(settings)), kShortAnswers);
      await page.reload();
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.waitForSelector('.figures');
      assert.match(await lastAnswer(page).locator('.siblings').textContent(), /2\/2/);
    }, mortal.url);
    await mortal.stop();
  });

  it('asks for a key where one is needed', async () => {
    const locked = await startServer({ env: { ONDOL_API_KEY: 'a-key-for-tests' } });
    await withPage({}, async (page) => {
      await page.waitForSelector('.banner.is-locked');
      assert.deepEqual(await axe(page), []);
      await screenshot(page, 'dom-locked');
      await page.getByLabel('API key').fill('wrong');
      await page.getByRole('button', { name: 'Unlock' }).click();
      await page.waitForTimeout(300);
      assert.ok(await page.isVisible('.banner.is-locked'));
      await page.getByLabel('API key').fill('a-key-for-tests');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.banner', { state: 'hidden' });
      await ask(page, 'Hello');
      await page.waitForSelector('.figures');
    }, locked.url);
    await locked.stop();
  });

  it('keeps conversations the same on all devices of a key', async () => {
    const shared = await startServer({ env: { ONDOL_API_KEY: 'a-key-for-tests' } });
    const settings = { ...kShortAnswers, key: 'a-key-for-tests' };
    const rows = (page, n) => page.waitForFunction((count) => document.querySelectorAll('.row').length === count, n);
    const comesBack = (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // as after a look at another tab
    await withPage({ settings }, (desk) =>
      withPage({ settings }, async (phone) => {
        await scriptAnswer(desk, 'Said on the desk.');
        const kept = desk.waitForResponse((response) => response.request().method() === 'PUT' && response.ok());
        await ask(desk, 'First');
        await kept;
        await comesBack(phone);
        await rows(phone, 1);
        await phone.locator('.row-link').click();
        await phone.waitForSelector('text=Said on the desk.');
        await scriptAnswer(phone, 'Said on the phone.');
        const put = phone.waitForResponse((response) => response.request().method() === 'PUT' && response.ok());
        await ask(phone, 'Second');
        await put;
        await comesBack(desk);
        await desk.waitForSelector('text=Said on the phone.');
        await phone.getByRole('button', { name: 'Settings' }).click();
        await phone.waitForSelector('text=Conversations are kept in this browser and on the server.');
        await phone.keyboard.press('Escape');
        await phone.getByRole('button', { name: 'Options of “First”' }).focus();
        await phone.keyboard.press('Enter');
        await phone.getByRole('menuitem', { name: 'Delete' }).click();
        const deleted = phone.waitForResponse((response) => response.request().method() === 'DELETE' && response.ok());
        await phone.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
        await deleted;
        await rows(phone, 0);
        await comesBack(desk);
        await rows(desk, 0);
      }, shared.url), shared.url);
    await shared.stop();
  });

  it('says over plain HTTP how to get a secure connection', () =>
    withPage({}, async (page) => {
      assert.equal(await page.evaluate(() => isSecureContext), false);
      await scriptAnswer(page, 'Still an answer.');
      await ask(page, 'Hello');
      await page.getByRole('button', { name: 'Use in a headset' }).click();
      await page.waitForSelector('.qr');
      assert.match(await page.getByRole('dialog').textContent(), /ondol certs/);
      assert.match(await page.textContent('.address'), /^https:\/\/living-room\.test:\d+\/$/);
      assert.deepEqual(await axe(page), []);
      await screenshot(page, 'dom-insecure');
      page.guards.strangers.splice(0); // the page's own address
    }, server.url.replace('127.0.0.1', kInsecureHost)));
});

describe('everybody', () => {
  it('works by keyboard alone', () =>
    withPage({}, async (page) => {
      const keys = async (...all) => {
        for (const key of all) await page.keyboard.press(key);
      };
      const focused = () => page.evaluate(() => document.activeElement?.className ?? '');
      assert.equal(await focused(), 'composer-field');
      await scriptAnswer(page, 'One and two.');
      await page.keyboard.type('Say one');
      await keys('Shift+Enter');
      await page.keyboard.type('and two');
      await keys('Enter');
      await done(page);
      assert.equal(await page.locator('.question .turn-body').textContent(), 'Say one\nand two');
      await keys('Alt+ArrowUp');
      assert.match(await focused(), /answer/);
      await keys('r');
      await page.waitForSelector('.answer .siblings');
      await done(page);
      await keys('Alt+ArrowUp');
      assert.match(await focused(), /turn/);
      await page.locator('.answer').focus();
      await keys('ArrowLeft');
      assert.match(await page.textContent('.answer .siblings'), /1\/2/);
      await page.locator('.question').focus();
      await keys('e', 'End');
      await page.keyboard.type('!');
      await keys('Escape');
      assert.match(await focused(), /question/);
      await keys('?');
      await page.waitForSelector('dialog.shortcuts');
      await keys('Escape');
      await page.waitForSelector('dialog', { state: 'detached' });
      await keys('/');
      assert.equal(await focused(), 'composer-field');
      await keys('Control+Shift+M');
      await page.waitForSelector('[role=menuitemradio]:focus');
      assert.match(await page.textContent('.menu'), /2,048 tokens of context/);
      assert.match(await page.textContent('.menu'), /MB of memory/);
      await keys('Enter', 'Control+,');
      await page.waitForSelector('dialog.settings');
      await keys('Escape', 'Control+k');
      await page.waitForSelector('.search:focus');
      await keys('Tab', 'Enter');
      await page.waitForSelector('.composer-field:focus');
      await keys('Control+Shift+O');
      await page.waitForSelector('.starter');
    }));

  it('reaches every control of the page by Tab, with a visible focus', () =>
    withPage({}, async (page) => {
      await scriptAnswer(page, 'Text.\n\n```js\n1\n```');
      await ask(page, 'Hi');
      await page.locator('.skip').focus();
      const reached = new Set();
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab');
        const state = await page.evaluate(() => {
          const e = document.activeElement;
          if (!e || e === document.body) return undefined;
          const box = (e.closest('.composer:focus-within') ?? e).getBoundingClientRect();
          const outlined = getComputedStyle(e).outlineStyle !== 'none' || e.closest('.composer') !== null;
          return { name: e.getAttribute('aria-label') || e.textContent || e.id, visible: outlined && box.width > 0 && getComputedStyle(e).opacity !== '0' };
        });
        if (!state) break;
        assert.ok(state.visible, `no visible focus on ${state.name}`);
        reached.add(state.name);
      }
      for (const name of ['New chat', 'Search conversations', 'Use in a headset', 'Settings', 'Edit', 'Copy', 'Copy code', 'Another answer', 'Message', 'Attach text files']) {
        assert.ok(reached.has(name), `${name} is not reached; reached: ${[...reached].join(', ')}`);
      }
    }));

  it('speaks Korean, and changes language without losing what is being written', () =>
    withPage({ locale: 'ko-KR' }, async (page) => {
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'ko');
      assert.equal(await page.textContent('h1:visible'), '무엇부터 이야기해 볼까요?');
      await field(page).fill('쓰다 만 글');
      await page.getByRole('button', { name: '설정' }).click();
      assert.deepEqual(await axe(page), []);
      await page.getByRole('radio', { name: 'English' }).check();
      await page.getByRole('heading', { name: 'Settings' }).waitFor();
      await page.getByRole('radio', { name: 'Dark' }).check();
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
      await page.keyboard.press('Escape');
      assert.equal(await field(page).inputValue(), '쓰다 만 글');
      await page.reload();
      await page.waitForSelector('text=What shall we warm up to?');
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    }));

  it('takes speech where the server can write it down', () =>
    withPage({
      prepare: async (page) => {
        await page.route('**/openapi.json', (route) => route.fulfill({ json: { paths: { '/v1/audio/transcriptions': {} } } }));
        await page.route('**/v1/audio/transcriptions', (route) => route.fulfill({ json: { text: 'said aloud' } }));
      },
    }, async (page) => {
      await page.getByRole('button', { name: 'Speak' }).click();
      await page.waitForSelector('.recording');
      await page.waitForTimeout(1500);
      const [request] = await Promise.all([
        page.waitForRequest('**/v1/audio/transcriptions'),
        page.getByRole('button', { name: 'Stop and write down what was said' }).click(),
      ]);
      await page.waitForFunction(() => document.querySelector('#message').value === 'said aloud');
      const sent = request.postDataBuffer();
      const wav = sent.indexOf('WAVEfmt ');
      assert.ok(wav > 0, 'a WAV file');
      assert.equal(sent.readUInt32LE(wav + 16), 16000); // samples a second
      const size = sent.readUInt32LE(wav + 32);
      const seconds = size / 32000;
      assert.ok(seconds > 0.1 && seconds < 60, `${seconds} s`);
      assert.ok(sent.subarray(wav + 36, wav + 36 + size).some((byte) => byte !== 0), 'not silence'); // a beep each second
    }));

  it('keeps settings in bounds and sends them', () =>
    withPage({}, async (page) => {
      await scriptAnswer(page, 'Yes.');
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByLabel('Temperature').fill('3');
      await page.keyboard.press('Tab');
      assert.equal(await page.getByLabel('Temperature').evaluate((e) => e.validity.valid), false);
      await page.getByLabel('Temperature').fill('0.3');
      await page.getByLabel('System prompt').fill('Answer in one word.');
      await page.keyboard.press('Tab');
      await page.getByRole('button', { name: 'Close' }).click();
      const [request] = await Promise.all([page.waitForRequest('**/v1/chat/completions'), ask(page, 'Hi')]);
      const body = request.postDataJSON();
      assert.deepEqual([body.temperature, body.max_completion_tokens], [0.3, 40]);
      assert.deepEqual(body.messages[0], { role: 'system', content: 'Answer in one word.' });
    }));

  it('fits a phone', () =>
    withPage({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, locale: 'ko-KR' }, async (page) => {
      assert.deepEqual(await axe(page), []);
      await screenshot(page, 'dom-phone-empty');
      await scriptAnswer(page, '긴 표입니다.\n\n| a | b | c | d | e | f |\n|-|-|-|-|-|-|\n| 하나하나하나 | 둘둘둘둘 | 셋셋셋셋 | 넷넷넷넷 | 다섯다섯 | 여섯여섯 |\n\n```\n' + 'x'.repeat(200) + '\n```');
      await page.locator('.starter').first().tap();
      await page.waitForSelector('.answer table');
      await done(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth + (document.querySelector('.transcript').scrollWidth - document.querySelector('.transcript').clientWidth));
      assert.equal(overflow, 0);
      const small = await page.evaluate(() => Array.from(document.querySelectorAll('button')).filter((e) => e.offsetWidth > 0 && !e.closest('.code-head') && !e.closest('.sidebar') && (e.offsetHeight < 40 || e.offsetWidth < 32)).map((e) => e.outerHTML));
      assert.deepEqual(small, []);
      await screenshot(page, 'dom-phone-answer');
      await page.getByRole('button', { name: '대화 목록 보기' }).tap();
      await page.waitForSelector('.drawer-open .row-link');
      await page.waitForTimeout(250);
      assert.deepEqual(await axe(page), []);
      await screenshot(page, 'dom-phone-drawer');
      await page.keyboard.press('Escape');
      await page.waitForSelector('.layout:not(.drawer-open)');
    }));

  for (const colorScheme of ['light', 'dark']) {
    it(`has nothing that axe minds, ${colorScheme}`, () =>
      withPage({ colorScheme }, async (page) => {
        assert.deepEqual(await axe(page), []);
        await screenshot(page, `dom-empty-${colorScheme}`);
        await page.getByRole('button', { name: 'Settings' }).click();
        await screenshot(page, `dom-settings-${colorScheme}`);
        await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
        await page.waitForSelector('dialog.shortcuts');
        assert.deepEqual(await axe(page), []);
        await screenshot(page, `dom-shortcuts-${colorScheme}`);
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: /^Model/ }).click();
        assert.deepEqual(await axe(page), []);
        await screenshot(page, `dom-models-${colorScheme}`);
      }));
  }

  it('can be installed', () =>
    withPage({}, async (page) => {
      const manifest = await page.evaluate(async () => (await fetch('/manifest.webmanifest')).json());
      assert.equal(manifest.display, 'standalone');
      for (const { src, sizes, type } of manifest.icons) {
        const size = await page.evaluate(async ([url, kind]) => {
          const blob = await (await fetch(url)).blob();
          if (kind !== 'image/png') return 'any';
          const image = await createImageBitmap(blob);
          return `${image.width}x${image.height}`;
        }, [src, type]);
        assert.equal(size, sizes, src);
      }
    }));
});
