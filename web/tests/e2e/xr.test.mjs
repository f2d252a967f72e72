// The headset under Meta's emulator: what one enters, sees at which size, can press with which hand, and how one writes.
// The server is scripted here; xr_page.test.mjs has a conversation with the real one, from the built page.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { closePage } from './harness/browser.mjs';
import { click, control, frames, label, picture } from './xr_device.mjs';
import { converse, enter, open, start, stop } from './xr_harness.mjs';

before(start);
after(stop);

async function within(options, mode, use) {
  const page = await open(options);
  await enter(page, mode);
  await use(page);
  await closePage(page);
}

const presented = (page, name) => page.evaluate((name) => window.ondolHeadset.board(name) !== undefined, name);
const asked = (page) => page.evaluate(() => window.asked.length);
const place = (page, name) => page.evaluate((name) => window.ondolHeadset.board(name), name);

describe('entering and leaving', () => {
  it('says what can be entered', async () => {
    const page = await open();
    assert.deepEqual(await page.evaluate(() => window.support()), { vr: true, ar: true });
    await closePage(page);
  });

  for (const mode of ['immersive-vr', 'immersive-ar']) {
    it(`${mode}: leaves by its button, enters again, leaves by the headset's`, () =>
      within({}, mode, async (page) => {
        await page.evaluate(() => window.body.use('controller'));
        await converse(page, ['Warm ', 'floors.']);
        await click(page, 'controller', 'leave');
        await page.waitForFunction(() => window.ended === 1);
        assert.equal(await page.evaluate(() => globalThis.ondolHeadset), undefined);
        await enter(page, mode);
        assert.equal(await page.evaluate(() => window.chat.turns.length), 2); // the conversation stayed
        assert.equal(await label(page, 'again'), 'Again');
        await page.evaluate(() => window.xrSession.end());
        await page.waitForFunction(() => window.ended === 2);
      }));
  }
});

describe('place and size', () => {
  it('stands at 1.5 to 1.75 m, within 20 degrees of the gaze; targets and text are large enough', () =>
    within({}, 'immersive-vr', async (page) => {
      const { corners, distance } = await place(page, 'panel');
      const { at } = await page.evaluate(() => window.ondolHeadset.head());
      assert.ok(distance >= 1.5 && distance <= 1.75, `${distance} m`);
      for (const corner of corners) {
        const [x, y, z] = corner.map((value, axis) => value - at[axis]);
        const azimuth = Math.abs(Math.atan2(x, -z) * 180) / Math.PI;
        const elevation = Math.abs(Math.atan2(y, Math.hypot(x, z)) * 180) / Math.PI;
        assert.ok(azimuth <= 20 && elevation <= 20, `corner at ${azimuth}, ${elevation} degrees`);
      }
      await page.evaluate(() => window.body.use('controller'));
      await click(page, 'controller', 'field'); // the keyboard's keys are measured too
      const controls = await page.evaluate(() => window.ondolHeadset.controls());
      assert.ok(controls.length > 45);
      for (const { id, width, height } of controls) assert.ok(Math.min(width, height) >= 49, `${id}: ${width} x ${height} dmm`);
      const text = await page.evaluate(async () => (await import('/src/xr/theme.ts')).kDmm);
      assert.ok(text.body >= 16 && text.code >= 16 && text.small >= 12);
    }));

  it('follows the gaze at the start, then stays in the room', async () => {
    const page = await open();
    await page.evaluate(() => {
      window.device.quaternion.set(0, Math.sin(0.6), 0, Math.cos(0.6));
    });
    await enter(page);
    const { corners } = await place(page, 'panel');
    assert.ok(corners[0][0] < -1, 'to the left, where the head looks');
    await page.evaluate((eye) => window.body.look(eye, [0, 1.6, -2]), [0, 1.6, 0]);
    assert.deepEqual((await place(page, 'panel')).corners, corners);
    await closePage(page);
  });
});

/** Every control of the panel and many of the keyboard: ids to press in this order, on an empty conversation. */
const kRound = [
  'captions', 'captions', 'pin', 'pin', 'recentre', 'talk', 'field',
  ...Array.from('0123456789', (column) => `key:0${column}`), ...Array.from('012345678', (column) => `key:1${column}`),
  ...Array.from('0123456', (column) => `key:2${column}`), 'key:shift', 'key:symbols', 'key:symbols', 'key:script', 'key:script',
  'key:comma', 'key:space', 'key:period', 'key:erase', 'key:close',
];

