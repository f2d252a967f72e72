// The page for desktop and phone, in a real browser, with the real server and the real model. What the model says is not
// tested, only that it says something.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { assertGuards, axe, closePage, kShortAnswers, launchBrowser, openPage, screenshot } from './harness/browser.mjs';
import { startServer } from './harness/server.mjs';

const kLongAnswers = { sampling: { temperature: 0, max_completion_tokens: 600 } };
const kInsecureHost = 'living-room.test'; // a name that is not this machine's: no secure context over plain HTTP

let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([
    startServer({ args: ['--host-name', kInsecureHost] }),
    launchBrowser([`--host-resolver-rules=MAP ${kInsecureHost} 127.0.0.1`]),
  ]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function withPage(options, use, url = server.url) {
  const page = await openPage(browser, options);
  await page.goto(url);
  await page.waitForSelector('#message');
  await use(page);
  await closePage(page);
}

const field = (page) => page.locator('#message');
const answers = (page) => page.locator('.answer');
const lastAnswer = (page) => answers(page).last();
const done = (page) => page.waitForSelector('.send-button:not(.is-stop)');

async function ask(page, text) {
  await field(page).fill(text);
  await field(page).press('Enter');
  await done(page);
}

// Answers with this text instead of the model's.
async function scriptAnswer(page, text) {
  const chunk = (delta, finish_reason = null) => `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const pieces = text.match(/[\s\S]{1,12}/g).map((content) => chunk({ content }));
  const body = pieces.join('') + chunk({}, 'stop') + 'data: [DONE]\n\n';
  await page.route('**/v1/chat/completions', (route) => route.fulfill({ contentType: 'text/event-stream', body }));
}

describe('a conversation', () => {
  it('answers after one click, says how fast, and is there after a reload', () =>
    withPage({}, async (page) => {
      await page.locator('.starter').first().click();
      await page.waitForSelector('.figures');
      assert.match(await page.textContent('.figures'), /[\d.]+ tokens\/s · first token [\d,]+ ms · \d+ tokens/);
      const said = await lastAnswer(page).locator('.turn-body').textContent();
      assert.ok(said.trim().length > 10, said);
      await page.waitForSelector('.row-link[aria-current]');
      await page.reload();
      await page.waitForSelector('.answer');
      assert.equal((await lastAnswer(page).locator('.turn-body').textContent()).trim(), said.trim());
      await page.getByRole('button', { name: 'New chat' }).first().click();
      await page.waitForSelector('.starter');
      await page.locator('.row-link').click();
      await page.waitForSelector('.answer');
    }));

  it('stops, follows the text only while the reader is at its end, and regenerates', () =>
    withPage({ settings: kLongAnswers, viewport: { width: 1000, height: 420 } }, async (page) => {
      const scroller = page.locator('.transcript');
      await field(page).fill('Tell me a very long story about a stove.');
      await field(page).press('Enter');
      await page.waitForFunction(() => {
        const { scrollHeight, clientHeight } = document.querySelector('.transcript');
        return scrollHeight - clientHeight > 120;
      });
      const atEnd = () => scroller.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 64);
      assert.ok(await atEnd());
      await scroller.evaluate((e) => (e.scrollTop = 0));
      await page.waitForSelector('.to-end:visible');
      const length = await lastAnswer(page).evaluate((e) => e.textContent.length);
      await page.waitForFunction((n) => document.querySelector('.answer').textContent.length > n + 20, length);
      assert.equal(await scroller.evaluate((e) => e.scrollTop), 0);
      await page.click('.to-end');
      await page.waitForFunction(() => document.querySelector('.to-end').hidden);
      await page.getByRole('button', { name: 'Stop', exact: true }).click();
      await page.waitForSelector('.turn-stopped');
      await page.getByRole('button', { name: 'Another answer' }).click();
      await page.waitForFunction(() => (document.querySelector('.answer .turn-body')?.textContent ?? '').length > 5);
      await field(page).press('Escape');
      await done(page);
      assert.match(await lastAnswer(page).locator('.siblings').textContent(), /2\/2/);
    }));

  it('edits a question beside the old one', () =>
    withPage({}, async (page) => {
      await scriptAnswer(page, 'One.');
      await ask(page, 'Say one');
      const first = await lastAnswer(page).textContent();
      await page.locator('.question').hover();
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByRole('textbox', { name: 'Edit' }).fill('Say two and three');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('.question')?.textContent.includes('two and three'));
      await done(page);
      assert.match(await page.locator('.question .siblings').textContent(), /2\/2/);
      await page.getByRole('button', { name: 'Previous version' }).click();
      assert.equal(await page.locator('.question .turn-body').textContent(), 'Say one');
      assert.equal(await lastAnswer(page).textContent(), first);
    }));

  it('finds, renames, exports and deletes conversations', () =>
    withPage({}, async (page) => {
      await scriptAnswer(page, 'A fox in the snow.');
      await ask(page, 'First question');
      await page.getByRole('button', { name: 'New chat' }).first().click();
      await scriptAnswer(page, 'A bear.');
      await ask(page, 'Second question');
      await page.waitForFunction(() => document.querySelectorAll('.row').length === 2);
      await page.getByRole('searchbox').fill('FOX');
      await page.waitForFunction(() => document.querySelectorAll('.row').length === 1);
      await page.getByRole('searchbox').fill('walrus');
      await page.waitForSelector('.sidebar-empty');
      await page.getByRole('searchbox').fill('');
      await page.waitForFunction(() => document.querySelectorAll('.row').length === 2);
      const options = async (title, item) => {
        await page.getByRole('button', { name: `Options of “${title}”` }).focus();
        await page.keyboard.press('Enter');
        return page.getByRole('menuitem', { name: item }).click();
      };
      for (const [item, ending, part] of [['Export as Markdown', '.md', '## Assistant\n\nA bear.'], ['Export as JSON', '.json', '"text": "A bear."']]) {
        const [file] = await Promise.all([page.waitForEvent('download'), options('Second question', item)]);
        assert.equal(file.suggestedFilename(), `Second question${ending}`);
        assert.ok(readFileSync(await file.path(), 'utf8').includes(part));
      }
      await options('First question', 'Rename');
      await page.getByLabel('New name').fill('Renamed');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.row-link[title="Renamed"]');
      await options('Second question', 'Delete');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.waitForFunction(() => document.querySelectorAll('.row').length === 1);
      await page.waitForSelector('.starter');
    }));

  it('takes text files, and says what it does not take', () =>
    withPage({}, async (page) => {
      const picker = page.locator('.composer input[type=file]');
      await picker.setInputFiles([
        { name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('The stove is red.') },
        { name: 'photo.png', mimeType: 'image/png', buffer: Buffer.from([137, 80, 78, 71, 0, 1]) },
        { name: 'big.txt', mimeType: 'text/plain', buffer: Buffer.alloc(300_000, 97) },
      ]);
      await page.waitForSelector('.chip');
      assert.match(await page.textContent('.composer-notice'), /photo\.png is not a text file.*big\.txt is 300 kB/);
      assert.match(await page.getByRole('button', { name: 'Attach text files' }).getAttribute('title'), /256 kB each, 8 at most/);
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File(['dropped'], 'dropped.txt'));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
        const paste = new DataTransfer();
        paste.setData('text/plain', 'long '.repeat(2000));
        document.querySelector('#message').dispatchEvent(new ClipboardEvent('paste', { clipboardData: paste, bubbles: true, cancelable: true }));
      });
      await page.waitForFunction(() => document.querySelectorAll('.chip').length === 3);
      await page.getByRole('button', { name: 'Remove pasted text.txt' }).click();
      const [request] = await Promise.all([page.waitForRequest('**/v1/chat/completions'), ask(page, 'What colour?')]);
      assert.equal(request.postDataJSON().messages[0].content, 'File: notes.md\n```\nThe stove is red.\n```\n\nFile: dropped.txt\n```\ndropped\n```\n\nWhat colour?');
      await page.locator('.file summary').first().click();
      assert.match(await page.locator('.file pre').first().textContent(), /stove is red/);
    }));
});

describe('what models write', () => {
  const rich = [
    '# Floors', 'Some **bold**, `code` and $\\frac{a}{\\sqrt{b}} \\le \\sum_{i=1}^n x_i^2$.',
    '```python\ndef warm(floor: str) -> str:\n    # slowly\n    return f"{floor} is warm"\n```',
    '| room | °C |\n|---|--:|\n| 안방 | 24 |\n| kitchen | 21 |',
    '$$\\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt\\pi}{2}$$', '1. one\n2. two\n   - inner', '> quoted',
  ].join('\n\n');

  it('shows code in colours, tables and formulas under the CSP', () =>
    withPage({}, async (page) => {
      await scriptAnswer(page, rich);
      await ask(page, 'Show everything');
      await page.waitForSelector('.hljs-keyword');
      await page.waitForSelector('.math-block .katex');
      await page.waitForFunction(() => document.fonts.check('16px KaTeX_Main'));
      // KaTeX's styles are there: a fraction's bar has a place.
      assert.ok(await page.locator('.math-block .frac-line').first().evaluate((e) => e.getBoundingClientRect().width > 5));
      assert.equal(await page.locator('.answer td').first().textContent(), '안방');
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.getByRole('button', { name: 'Copy code' }).click();
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^def warm/);
      assert.deepEqual(await axe(page), []);
      await screenshot(page, 'dom-answer-light');
    }));

  it('shows them in dark colours that can be read', () =>
    withPage({ colorScheme: 'dark' }, async (page) => {
      await scriptAnswer(page, rich);
      await ask(page, 'Show everything');
      await page.waitForSelector('.hljs-keyword');
      assert.deepEqual(await axe(page), []);
      await screenshot(page, 'dom-answer-dark');
    }));

  it('lets nothing hostile through', () =>
    withPage({}, async (page) => {
      await scriptAnswer(page, [
        '<script>window.hacked=1</script><img src="https://evil.test/x.png" onerror="window.hacked=2">',
        '![pixel](https://evil.test/pixel.png) <iframe src="https://evil.test"></iframe>',
        '<svg onload="window.hacked=3"><script>window.hacked=4</script></svg>',
        '[click](javascript:window.hacked=5) <a href="javascript:window.hacked=6">me</a>',
        '<style>body{display:none}</style><div style="position:fixed;inset:0" class="scrim">over</div>',
        '<form action="https://evil.test"><input name="key"></form>',
        '$\\href{javascript:window.hacked=7}{x}$ $\\includegraphics{https://evil.test/y.png}$ $\\htmlStyle{position:fixed}{x}$',
        '```html\n<img src=x onerror="window.hacked=8">\n```', 'end of it',
      ].join('\n\n'));
      await ask(page, 'Be evil');
      await page.waitForSelector('text=end of it');
      await page.waitForTimeout(500);
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      assert.equal(await page.locator('.answer .turn-body').locator('script, img, iframe, svg:not(.icon), style, form, input, [href^="javascript"]').count(), 0);
      assertGuards(page); // no request to another host, no violation that the CSP had to stop
    }));
});

describe('states of the server', () => {
  it('keeps what was said when the server is killed, opens without it, and goes on when it is back', async () => {
    const mortal = await startServer();
    await withPage({ settings: kLongAnswers }, async (page) => {
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
