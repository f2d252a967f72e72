// The TV with the real server and the real model, by remote alone, in a browser as poor as webOS 6's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertGuards, axe, closePage, launchBrowser, screenshot } from './harness/browser.mjs';
import { startServer } from './harness/server.mjs';
import { openTelevision } from './tv_remote.mjs';

const kShort = { sampling: { temperature: 0, max_completion_tokens: 24 } };
const kLong = { sampling: { temperature: 0, max_completion_tokens: 220 } };

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function open(settings = kShort) {
  const television = await openTelevision(browser, `${server.url}/tv/`, { settings });
  await television.remote.screen('chat');
  return television;
}

async function answered(page) {
  await page.waitForSelector('.answer .footnote');
  await page.waitForFunction(() => !document.querySelector('.icon-stop') && document.activeElement !== document.body);
}

// The list has been read and its first card has the focus.
function onCard(page) {
  return page.waitForFunction(() => document.activeElement.className === 'card');
}

// Conversations as they would be after a week, in the TV's own store.
async function fillStore(page, count, repeat = 1) {
  await page.evaluate(async ([count, repeat]) => {
    const open = indexedDB.open('ondol', 1);
    const database = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
    const objects = database.transaction('conversations', 'readwrite').objectStore('conversations');
    for (let i = 0; i < count; i++) {
      const messages = {
        q: { id: 'q', parent: null, role: 'user', text: `Question ${i}`, createdAt: 1 },
        a: { id: 'a', parent: 'q', role: 'assistant', text: `Answer ${i}.\n\n`.repeat(repeat), createdAt: 2 },
      };
      objects.put({ id: `c${i}`, title: `Chat ${i} about a subject with a long name that does not fit on a card`, createdAt: i, updatedAt: 1e12 + i * 864e5, messages, leaf: 'a' });
    }
    await new Promise((resolve) => (objects.transaction.oncomplete = resolve));
    database.close();
  }, [count, repeat]);
}

test('a conversation by key presses alone: starter, stop, another answer, written question, new chat, past chat', async () => {
  const { page, remote } = await open(kLong);
  assert.equal(await remote.focused(), 'Ask');
  await screenshot(page, 'tv-welcome');

  await remote.choose('Explain why the sky is blue.');
  await page.waitForFunction(() => document.querySelector('.answer .text:not(:empty)') && document.activeElement.textContent === 'Stop');
  await remote.press('enter');
  await page.waitForFunction(() => document.querySelector('.footnote')?.textContent.includes('Stopped'));
  assert.equal(await remote.focused(), 'Ask');

  await remote.choose('Answer again');
  await page.waitForFunction(() => document.activeElement.textContent === 'Stop');
  await remote.press('stop');
  await page.waitForFunction(() => document.activeElement.textContent === 'Ask');

  await remote.press('enter');
  await remote.screen('compose');
  await remote.write(['h', 'i', 'space', '한', 'ㅇ', 'ㅗ', 'ㄴ', 'ㄷ', 'ㅗ', 'ㄹ', '123', '1', '2', 'delete', '!']);
  assert.equal(await page.textContent('.line'), 'hi 온돌1!');
  await screenshot(page, 'tv-writing');
  await remote.choose('Send');
  await remote.screen('chat');
  await page.waitForFunction(() => [...document.querySelectorAll('.question')].pop().textContent === 'hi 온돌1!');
  await page.waitForFunction(() => document.querySelectorAll('.answer .text')[1]?.textContent.length > 10);
  await screenshot(page, 'tv-streaming');
  await remote.press('stop');
  await page.waitForFunction(() => document.activeElement.textContent === 'Ask');

  await remote.choose('New chat');
  await page.waitForSelector('.welcome');
  await remote.choose('Past chats');
  await remote.screen('past');
  await onCard(page);
  assert.match(await remote.focused(), /^Explain why/);
  await remote.press('enter');
  await remote.screen('chat');
  await page.waitForSelector('.question');
  assert.equal(await page.locator('.question').count(), 2);
  await closePage(page);
});

