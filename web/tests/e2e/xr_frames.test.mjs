// The frame guard: what our JavaScript takes in each frame while an answer streams, in both eyes, with two hands in view.
// Counted is the processor time of the page's thread between the first and the last line of the app's frame, out of the browser's own
// trace. The app's clock is a wall clock, and here the "GPU" runs on the same cores (SwiftShader): what that takes from us in between
// is no work of ours. The emulator is outside of the two lines.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { closePage } from './harness/browser.mjs';
import { converse, enter, open, start, stop } from './xr_harness.mjs';

const kFrames = 300;
const kLimitMs = 4; // at the 95th percentile

/** Leaves a stamp in the browser's trace where the app's frame begins and where it ends. */
function stampFrames(page) {
  return page.evaluate(() => {
    const { clock } = window.ondolHeadset;
    const [begin, end] = [clock.begin.bind(clock), clock.end.bind(clock)];
    clock.begin = () => {
      console.timeStamp('frame begins');
      begin();
    };
    clock.end = () => {
      end();
      console.timeStamp('frame ends');
    };
  });
}

/** Milliseconds of the thread's processor time in each frame while `work` runs, ascending. */
async function frameTimes(page, work) {
  const browser = page.context().browser();
  await browser.startTracing(page, { categories: ['devtools.timeline'] });
  const result = await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const stamps = traceEvents.filter((event) => event.name === 'TimeStamp').sort((a, b) => a.ts - b.ts);
  const times = [];
  let began;
  for (const { tts, args } of stamps) {
    if (args.data.message === 'frame begins') began = tts;
    else if (began !== undefined) times.push((tts - began) / 1000);
  }
  return { result, times: times.sort((a, b) => a - b) };
}

const percentile = (sorted, share) => sorted[Math.floor(share * sorted.length)];

before(start);
after(stop);

it(`stays below ${kLimitMs} ms (p95) over ${kFrames} frames of streaming, below 50 draw calls, and does not pile up memory`, async (test) => {
  const page = await open({ query: 'readout', device: { stereo: true, gpu: 'coarse' }, width: 320, height: 180 });
  await enter(page);
  await page.evaluate(() => window.body.use('hand'));
  const cdp = await page.context().newCDPSession(page);
  const heap = async () => {
    await cdp.send('HeapProfiler.collectGarbage');
    return page.evaluate(() => performance.memory.usedJSHeapSize);
  };
  await stampFrames(page);
  await converse(page, ['Warm up: **bold**, `code`, 한글.\n\n'], { finish: false });
  let best = Infinity;
  for (let run = 0; run < 3 && best > kLimitMs; run++) {
    const before = await heap();
    const { result: figures, times } = await frameTimes(page, () => page.evaluate(async (frames) => {
      const { clock, paint } = window.ondolHeadset;
      const lines = paint.lines;
      clock.reset();
      for (let i = 0; clock.frames < frames; i++) {
        window.feed(i % 24 === 23 ? '.\n\n- **next** ' : ` word${i} 낱말`);
        await window.body.frames(1);
      }
      return { wallP95: clock.percentile(0.95), draws: window.ondolHeadset.drawCalls(), lines: paint.lines - lines };
    }, kFrames));
    const grown = (await heap()) - before;
    const [p50, p95] = [percentile(times, 0.5), percentile(times, 0.95)];
    assert.ok(times.length >= kFrames * 0.95, `${times.length} frames in the trace`);
    test.diagnostic(`p50 ${p50}, p95 ${p95} ms; ${JSON.stringify(figures)}, heap ${(grown / 1e6).toFixed(2)} MB`);
    best = Math.min(best, p95);
    assert.ok(figures.draws <= 50, `${figures.draws} draw calls`);
    assert.ok(figures.lines >= kFrames * 0.8, 'words were drawn as they came');
    assert.ok(grown < 8e6, `${grown} bytes kept after ${kFrames} frames`);
  }
  assert.ok(best <= kLimitMs, `${best} ms`);
  await closePage(page);
});
