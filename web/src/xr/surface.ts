// Pixels for panels: textures that are drawn line by line. Text is drawn into one small scratch canvas, kept in the CPU's memory,
// and only that piece is uploaded: a streamed token costs one line, never the panel.
// Owner: a Board. Thread: the page's own; paint calls happen inside an XR frame.
// Surface: a fixed picture (header, keyboard). RingSurface: scrolling text; its rows wrap around (row y lies at y mod height), so that
// scrolling moves texture coordinates and draws only the lines that come into view.

import * as THREE from 'three';
import { changedColumns, type Line } from './layout';

export type Draw = (context: CanvasRenderingContext2D) => void;
const kScratchRows = 128; // few: the browser copies the canvas whenever it is drawn on after an upload

/** Counters of what was drawn: shown by the debug readout, read by the tests. */
export interface PaintCount {
  lines: number;
  uploads: number;
  uploadedBytes: number;
}

export class Painter {
  readonly count: PaintCount = { lines: 0, uploads: 0, uploadedBytes: 0 };
  private readonly canvas = document.createElement('canvas');
  private readonly context: CanvasRenderingContext2D;
  private readonly gl: WebGL2RenderingContext;
  private readonly anisotropy: number;

  constructor(private readonly renderer: THREE.WebGLRenderer) {
    this.gl = renderer.getContext() as WebGL2RenderingContext;
    this.anisotropy = renderer.capabilities.getMaxAnisotropy();
    this.canvas.width = 64;
    this.canvas.height = kScratchRows;
    // Read by the GPU upload at once: a CPU canvas spares a round trip through the compositor's GPU process.
    const context = this.canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    if (context === null) throw new Error('no 2D canvas');
    this.context = context;
  }

  makeTexture(width: number, height: number): THREE.DataTexture {
    const texture = new THREE.DataTexture(null, width, height, THREE.RGBAFormat, THREE.UnsignedByteType);
    texture.colorSpace = THREE.SRGBColorSpace;
    texture.wrapT = THREE.RepeatWrapping;
    texture.generateMipmaps = true;
    texture.minFilter = THREE.LinearMipmapLinearFilter;
    texture.magFilter = THREE.LinearFilter;
    texture.anisotropy = this.anisotropy;
    texture.flipY = false;
    texture.source.dataReady = false; // memory only: the pixels come piece by piece
    texture.needsUpdate = true;
    this.renderer.initTexture(texture);
    return texture;
  }

  /** Draws `draw` (whose origin is the rectangle's corner) and uploads it to (x, y) of the texture. REQUIRES: h <= kScratchRows. */
  paint(texture: THREE.Texture, x: number, y: number, w: number, h: number, draw: Draw): void {
    if (this.canvas.width < w) this.canvas.width = w;
    const context = this.context;
    context.save();
    context.beginPath();
    context.rect(0, 0, w, h);
    context.clip();
    draw(context);
    context.restore();
    this.upload(texture, x, y, w, h);
  }

  mipmaps(texture: THREE.Texture): void {
    this.bind(texture);
    this.gl.generateMipmap(this.gl.TEXTURE_2D);
  }

  private bind(texture: THREE.Texture): void {
    const properties = this.renderer.properties.get(texture) as { __webglTexture?: WebGLTexture };
    this.renderer.state.bindTexture(this.gl.TEXTURE_2D, properties.__webglTexture as WebGLTexture);
  }

  private upload(texture: THREE.Texture, x: number, y: number, w: number, h: number): void {
    const { gl } = this;
    const state = this.renderer.state as unknown as { pixelStorei(name: number, value: number | boolean): void };
    this.bind(texture);
    // Through three's own state, which remembers these values.
    state.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    state.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    state.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, w, h, gl.RGBA, gl.UNSIGNED_BYTE, this.canvas);
    this.count.uploads++;
    this.count.uploadedBytes += w * h * 4;
  }
}

abstract class Picture {
  readonly texture: THREE.DataTexture;
  readonly mesh: THREE.Mesh<THREE.PlaneGeometry, THREE.MeshBasicMaterial>;
  protected stale = false; // mipmaps
  /** Grows with every change; whoever copies the pixels elsewhere (layers.ts) compares it. */
  version = 0;

  constructor(protected readonly painter: Painter, readonly width: number, readonly height: number, readonly rows: number) {
    this.texture = painter.makeTexture(width, rows);
    const geometry = new THREE.PlaneGeometry(1, 1);
    // Row 0 is the top: v grows downwards.
    geometry.setAttribute('uv', new THREE.Float32BufferAttribute([0, 0, 1, 0, 0, height / rows, 1, height / rows], 2));
    this.mesh = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ map: this.texture, toneMapped: false }));
  }

  /** Once per frame, after all painting. */
  flush(): void {
    if (!this.stale) return;
    this.painter.mipmaps(this.texture);
    this.stale = false;
    this.version++;
  }

  dispose(): void {
    this.texture.dispose();
    this.mesh.geometry.dispose();
    this.mesh.material.dispose();
  }
}

