// The page for desktop and phone, in a real browser, with the real server and the real model: conversations, and what models
// write. What the model says is not tested, only that it says something.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ask, done, field, kLongAnswers, lastAnswer, scriptAnswer, useServerAndBrowser, withPage } from './dom_page.mjs';
import { assertGuards, axe, screenshot } from './harness/browser.mjs';

useServerAndBrowser();

describe('a conversation', () => {
  it('answers after one click, says how fast, and is there after a reload', () =>
    withPage({}, async (page) => {
      await page.locator('.starter').first().click();
      await page.waitForSelector('.figures');
      assert.match(await page.textContent('.figures'), /[\d.]+ tokens\/s · first token [\d,]+ ms · \d+ tokens/);
      const said = await lastAnswer(page).locator('.turn-body').textContent();
      assert.ok(said.trim().length > 10, said);
      assert.match(await lastAnswer(page).textContent(), /Cut off here/); // forty tokens are the longest answer of these tests
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
