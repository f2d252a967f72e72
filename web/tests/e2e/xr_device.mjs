// A headset for tests: Meta's emulator (IWER) put into a page by the test, never by our bundle, and what one does with it.
// Clicks hold the trigger for two frames: shorter presses can fall between the emulator's frames.

import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);

export async function openBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'ondol-xr-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    viewport: { width: 800, height: 600 },
    args: [
      '--headless=new', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
    ],
  });
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** `device`: changes to the emulated headset, `stereo`: both eyes. */
export async function openPage(context, address, { systemKeyboard = false, stereo = false } = {}) {
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') page.problems.push(message.text());
  });
  await page.addInitScript({ path: require.resolve('iwer/build/iwer.min.js') });
  await page.addInitScript(({ systemKeyboard, stereo }) => {
    const config = { ...IWER.metaQuest3, isSystemKeyboardSupported: systemKeyboard };
    window.device = new IWER.XRDevice(config, { stereoEnabled: stereo, fovy: 1.0 });
    window.device.installRuntime({ forceInstall: true });
  }, { systemKeyboard, stereo });
  await page.addInitScript(installHelpers);
  await page.goto(address);
  return page;
}

/** Runs in the page: moves the emulated head and hands, and a transient pointer, which the emulator does not have. */
function installHelpers() {
  const frame = () => new Promise((resolve) => window.xrSession.requestAnimationFrame((_, xrFrame) => resolve(xrFrame)));
  window.frames = async (count) => {
    for (let i = 0; i < count; i++) await frame();
  };
  const request = IWER.XRSystem.prototype.requestSession;
  IWER.XRSystem.prototype.requestSession = async function (...args) {
    window.xrSession = await request.apply(this, args);
    return window.xrSession;
  };

  const kOrigin = { left: [-0.25, 1.25, -0.3], right: [0.25, 1.25, -0.3] };
  // Looks from `from` to `to`: the quaternion that turns -z there.
  window.aimQuaternion = (from, to) => {
    const d = to.map((value, i) => value - from[i]);
    const length = Math.hypot(...d);
    const [x, y, z] = d.map((value) => value / length);
    const w = 1 - z; // -z dot d, plus one
    const q = [y, -x, 0, w]; // cross(-z, d) = (y, -x, 0)
    const n = Math.hypot(...q) || 1;
    return q.map((value) => value / n);
  };
  const place = (target, from, to) => {
    target.position.set(...from);
    target.quaternion.set(...window.aimQuaternion(from, to));
  };

  const tracked = {
    controller: (side) => window.device.controllers[side],
    hand: (side) => window.device.hands[side],
  };
  const setSelect = (kind, side, value) => {
    if (kind === 'hand') tracked.hand(side).updatePinchValue(value);
    else tracked.controller(side).updateButtonValue('trigger', value);
  };
  window.useInput = async (kind) => {
    window.device.primaryInputMode = kind === 'hand' ? 'hand' : 'controller';
    for (const side of ['left', 'right']) {
      window.device.controllers[side].connected = kind === 'controller';
      window.device.hands[side].connected = kind === 'hand';
      const at = kOrigin[side];
      place(tracked[kind === 'hand' ? 'hand' : 'controller'](side), at, [at[0], -1, -0.5]); // pointing at the floor
    }
    await window.frames(3);
  };
  window.aim = async (kind, to, side = 'right', from = kOrigin[side]) => {
    place(tracked[kind](side), from, to);
    await window.frames(2);
  };
  window.hold = async (kind, down, side = 'right') => {
    setSelect(kind, side, down ? 1 : 0);
    await window.frames(2);
  };

  // Gaze and pinch: a source that exists only while the fingers are closed, its ray from the eye.
  const extra = [];
  const sources = Object.getOwnPropertyDescriptor(IWER.XRSession.prototype, 'inputSources').get;
  Object.defineProperty(IWER.XRSession.prototype, 'inputSources', {
    get() {
      const list = sources.call(this);
      return extra.length === 0 ? list : [...list, ...extra];
    },
  });
  const floor = () => window.device[IWER.P_DEVICE]?.globalSpace ?? new IWER.GlobalSpace();
  window.pinchAt = async (to, { dragTo, frames = 2 } = {}) => {
    const from = [0, 1.6, 0];
    const space = new IWER.XRSpace(floor());
    const setPose = (target) => {
      const [x, y, z, w] = window.aimQuaternion(from, target);
      const m = [
        1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w), 0,
        2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w), 0,
        2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y), 0,
        ...from, 1,
      ];
      space[IWER.P_SPACE].offsetMatrix.set(m);
    };
    setPose(to);
    const source = new IWER.XRInputSource('right', 'transient-pointer', ['generic-hand-select'], space);
    extra.push(source);
    const send = async (type) => {
      const xrFrame = await frame();
      window.xrSession.dispatchEvent(new IWER.XRInputSourceEvent(type, { frame: xrFrame, inputSource: source }));
    };
    await send('selectstart');
    for (let i = 0; i < frames; i++) {
      await frame();
      if (dragTo !== undefined) setPose(to.map((value, axis) => value + ((dragTo[axis] - value) * (i + 1)) / frames));
    }
    await send('select');
    await send('selectend');
    extra.splice(extra.indexOf(source), 1);
    await window.frames(2);
  };
  window.look = async (from, to) => {
    place(window.device, from, to);
    await window.frames(2);
  };
}

export async function enter(page, mode) {
  await page.click(`#${mode}`);
  await page.waitForFunction((wanted) => window.entered === wanted, mode);
  await page.waitForFunction(() => window.ondolHeadset?.board('panel') !== undefined);
  await page.evaluate(() => window.frames(3));
}

/** The middle of a control, as the app places it. */
export function control(page, id) {
  return page.evaluate((id) => window.ondolHeadset.controls().find((place) => place.id === id), id);
}

export async function click(page, kind, id) {
  const place = await control(page, id);
  if (place === undefined) throw new Error(`no control ${id}`);
  await page.evaluate(async ([kind, at]) => {
    if (kind === 'transient') return window.pinchAt(at);
    await window.aim(kind, at);
    await window.hold(kind, true);
    await window.hold(kind, false);
  }, [kind, place.at]);
}
