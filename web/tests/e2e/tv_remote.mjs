// A viewer with a remote: presses keys, looks at the focus, measures what is on the screen.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { openPage } from './harness/browser.mjs';

export const kMaxPresses = 8;
const kTextPixels = 32;
const kWidth = 1920;
const kHeight = 1080;
const script = (name) => ({ path: fileURLToPath(new URL(name, import.meta.url)) });
const kCodes = { left: 37, up: 38, right: 39, down: 40, enter: 13, back: 461, 'page up': 33, 'page down': 34, stop: 413 };

// A page on a TV of 1080 lines with webOS 6's abilities. `settings` are what the TV remembers; `prepare` gets the page
// before it goes anywhere.
export async function openTelevision(browser, address, { settings, scripts = [], prepare } = {}) {
  const page = await openPage(browser, {
    viewport: { width: kWidth, height: kHeight },
    scripts: [script('tv_old_browser.js'), script('tv_walk.js'), ...scripts],
    settings,
  });
  await prepare?.(page);
  await page.goto(address);
  return { page, remote: await Remote.of(page) };
}

export class Remote {
  static async of(page) {
    const remote = new Remote();
    remote.page = page;
    remote.wire = await page.context().newCDPSession(page);
    return remote;
  }

  // By key code, as a TV sends it: webOS's Back is none of the keys that Playwright knows.
  async press(...keys) {
    for (const key of keys) {
      const code = kCodes[key];
      const text = key === 'enter' ? '\r' : undefined;
      const event = { windowsVirtualKeyCode: code, key: key === 'enter' ? 'Enter' : undefined, text };
      await this.wire.send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', ...event });
      await this.wire.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    }
  }

  async screen(name) {
    await this.page.waitForSelector(`#tv[data-screen="${name}"]`);
  }

  focused() {
    return this.page.evaluate(() => {
      const active = document.activeElement;
      return active.getAttribute('aria-label') ?? active.querySelector('.label')?.textContent ?? active.textContent;
    });
  }

  // Walks to the control by arrows alone: along the shortest way, 8 presses at most.
  async goTo(name) {
    const path = await this.page.evaluate((name) => window.tvWalk.pathTo(name), name);
    assert.ok(path, `no way to "${name}"`);
    assert.ok(path.length <= kMaxPresses, `${path.length} presses to "${name}"`);
    await this.press(...path);
    assert.equal(await this.focused(), name);
  }

  async choose(name) {
    await this.goTo(name);
    await this.press('enter');
  }

  // Writes with the keyboard on the screen.
  async write(keys) {
    for (const key of keys) await this.choose(key);
  }

  // Every control of the screen, by arrow presses alone, and how far the farthest two are apart.
  async walk() {
    const found = await this.page.evaluate(() => window.tvWalk.walk());
    assert.deepEqual(found.faults, []);
    assert.deepEqual(found.unreached, []);
    assert.ok(found.farthest <= kMaxPresses, `${found.farthest} presses: ${found.farthestPair}`);
    return found;
  }

  // Text sizes, the safe area, and that no text is cut off sideways.
  async measure() {
    const faults = await this.page.evaluate((pixels) => window.tvWalk.measure(pixels), kTextPixels);
    assert.deepEqual(faults, []);
  }
}