describe('pressing', () => {
  for (const kind of ['controller', 'hand', 'transient']) {
    it(`takes every press by ${kind}`, () =>
      within({}, 'immersive-vr', async (page) => {
        await page.evaluate((kind) => window.body.use(kind), kind);
        let taken = 0;
        for (const id of kRound) {
          assert.ok(await click(page, kind, id), `${kind} on ${id}`);
          taken++;
        }
        assert.ok(taken >= 30);
        assert.equal(await label(page, 'field'), 'qwertyuiopasdfghjklzxcvbnm, ');
        assert.ok(await click(page, kind, 'send'));
        await page.waitForFunction(() => window.asked.length === 1);
        await frames(page, 2);
        assert.equal(await label(page, 'send'), 'Stop');
        await page.evaluate(() => window.feed('Some words'));
        await frames(page, 3);
        assert.ok(await click(page, kind, 'send')); // now it stops
        await page.waitForFunction(() => window.chat.phase === 'idle');
        await frames(page, 2);
        for (const id of ['speak', 'again']) assert.ok(await click(page, kind, id), `${kind} on ${id}`);
        await page.waitForFunction(() => window.asked.length === 2);
        await page.evaluate(() => window.finish());
        await page.waitForFunction(() => window.chat.phase === 'idle');
        await frames(page, 2);
        assert.ok(await click(page, kind, 'fresh'));
        await page.waitForFunction(() => window.chat.turns.length === 0);
        await frames(page, 3);
        assert.ok(await click(page, kind, 'starter2'));
        await page.waitForFunction(() => window.asked.length === 3);
        assert.match(await page.evaluate(() => window.asked[2]), /Gyeongju/);
      }));
  }

  it('presses by an index finger that goes through the board', () =>
    within({}, 'immersive-vr', async (page) => {
      await page.evaluate(() => window.body.use('hand'));
      await click(page, 'hand', 'field');
      const { corners } = await place(page, 'keyboard');
      const [a, b, c] = corners;
      const right = b.map((value, axis) => value - a[axis]);
      const down = c.map((value, axis) => value - a[axis]);
      const cross = [0, 1, 2].map((i) => down[(i + 1) % 3] * right[(i + 2) % 3] - down[(i + 2) % 3] * right[(i + 1) % 3]);
      const normal = cross.map((value) => value / Math.hypot(...cross));
      for (const id of ['key:05', 'key:16']) {
        const { at } = await control(page, id);
        await page.evaluate(([at, normal]) => window.body.poke(at, normal), [at, normal]);
      }
      assert.equal(await label(page, 'field'), 'yj');
    }));

  it('takes back a press that is dragged away', () =>
    within({}, 'immersive-vr', async (page) => {
      await page.evaluate(() => window.body.use('controller'));
      const [from, to] = [await control(page, 'starter1'), await control(page, 'starter3')];
      await page.evaluate(([from, to]) => window.body.drag('controller', from, to), [from.at, to.at]);
      assert.equal(await asked(page), 0);
    }));
});

describe('moving', () => {
  it('is carried by its bar, resized by its corner, pinned, and brought back', () =>
    within({}, 'immersive-vr', async (page) => {
      await page.evaluate(() => window.body.use('controller'));
      const carry = async (id, by) => {
        const { at } = await control(page, id);
        await page.evaluate(([from, to]) => window.body.drag('controller', from, to), [at, at.map((value, axis) => value + by[axis])]);
        return (await place(page, 'panel')).corners;
      };
      const home = (await place(page, 'panel')).corners;
      const moved = await carry('grab', [0.5, 0.1, 0]);
      assert.ok(moved[0][0] > home[0][0] + 0.3, 'to the right');
      const larger = await carry('resize', [0.2, -0.1, 0]);
      const width = (corners) => Math.hypot(...corners[0].map((value, axis) => corners[1][axis] - value));
      assert.ok(width(larger) > width(moved) + 0.1, 'wider');
      assert.ok(Math.hypot(...larger[0].map((value, axis) => moved[0][axis] - value)) < 0.01, 'its upper left corner stays');
      assert.ok(await click(page, 'controller', 'pin'));
      assert.deepEqual(await carry('grab', [-0.5, 0.1, 0]), larger);
      assert.ok(await click(page, 'controller', 'pin'));
      assert.ok(await click(page, 'controller', 'recentre'));
      const { corners } = await place(page, 'panel');
      assert.ok(Math.abs(corners[0][0] + corners[1][0]) < 0.01, 'in front again');
    }));

  it('scrolls by stick and by a held ray, and shows captions when one has gone up', () =>
    within({}, 'immersive-vr', async (page) => {
      await page.evaluate(() => window.body.use('controller'));
      await converse(page, Array.from({ length: 40 }, (_, i) => `Paragraph ${i}.\n\n`), { finish: false });
      const scroll = () => page.evaluate(() => window.ondolHeadset.scroll().position);
      const end = await scroll();
      assert.ok(end > 500);
      const { corners } = await place(page, 'panel');
      const middle = corners[0].map((value, axis) => (value + corners[3][axis]) / 2);
      await page.evaluate((at) => window.body.aim('controller', at), middle);
      await page.evaluate(() => window.body.stick(-1, 12));
      const up = await scroll();
      assert.ok(up < end - 20, `${end} to ${up}`);
      await page.evaluate(([from, to]) => window.body.drag('controller', from, to), [middle, [middle[0], middle[1] - 0.2, middle[2]]]);
      assert.ok((await scroll()) < up - 50);
      await page.evaluate(async () => {
        window.feed('And the newest words.');
        await window.body.frames(4);
      });
      assert.ok(await presented(page, 'captions'));
      assert.match(await label(page, 'caption2'), /newest words\.$/);
      await page.evaluate(([eye, away]) => window.body.look(eye, away), [[0, 1.6, 0], [2, 1.6, 0]]);
      const { corners: captions } = await place(page, 'captions');
      assert.ok(captions[0][0] > 0.5, 'they follow when the head turns away');
    }));
});

