// A headset for tests: Meta's emulator (IWER), put into a page by the test and never by our bundle, and what one does with it.
// A press holds the trigger for two frames: shorter ones can fall between the emulator's frames.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { screenshot } from './harness/browser.mjs';

const require = createRequire(import.meta.url);
const kEmulator = readFileSync(require.resolve('iwer/build/iwer.min.js'), 'utf8');

/**
 * Scripts for openPage(): the emulated device. `stereo` renders both eyes. `gpu` says what the software that stands in for one does:
 * 'idle' nothing, for tests that do not look; 'still' what makes a picture, once window.body.seen is set (see picture()); for both,
 * frames come when a test waits for them, and then at once. 'whole' is as the app wants it, and 'coarse' is that without mipmaps and
 * anisotropy, which are most of a frame's cost here (a set of mipmaps of the whole panel for each key that lights up) and none of the page's.
 */
export function headset({ systemKeyboard = false, stereo = false, gpu = 'idle' } = {}) {
  const device = `(${makeDevice})(${JSON.stringify({ systemKeyboard, stereo })})`;
  const scripts = [kEmulator, device, `(${makeBody})()`];
  if (gpu === 'idle' || gpu === 'coarse') scripts.push(`(${spareMipmaps})()`);
  if (gpu === 'idle') scripts.push(`(${spareUploads})()`);
  if (gpu === 'idle' || gpu === 'still') scripts.push(`(${spareFrames})()`);
  return scripts.map((content) => ({ content }));
}

/* The following run in the page. */

function spareMipmaps() {
  const gl = WebGL2RenderingContext.prototype;
  const setParameter = gl.texParameteri;
  gl.texParameteri = function (target, name, value) {
    setParameter.call(this, target, name, name === gl.TEXTURE_MIN_FILTER ? gl.LINEAR : value);
  };
  gl.texParameterf = () => undefined; // anisotropy
  gl.generateMipmap = () => undefined;
}

function spareUploads() {
  const gl = WebGL2RenderingContext.prototype;
  gl.texSubImage2D = () => undefined;
  // The emulator asks for what it clears with, each time a round trip through all that the GPU has still to do.
  const cleared = { [gl.COLOR_CLEAR_VALUE]: [0, 0, 0, 0], [gl.DEPTH_CLEAR_VALUE]: 1, [gl.STENCIL_CLEAR_VALUE]: 0 };
  const getParameter = gl.getParameter;
  gl.getParameter = function (name) {
    return cleared[name] ?? getParameter.call(this, name);
  };
}

/**
 * Nothing reaches the canvas that is not seen, so that no frame waits for the compositor. The session's clock says that they come 60
 * times a second.
 */
function spareFrames() {
  const kFrameMs = 1000 / 60;
  const gl = WebGL2RenderingContext.prototype;
  for (const name of ['clear', 'drawElements', 'drawElementsInstanced']) {
    const draw = gl[name];
    gl[name] = function (...all) {
      if (window.body.seen) draw.apply(this, all);
    };
  }

  const channel = new MessageChannel(); // a timer would wait for 4 ms
  let posted = false;
  let due = [];
  const run = () => {
    posted = false;
    const callbacks = due;
    due = [];
    for (const callback of callbacks) callback(performance.now());
  };
  channel.port1.onmessage = run;
  window.body.hurry = () => {
    if (!posted) channel.port2.postMessage(0);
    posted = true;
  };
  window.requestAnimationFrame = (callback) => {
    if (due.push(callback) > 1) return 0;
    if (window.body.awaited > 0) window.body.hurry();
    else setTimeout(run, kFrameMs);
    return 0;
  };

  let time = performance.now();
  let last;
  const request = IWER.XRSession.prototype.requestAnimationFrame;
  IWER.XRSession.prototype.requestAnimationFrame = function (callback) {
    return request.call(this, (_, frame) => {
      if (frame !== last) time += kFrameMs;
      last = frame;
      callback(time, frame);
    });
  };
}