test('an answer is followed to its end, and can be read again by the arrows', async () => {
  const { page, remote } = await open();
  await fillStore(page, 1, 60);
  await remote.choose('Past chats');
  await remote.screen('past');
  await onCard(page);
  await remote.press('enter');
  await page.waitForSelector('.answer');
  await remote.choose('Ask');
  await remote.write(['h', 'i', 'Send']);
  await page.waitForFunction(() => document.querySelectorAll('.answer').length > 1 && document.activeElement.textContent === 'Ask');
  const at = () => page.evaluate(() => {
    const region = document.querySelector('.transcript');
    return { top: region.scrollTop, rest: region.scrollHeight - region.clientHeight - region.scrollTop };
  });
  assert.ok((await at()).rest < 2);
  await remote.press('up');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'transcript');
  const { top } = await at();
  assert.ok(top > 0, 'the answer is longer than the screen');
  await remote.press('up');
  assert.ok((await at()).top < top);
  await remote.press('right');
  assert.notEqual(await page.evaluate(() => document.activeElement.className), 'transcript');
  for (let i = 0; i < 12; i++) await remote.press('page up');
  assert.equal((await at()).top, 0);
  await closePage(page);
});

test('every control of every screen within 8 presses, text, safe area, axe', async (t) => {
  const { page, remote } = await open();
  await fillStore(page, 14);
  const check = async (name) => {
    await t.test(name, async () => {
      const { controls, farthest } = await remote.walk();
      await remote.measure();
      assert.deepEqual(await axe(page), []);
      t.diagnostic(`${name}: ${controls} controls, ${farthest} presses at most`);
      await screenshot(page, `tv-${name.replace(/ /g, '-')}`);
    });
  };

  await check('welcome');
  await remote.choose('Settings');
  await remote.screen('settings');
  await check('settings');
  await remote.choose('Colours');
  await check('settings in light colours');
  await remote.choose('Colours');
  await remote.choose('Language');
  await check('settings in Korean');
  await remote.press('back');
  await check('welcome in Korean');
  await remote.choose('질문하기');
  await remote.screen('compose');
  await check('writing Hangul');
  await remote.choose('쌍자음');
  await check('writing Hangul capitals');
  await remote.press('back');
  await remote.choose('설정');
  await remote.choose('언어');
  await remote.press('back');

  await remote.choose('Ask');
  await remote.screen('compose');
  await check('writing Latin');
  await remote.choose('123');
  await check('writing symbols');
  await remote.press('back');

  await remote.choose('Past chats');
  await remote.screen('past');
  await check('past chats');
  await remote.choose('Next page');
  await check('second page of past chats');
  await remote.choose('Remove a chat');
  await check('removing chats');
  await remote.press('up', 'enter');
  await remote.screen('confirm');
  await check('removing one chat');
  const [removed] = (await page.textContent('h1')).match(/Chat \d+/);
  await remote.choose('Remove');
  await remote.screen('past');
  await page.waitForFunction((removed) => !document.querySelector('.cards').textContent.includes(removed), `${removed} `);
  assert.equal(await page.evaluate(async () => {
    const open = indexedDB.open('ondol', 1);
    const database = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
    const count = database.transaction('conversations').objectStore('conversations').count();
    return new Promise((resolve) => (count.onsuccess = () => resolve(count.result)));
  }), 13);
  await remote.press('back');

  await remote.choose('Model');
  await remote.screen('model');
  await page.waitForSelector('.card');
  await check('models');
  await remote.press('enter');
  await remote.screen('chat');

  await remote.choose('Explain why the sky is blue.');
  await answered(page);
  await check('conversation');
  await remote.press('back');
  await check('leaving');
  await remote.choose('Leave');
  await check('left');
  await closePage(page);
});

test('Back closes each screen and asks before it leaves; nothing is lost on the way', async () => {
  const { page, remote } = await open();
  for (const [name, screen] of [['Ask', 'compose'], ['Past chats', 'past'], ['Model', 'model'], ['Settings', 'settings']]) {
    await remote.choose(name);
    await remote.screen(screen);
    await remote.press('back');
    await remote.screen('chat');
    assert.equal(await remote.focused(), name, 'the focus is back where it was');
  }
  await remote.press('back');
  await remote.screen('confirm');
  await remote.press('back');
  await remote.screen('chat');

  // webOS gets its app back from its own function.
  await page.evaluate(() => (window.webOSSystem = { platformBack: () => (window.hasLeft = true) }));
  await remote.press('back', 'enter');
  assert.equal(await page.evaluate(() => window.hasLeft), true);
  await closePage(page);
});

