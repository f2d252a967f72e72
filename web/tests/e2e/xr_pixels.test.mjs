// What stands on the panel, pixel by pixel: every script has glyphs, streamed text reaches the texture, only changed lines are
// drawn, and a composited layer gets the same picture.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { build } from 'vite';
import { closePage } from './harness/browser.mjs';
import { kWeb } from './harness/server.mjs';
import { converse, enter, open, start, stop } from './xr_harness.mjs';

const openWhole = () => open({ device: { gpu: 'whole' } });

before(start);
after(stop);

it('draws a glyph for each of é€–•→Жα한글中文😀', async () => {
  const page = await openWhole();
  const blank = await page.evaluate(async () => {
    const [{ layoutPlain }, { drawLine }, { palette }] = await Promise.all([
      import('/src/xr/layout.ts'), import('/src/xr/painter.ts'), import('/src/xr/theme.ts'),
    ]);
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const measure = (text, font) => {
      context.font = font;
      return context.measureText(text).width;
    };
    const drawn = (text) => {
      const [line] = layoutPlain(text, 500, measure, 17, 'text');
      context.canvas.width = 80;
      context.canvas.height = line.height;
      drawLine(context, line, 80, palette('dark'), 10);
      return context.getImageData(0, 0, 80, line.height).data.join();
    };
    const missing = new Set(['', ' ', '\u0378', '\u{10fffd}'].map(drawn)); // nothing, and boxes for what no font has
    return Array.from('é€–•→Жα한글中文😀').filter((char) => missing.has(drawn(char)));
  });
  assert.deepEqual(blank, []);
  await closePage(page);
});

it('shows the first token within two frames, and redraws only the line that grew', async () => {
  const page = await openWhole();
  await enter(page);
  await converse(page, [], { finish: false });
  await page.evaluate(() => window.body.frames(4));
  const seen = await page.evaluate(async () => {
    const { clock, paint } = window.ondolHeadset;
    let arrived;
    window.chat.on((change) => {
      if (change.type === 'text') arrived ??= { frame: clock.frames, lines: paint.lines, at: change.at };
    });
    window.feed('First');
    while (arrived === undefined) await new Promise((resolve) => setTimeout(resolve, 0));
    let waited = 0;
    while (paint.lines === arrived.lines && waited < 30) {
      await window.body.frames(1);
      waited++;
    }
    return { frames: clock.frames - arrived.frame, drawn: paint.lines - arrived.lines };
  });
  assert.ok(seen.drawn >= 1 && seen.frames <= 2, JSON.stringify(seen));
  const perWord = await page.evaluate(async () => {
    window.feed(' words of an answer.\n\nA second paragraph');
    await window.body.frames(4);
    const before = { ...window.ondolHeadset.paint };
    window.feed(' grows');
    await window.body.frames(4);
    const { lines, uploadedBytes } = window.ondolHeadset.paint;
    return { lines: lines - before.lines, bytes: uploadedBytes - before.uploadedBytes };
  });
  assert.ok(perWord.lines >= 1 && perWord.lines <= 2, JSON.stringify(perWord)); // the line, and the gap that follows the turn
  assert.ok(perWord.bytes < 800_000, JSON.stringify(perWord));
  await closePage(page);
});

it('draws the end of a line onto what stands there as if it were drawn at once', async () => {
  const page = await openWhole();
  const differing = await page.evaluate(async () => {
    const [THREE, { RingSurface, Painter }, { layoutMarkdown }, { drawLine }, { palette }] = await Promise.all([
      import('/tests/e2e/xr_page/three.ts'), import('/src/xr/surface.ts'), import('/src/xr/layout.ts'), import('/src/xr/painter.ts'), import('/src/xr/theme.ts'),
    ]);
    const renderer = new THREE.WebGLRenderer();
    const gl = renderer.getContext();
    const painter = new Painter(renderer);
    const context = document.createElement('canvas').getContext('2d');
    const measure = (text, font) => ((context.font = font), context.measureText(text).width);
    const pixels = (texts) => {
      const ring = new RingSurface(painter, 900, 100, (canvas, line, width) => drawLine(canvas, line, width, palette('dark'), 12));
      for (const text of texts) {
        const lines = layoutMarkdown(text, 876, measure).slice(0, 1);
        ring.sync(lines, [0], lines[0].height);
      }
      const framebuffer = gl.createFramebuffer();
      gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, renderer.properties.get(ring.texture).__webglTexture, 0);
      const data = new Uint8Array(900 * 100 * 4);
      gl.readPixels(0, 0, 900, 100, gl.RGBA, gl.UNSIGNED_BYTE, data);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      renderer.resetState();
      return data;
    };
    return ['Wave AV *fi* **of** `code` e\u0301 한글 नमस्ते 👩‍👩‍👧 end', 'left \u05e9\u05dc\u05d5\u05dd right'].map((text) => {
      const grown = pixels(Array.from({ length: text.length }, (_, i) => text.slice(0, i + 1)));
      const whole = pixels([text]);
      return grown.reduce((count, value, i) => count + (Math.abs(value - whole[i]) > 8 ? 1 : 0), 0);
    });
  });
  assert.deepEqual(differing, [0, 0]);
  await closePage(page);
});