function makeDevice({ systemKeyboard, stereo }) {
  // The emulator's sessions never say that there is a keyboard.
  Object.defineProperty(IWER.XRSession.prototype, 'isSystemKeyboardSupported', { get: () => systemKeyboard });
  window.device = new IWER.XRDevice(IWER.metaQuest3, { stereoEnabled: stereo, fovy: 1.0 });
  window.device.installRuntime({ forceInstall: true });
}

/** Head, hands, and a transient pointer, which the emulator does not have. */
function makeBody() {
  const kEye = [0, 1.6, 0];
  const kHand = { left: [-0.25, 1.25, -0.3], right: [0.25, 1.25, -0.3] };
  /** The next frame of the session, in which `use` runs; nothing once the session has ended. */
  const frame = async (use = () => undefined) => {
    if (window.xrSession === undefined) return undefined;
    window.body.awaited++;
    window.body.hurry();
    const result = await new Promise((resolve) => {
      window.xrSession.addEventListener('end', () => resolve(undefined), { once: true });
      window.xrSession.requestAnimationFrame((_, xrFrame) => resolve(use(xrFrame)));
    });
    window.body.awaited--;
    return result;
  };
  const frames = async (count) => {
    for (let i = 0; i < count; i++) await frame();
  };
  const request = IWER.XRSystem.prototype.requestSession;
  IWER.XRSystem.prototype.requestSession = async function (...args) {
    const session = await request.apply(this, args);
    window.xrSession = session;
    session.addEventListener('end', () => (window.xrSession = undefined));
    return session;
  };

  /** The rotation that turns -z from `from` towards `to`. */
  const towards = (from, to) => {
    const d = to.map((value, axis) => value - from[axis]);
    const length = Math.hypot(...d);
    const q = [d[1] / length, -d[0] / length, 0, 1 - d[2] / length];
    const norm = Math.hypot(...q);
    return norm < 1e-6 ? [0, 1, 0, 0] : q.map((value) => value / norm);
  };
  const place = (target, from, to) => {
    target.position.set(...from);
    target.quaternion.set(...towards(from, to));
  };
  const inputOf = (kind, side) => (kind === 'hand' ? window.device.hands[side] : window.device.controllers[side]);

  const use = async (kind) => {
    window.device.primaryInputMode = kind === 'hand' ? 'hand' : 'controller';
    for (const side of ['left', 'right']) {
      window.device.controllers[side].connected = kind === 'controller';
      window.device.hands[side].connected = kind === 'hand';
      if (kind !== 'transient') place(inputOf(kind, side), kHand[side], [kHand[side][0], -1, -0.4]); // at the floor
    }
    await frames(3);
  };
  const aim = async (kind, to, side = 'right') => {
    place(inputOf(kind, side), kHand[side], to);
    await frames(2);
  };
  const hold = async (kind, down, side = 'right') => {
    if (kind === 'hand') window.device.hands[side].updatePinchValue(down ? 1 : 0);
    else window.device.controllers[side].updateButtonValue('trigger', down ? 1 : 0);
    await frames(2);
  };
  const stick = async (y, count) => {
    window.device.controllers.right.updateAxes('thumbstick', 0, y);
    await frames(count);
    window.device.controllers.right.updateAxes('thumbstick', 0, 0);
    await frames(1);
  };
  const drag = async (kind, from, to, steps = 8) => {
    await aim(kind, from);
    await hold(kind, true);
    for (let i = 1; i <= steps; i++) {
      place(inputOf(kind, 'right'), kHand.right, from.map((value, axis) => value + ((to[axis] - value) * i) / steps));
      await frames(1);
    }
    await hold(kind, false);
  };
  const look = async (from, to) => {
    place(window.device, from, to);
    await frames(3);
  };

  // Gaze and pinch: a source that exists only while the fingers are closed, its ray from the eye.
  const extra = [];
  const listed = Object.getOwnPropertyDescriptor(IWER.XRSession.prototype, 'inputSources').get;
  Object.defineProperty(IWER.XRSession.prototype, 'inputSources', {
    get() {
      return extra.length === 0 ? listed.call(this) : [...listed.call(this), ...extra];
    },
  });
  const pinch = async (to, { via = to, steps = 1 } = {}) => {
    const space = new IWER.XRSpace(new IWER.GlobalSpace());
    const aimSpace = (target) => {
      const [x, y, z, w] = towards(kEye, target);
      space[IWER.P_SPACE].offsetMatrix.set([
        1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w), 0,
        2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w), 0,
        2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y), 0,
        ...kEye, 1,
      ]);
    };
    const source = new IWER.XRInputSource('right', 'transient-pointer', ['generic-hand-select'], space);
    const send = (type) => frame((xrFrame) => {
      window.xrSession.dispatchEvent(new IWER.XRInputSourceEvent(type, { frame: xrFrame, inputSource: source }));
    });
    aimSpace(to);
    extra.push(source);
    await send('selectstart');
    for (let i = 1; i <= steps; i++) {
      aimSpace(to.map((value, axis) => value + ((via[axis] - value) * i) / steps));
      await frames(1);
    }
    await send('select');
    await send('selectend');
    extra.length = 0;
    await frames(2);
  };

  /** Index fingertip through a point of a board and back, along the board's normal. */
  const poke = async (at, normal) => {
    const hand = window.device.hands.right;
    const offset = await tipOffset(hand);
    for (const depth of [0.06, 0.03, 0.012, -0.01, -0.01, 0.03, 0.06, 0.3]) {
      hand.position.set(...at.map((value, axis) => value + normal[axis] * depth - offset[axis]));
      await frames(1);
    }
  };
  const tipOffset = async (hand) => {
    const space = await window.xrSession.requestReferenceSpace('local-floor');
    hand.quaternion.set(0, 0, 0, 1);
    await frames(2);
    const source = [...window.xrSession.inputSources].find((one) => one.hand && one.handedness === 'right');
    const joint = source.hand.get('index-finger-tip');
    const tip = await frame((xrFrame) => xrFrame.getJointPose(joint, space).transform.position);
    return [tip.x - hand.position.x, tip.y - hand.position.y, tip.z - hand.position.z];
  };

  window.body = { kEye, use, aim, hold, stick, drag, look, pinch, poke, frames, seen: false, awaited: 0, hurry: () => undefined };
}