test('a plugged-in keyboard writes, in Hangul too, and a pointer moves the one focus', async () => {
  const { page, remote } = await open({ ...kShort, language: 'ko' });
  await remote.press('enter');
  await remote.screen('compose');
  await page.keyboard.type('dhsehf');
  assert.equal(await page.textContent('.line'), '온돌');
  await page.keyboard.press('Backspace');
  assert.equal(await page.textContent('.line'), '온도');
  await page.keyboard.press('Escape');
  await remote.screen('chat');

  const box = await page.locator('.rail button').nth(2).boundingBox();
  await page.mouse.move(box.x + 20, box.y + 20);
  assert.equal(await remote.focused(), '모델');
  await page.mouse.click(5, 5);
  assert.equal(await remote.focused(), '모델', 'a click on nothing takes the focus from nothing');
  assert.equal(await page.evaluate(() => document.querySelectorAll(':focus').length), 1);
  await closePage(page);
});

test('what a model writes is text: tags, links and deep nesting do nothing', async () => {
  const { page, remote } = await open();
  const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script> [link](javascript:alert(3)) **bold** `code`\n\n' +
    '| a | b |\n|---|---|\n| 1 | <b>2</b> |\n\n- [x] done\n\n```\n<i>\n```\n\n' + '>'.repeat(400) + ' deep';
  const chunk = (delta, finish) => `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  await page.route('**/v1/chat/completions', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: chunk({ content: hostile }, null) + chunk({}, 'stop') + 'data: [DONE]\n\n' }));
  await remote.choose('Explain why the sky is blue.');
  await page.waitForSelector('.answer table');
  const text = await page.textContent('.answer');
  for (const part of ['<img src=x onerror=alert(1)>', '<b>', 'link', 'deep', '☑ done']) assert.ok(text.includes(part), part);
  assert.equal(await page.locator('.answer img, .answer a, .answer script, .answer b, .answer i').count(), 0);
  assert.equal(await page.locator('.answer strong').textContent(), 'bold');
  await remote.measure();
  await screenshot(page, 'tv-rich-text');
  await closePage(page);
});

test('the server goes away in the middle of an answer, and when it is back the question is asked again', async () => {
  const { page, remote } = await open(kLong);
  await remote.choose('Tell me a short story about the sea.');
  await page.waitForFunction(() => document.querySelector('.answer .text')?.textContent.length > 30);
  await server.kill();
  try {
    await page.waitForSelector('.failure');
    await remote.walk();
    await remote.measure();
    assert.deepEqual(await axe(page), []);
    await screenshot(page, 'tv-server-died');
    assert.ok((await page.textContent('.answer .text')).length > 30, 'what was said stays');
  } finally {
    await server.start();
  }
  await remote.choose('Try again');
  await page.waitForFunction(() => document.querySelector('.answer .text')?.textContent.length > 30 && !document.querySelector('.failure'));
  await remote.press('stop');
  await page.waitForFunction(() => document.activeElement.textContent === 'Ask');
  assertGuards(page);
  await page.context().close();
});

test('a server that is away at the start is waited for', async () => {
  let away = true;
  const { page, remote } = await openTelevision(browser, `${server.url}/tv/`, {
    prepare: (page) => page.route('**/ready', (route) => (away ? route.abort() : route.continue())),
  });
  await remote.screen('away');
  await remote.walk();
  await remote.measure();
  assert.deepEqual(await axe(page), []);
  await screenshot(page, 'tv-away');
  assert.equal(await remote.focused(), 'Try again');
  await remote.press('enter');
  await page.waitForFunction(() => document.activeElement.textContent === 'Try again');
  away = false;
  await remote.screen('chat'); // by itself
  await closePage(page);
});