export class Surface extends Picture {
  constructor(painter: Painter, width: number, height: number) {
    super(painter, width, height, height);
  }

  /** Repaints a rectangle (canvas pixels of this surface); `draw` works in the surface's own coordinates. */
  paint(x: number, y: number, w: number, h: number, draw: Draw): void {
    const [left, top] = [Math.max(0, Math.floor(x)), Math.max(0, Math.floor(y))];
    const [right, bottom] = [Math.min(this.width, Math.ceil(x + w)), Math.min(this.height, Math.ceil(y + h))];
    for (let row = top; row < bottom; row += kScratchRows) {
      const rows = Math.min(kScratchRows, bottom - row);
      this.painter.paint(this.texture, left, row, right - left, rows, (context) => {
        context.translate(-left, -row);
        draw(context);
      });
    }
    this.stale = true;
  }
}

export type DrawLine = (context: CanvasRenderingContext2D, line: Line | undefined, width: number) => void;
export const kTallestLine = 128; // the tallest that layout.ts makes is a heading of 110

export class RingSurface extends Picture {
  scroll = 0; // content row at the top of the view
  private readonly shown = new Map<number, { line: Line; top: number }>();
  private contentEnd = 0;

  constructor(painter: Painter, width: number, height: number, private readonly drawLine: DrawLine) {
    const rows = height + 2 * kTallestLine;
    super(painter, width, height, rows);
    this.clear(0, rows);
  }

  /** Draws what is in view and not yet drawn. `tops[i]` is the content row of line i, `end` the row after the last. */
  sync(lines: readonly Line[], tops: readonly number[], end: number): void {
    const bottom = this.scroll + this.height;
    if (end < this.contentEnd) this.blank(end, Math.min(this.contentEnd, bottom));
    this.contentEnd = end;
    for (let i = firstLine(tops, this.scroll); i < lines.length; i++) {
      const [line, top] = [lines[i], tops[i]];
      if (line === undefined || top === undefined || top >= bottom) break;
      const seen = this.shown.get(i);
      if (seen !== undefined && seen.line === line && seen.top === top) continue;
      this.draw(i, line, top);
    }
    this.texture.offset.y = (this.scroll % this.rows) / this.rows;
  }

  /** Forgets everything: another conversation, another width. */
  reset(): void {
    this.shown.clear();
    this.clear(0, this.rows);
    this.contentEnd = 0;
  }

  /** The texture's row that holds content row `y`. */
  rowOf(y: number): number {
    return Math.floor(y) % this.rows;
  }

  private draw(index: number, line: Line, top: number): void {
    const seen = this.shown.get(index);
    const columns = seen?.top === top ? changedColumns(seen.line, line) : undefined;
    const left = Math.min(columns?.[0] ?? 0, this.width - 1);
    const right = Math.min(columns?.[1] ?? this.width, this.width);
    this.evict(index, top, top + line.height);
    this.rowsOf(top, line.height, (row, from, count) => {
      this.painter.paint(this.texture, left, row, right - left, count, (context) => {
        context.translate(-left, -from);
        this.drawLine(context, line, this.width);
      });
    });
    this.shown.set(index, { line, top });
    this.painter.count.lines++;
    this.stale = true;
  }

  /** Lines whose rows these rows overwrite are no longer there. */
  private evict(index: number, top: number, bottom: number): void {
    for (const [i, seen] of this.shown) {
      if (i === index) continue;
      const apart = (((seen.top - top) % this.rows) + this.rows) % this.rows;
      const overlaps = apart < bottom - top || apart + seen.line.height > this.rows;
      if (overlaps) this.shown.delete(i);
    }
  }

  private blank(from: number, to: number): void {
    if (to <= from) return;
    for (const [i, seen] of this.shown) if (seen.top + seen.line.height > from) this.shown.delete(i);
    this.rowsOf(from, Math.min(to - from, this.rows), (row, _, count) => this.clear(row, count));
  }

  private clear(row: number, count: number): void {
    for (let done = 0; done < count; done += kScratchRows) {
      const rows = Math.min(kScratchRows, count - done);
      this.painter.paint(this.texture, 0, row + done, this.width, rows, (context) => this.drawLine(context, undefined, this.width));
    }
    this.stale = true;
  }

  /** Calls `piece` once, or twice where the rows wrap around the ring's end. */
  private rowsOf(top: number, height: number, piece: (row: number, from: number, count: number) => void): void {
    const row = this.rowOf(top);
    const first = Math.min(height, this.rows - row);
    piece(row, 0, first);
    if (first < height) piece(0, first, height - first);
  }
}

/** The last line that starts at or above row `y` (0 where there is none): binary search, `tops` ascend. */
export function firstLine(tops: readonly number[], y: number): number {
  let [low, high] = [0, tops.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tops[middle] ?? 0) <= y) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