it('gives a composited layer the same pixels', async () => {
  const page = await openWhole();
  const result = await page.evaluate(async () => {
    const [THREE, { Panel }, { Painter }, { PanelLayer }, { palette }, { strings }] = await Promise.all([
      import('/tests/e2e/xr_page/three.ts'), import('/src/xr/panel.ts'), import('/src/xr/surface.ts'), import('/src/xr/layers.ts'),
      import('/src/xr/theme.ts'), import('/src/xr/strings.ts'),
    ]);
    const renderer = new THREE.WebGLRenderer();
    const gl = renderer.getContext();
    const context = document.createElement('canvas').getContext('2d');
    const measure = (text, font) => ((context.font = font), context.measureText(text).width);
    const panel = new Panel(new Painter(renderer), palette('light'), strings('en'), {}, measure);
    const turns = (n) => [{ id: 'q', role: 'user', text: 'Hi' }, { id: 'a', role: 'assistant', text: Array.from({ length: n }, (_, i) => `Row ${i}`).join('\n\n') }];
    const state = { model: 'm', status: 's', alarming: false, draft: '', busy: false, failed: false, answered: true, empty: false, pinned: false, captions: true, speaking: false, talk: 'ready' };
    const show = (n) => {
      panel.showTurns(turns(n));
      panel.show(state);
      panel.paint();
    };
    show(3);
    // A device with layers: real textures, nothing is composited.
    const layer = { needsRedraw: false, destroy() {}, transform: undefined, width: 0, height: 0 };
    const { width, height } = panel.board.picture;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.SRGB8_ALPHA8, width, height);
    const init = [];
    class Binding {
      createQuadLayer(options) {
        init.push(options);
        return layer;
      }
      getSubImage() {
        return { colorTexture: texture, viewport: { x: 0, y: 0, width, height } };
      }
    }
    globalThis.XRWebGLBinding = Binding;
    globalThis.XRRigidTransform ??= class {};
    renderer.resetState();
    renderer.xr.getBaseLayer = () => ({});
    renderer.xr.getBinding = () => new Binding();
    const states = [];
    const attached = PanelLayer.attach(renderer, { updateRenderState: (value) => states.push(value) }, {}, panel.board);
    const read = (source) => {
      const framebuffer = gl.createFramebuffer();
      gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, source, 0);
      const size = source === texture ? [width, height] : [panel.board.ring.surface.width, panel.board.ring.surface.rows];
      const pixels = new Uint8Array(size[0] * size[1] * 4);
      gl.readPixels(0, 0, ...size, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      renderer.resetState();
      return pixels;
    };
    const { surface, rect } = panel.board.ring;
    // Rows of the view that differ between what the ring shows and what the layer got.
    const wrong = () => {
      const ring = read(renderer.properties.get(surface.texture).__webglTexture);
      const got = read(texture);
      let [rows, ink] = [0, 0];
      for (let y = 0; y < surface.height; y++) {
        const from = surface.rowOf(surface.scroll + y) * surface.width * 4;
        const to = ((height - 1 - ((rect.y - 8) * 2 + y)) * width + (rect.x - 8) * 2) * 4;
        let same = true;
        for (let i = 0; i < surface.width * 4; i++) {
          if (Math.abs(ring[from + i] - got[to + i]) > 1) same = false;
          if (i % 4 === 0 && got[to + i] < 100) ink++;
        }
        if (!same) rows++;
      }
      return { rows, ink };
    };
    attached.update({});
    const first = wrong();
    show(60); // scrolled, wrapped around the ring's end
    attached.update({});
    const second = wrong();
    return { layers: states[0].layers.length, init: init[0].viewPixelWidth === width, first, second, size: [layer.width, layer.height], error: gl.getError() };
  });
  assert.deepEqual([result.layers, result.init, result.error], [2, true, 0]);
  for (const { rows, ink } of [result.first, result.second]) assert.ok(rows === 0 && ink > 200, JSON.stringify(result));
  assert.ok(result.size[0] > 0.1 && result.size[1] > 0.1);
  await closePage(page);
});

it('has no emulator in the bundle, and three.js only behind the door', async () => {
  const outDir = mkdtempSync(join(tmpdir(), 'ondol-xr-build-'));
  try {
    await build({ root: kWeb, configFile: false, publicDir: false, logLevel: 'error', build: { outDir, emptyOutDir: true, lib: { entry: join(kWeb, 'src/xr/index.ts'), formats: ['es'], fileName: 'door' } } });
    const files = readdirSync(outDir).filter((name) => name.endsWith('.js') || name.endsWith('.mjs'));
    assert.ok(files.length >= 2);
    for (const name of files) {
      const text = readFileSync(join(outDir, name), 'utf8');
      assert.doesNotMatch(text, /IWER|iwer|metaQuest|forceInstall/, name);
      if (name.startsWith('door')) assert.ok(text.length < 10_000, `the door weighs ${text.length}`);
    }
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
});
