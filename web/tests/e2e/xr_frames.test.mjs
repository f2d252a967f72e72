// The frame guard: what our JavaScript takes in each frame while an answer streams, in both eyes, with two hands in view.
// The clock is the app's own, and it is a wall clock: it counts the time that other processes take too, and here the "GPU" is one
// of them (SwiftShader on the same cores). So the median has to stay below the limit, in the best of up to three runs; p95 is printed,
// and tested where the machine is idle: ONDOL_XR_P95=1.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { closePage } from './harness/browser.mjs';
import { converse, enter, open, start, stop } from './xr_harness.mjs';

const kFrames = 300;
const kLimitMs = 4;
const kIdleMachine = process.env.ONDOL_XR_P95 === '1';

before(start);
after(stop);

it(`stays below ${kLimitMs} ms over ${kFrames} frames of streaming, below 50 draw calls, and does not pile up memory`, async (test) => {
  const page = await open({ query: 'readout', device: { stereo: true }, width: 320, height: 180 });
  await enter(page);
  await page.evaluate(() => window.body.use('hand'));
  const cdp = await page.context().newCDPSession(page);
  const heap = async () => {
    await cdp.send('HeapProfiler.collectGarbage');
    return page.evaluate(() => performance.memory.usedJSHeapSize);
  };
  await converse(page, ['Warm up: **bold**, `code`, 한글.\n\n'], { finish: false });
  let best = Infinity;
  for (let run = 0; run < 3 && best > kLimitMs; run++) {
    const before = await heap();
    const figures = await page.evaluate(async (frames) => {
      const { clock, paint } = window.ondolHeadset;
      const lines = paint.lines;
      clock.reset();
      for (let i = 0; clock.frames < frames; i++) {
        window.feed(i % 24 === 23 ? '.\n\n- **next** ' : ` word${i} 낱말`);
        await window.body.frames(1);
      }
      return { p50: clock.percentile(0.5), p95: clock.percentile(0.95), draws: window.ondolHeadset.drawCalls(), lines: paint.lines - lines };
    }, kFrames);
    const grown = (await heap()) - before;
    test.diagnostic(`${JSON.stringify(figures)}, heap ${(grown / 1e6).toFixed(2)} MB`);
    best = Math.min(best, kIdleMachine ? figures.p95 : figures.p50);
    assert.ok(figures.draws <= 50, `${figures.draws} draw calls`);
    assert.ok(figures.lines >= kFrames * 0.8, 'words were drawn as they came');
    assert.ok(grown < 8e6, `${grown} bytes kept after ${kFrames} frames`);
  }
  assert.ok(best <= kLimitMs, `${best} ms`);
  await closePage(page);
});