describe('writing', () => {
  it('by the headset’s own keyboard where it has one', () =>
    within({ device: { systemKeyboard: true } }, 'immersive-vr', async (page) => {
      await page.evaluate(() => window.body.use('controller'));
      assert.ok(await click(page, 'controller', 'field'));
      assert.equal(await presented(page, 'keyboard'), false);
      await page.keyboard.type('Hello 온돌');
      await frames(page, 2);
      assert.equal(await label(page, 'field'), 'Hello 온돌');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => window.asked.length === 1);
      assert.match(await page.evaluate(() => window.asked[0]), /Hello 온돌/);
      assert.equal(await page.evaluate(() => document.querySelectorAll('textarea').length), 0);
    }));

  it('by our keyboard, which composes Hangul', () =>
    within({ query: 'readout=hidden&language=ko' }, 'immersive-ar', async (page) => {
      await page.evaluate(() => window.body.use('controller'));
      await click(page, 'controller', 'field');
      for (const id of ['key:14', 'key:17', 'key:11', 'key:03', 'key:26', 'key:13']) assert.ok(await click(page, 'controller', id));
      assert.equal(await label(page, 'field'), '한글');
      assert.ok(await click(page, 'controller', 'key:erase'));
      assert.ok(await click(page, 'controller', 'key:enter'));
      await page.waitForFunction(() => window.asked.length === 1);
      assert.match(await page.evaluate(() => window.asked[0]), /한그/);
      assert.equal(await presented(page, 'keyboard'), false);
    }));

  it('says so where there is no transcription, and when the server goes away', () =>
    within({}, 'immersive-vr', async (page) => {
      await page.evaluate(() => window.body.use('controller'));
      await click(page, 'controller', 'talk');
      await page.evaluate(() => window.body.aim('controller', [0, 5, -1]));
      assert.match(await label(page, 'status'), /no transcription/);
      await converse(page, ['Half an'], { finish: false });
      await page.evaluate(() => window.fail());
      await page.waitForFunction(() => window.chat.phase === 'failed');
      await page.evaluate(() => window.body.frames(3));
      await page.waitForFunction(() => /cannot be reached/.test(window.ondolHeadset.labels().status));
      assert.equal(await label(page, 'again'), 'Retry');
      assert.ok(await click(page, 'controller', 'again'));
      await page.waitForFunction(() => window.asked.length === 2);
    }));
});

describe('pictures', () => {
  const kAnswer = [
    'An **ondol** heats the floor, and the floor heats the room:\n\n', '1. A fire burns at one end of the house\n', '2. Its smoke runs through flues under the *gudeul* stones\n',
    '3. The stones stay warm through the night — 온돌은 밤새 따뜻합니다 😀\n\n', '| Layer | Keeps |\n|---|--:|\n| Stone | 8 h |\n| Clay | 3 h |\n\n', '```py\nheat = stone.mass * 0.84 * (t1 - t0)\n```\n',
  ];
  const kCases = [
    ['xr-vr-dark', 'immersive-vr', 'readout=hidden&theme=dark', 'controller'],
    ['xr-ar-light', 'immersive-ar', 'readout=hidden&theme=light&language=ko', 'hand'],
  ];
  for (const [name, mode, query, kind] of kCases) {
    it(name, () =>
      within({ query, device: { gpu: 'still' }, width: 960, height: 720 }, mode, async (page) => {
        await page.evaluate(() => {
          document.documentElement.style.background = 'fixed linear-gradient(#cfd6da, #e9e2d8 55%, #b89f86 55%, #8f7861)'; // stands in for a room
          for (const button of document.querySelectorAll('button')) button.hidden = true;
        });
        await page.evaluate((kind) => window.body.use(kind), kind);
        await frames(page, 2);
        await picture(page, `${name}-empty`);
        await converse(page, kAnswer);
        const { at } = await control(page, 'again');
        await page.evaluate(([kind, at]) => window.body.aim(kind, at), [kind, at]);
        await picture(page, `${name}-answer`);
        await click(page, kind, 'field');
        await page.evaluate(() => window.body.look([0, 1.6, 0], [0, 1.1, -1]));
        await picture(page, `${name}-keyboard`);
      }));
  }
});