/* The rest runs in the test. */

/** Waits for the panel after the page was told to enter. */
export async function entered(page) {
  await page.waitForFunction(() => window.ondolHeadset?.board('panel') !== undefined, undefined, { timeout: 60_000 });
  await page.evaluate(() => window.body.frames(3));
}

export function frames(page, count) {
  return page.evaluate((n) => window.body.frames(n), count);
}

/** A picture of what one sees, in tests with a 'still' GPU: one frame is drawn, and stays on the canvas. */
export async function picture(page, name) {
  await page.evaluate(async () => {
    window.body.seen = true;
    await window.body.frames(1);
    window.body.seen = false;
  });
  await screenshot(page, name);
}

/** A control as the app places it: { id, at, width, height }, sizes in dmm. */
export async function control(page, id) {
  const place = await page.evaluate((id) => window.ondolHeadset.controls().find((one) => one.id === id), id);
  if (place === undefined) throw new Error(`no control ${id} in view`);
  return place;
}

/** One press by 'controller', 'hand' or 'transient'; gives whether the app took it. */
export async function click(page, kind, id) {
  const { at } = await control(page, id);
  return page.evaluate(async ([kind, id, at]) => {
    const count = () => globalThis.ondolHeadset?.presses[id] ?? 0;
    const before = count();
    if (kind === 'transient') {
      await window.body.pinch(at);
    } else {
      await window.body.aim(kind, at);
      await window.body.hold(kind, true);
      await window.body.hold(kind, false);
    }
    return count() === before + 1;
  }, [kind, id, at]);
}

export function label(page, id) {
  return page.evaluate((id) => window.ondolHeadset.labels()[id], id);
}
