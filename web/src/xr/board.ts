// A board: one flat thing in the room with controls and perhaps scrolling text on it (the panel, the keyboard, the captions).
// Its local units are dmm, its origin is its centre, x to the right, y up, z towards the reader; it is scaled with its distance, so
// that a dmm on it stays a dmm wherever it is carried. Positions on it (u, v) count from its upper left corner, v downwards.

import * as THREE from 'three';
import { drawWidget } from './painter';
import { Surface, type Painter, type RingSurface } from './surface';
import { kDmm, kPixelsPerDmm, type Palette } from './theme';
import { contains, widgetAt, type Rect, type Widget } from './widgets';

/** The picture leaves this edge of the backing free, whose rounded corners stay visible. */
export const kInset = 8;

export interface Hit {
  board: Board;
  u: number;
  v: number;
  distance: number; // metres along the ray
}

/** A handle outside the picture: a mesh of its own, the same kind of target as a widget. */
export interface Grip {
  id: 'grab' | 'resize';
  rect: Rect;
  mesh: THREE.Mesh<THREE.BufferGeometry, THREE.MeshBasicMaterial>;
}

export class Board {
  readonly group = new THREE.Group();
  readonly grips: Grip[] = [];
  widgets: Widget[] = [];
  ring?: { surface: RingSurface; rect: Rect };
  /** Metres from the eye that the board's size is meant for. */
  distance = 1;
  private chrome: Surface;
  private readonly backing: THREE.Mesh<THREE.BufferGeometry, THREE.MeshBasicMaterial>;
  private readonly inverse = new THREE.Matrix4();
  private readonly localOrigin = new THREE.Vector3();
  private readonly localDirection = new THREE.Vector3();

  constructor(readonly name: string, private readonly painter: Painter, private readonly palette: Palette, public width: number, public height: number) {
    const material = new THREE.MeshBasicMaterial({ color: palette.paper.panel, toneMapped: false });
    this.backing = new THREE.Mesh(roundedPlane(width, height, kDmm.corner), material);
    this.chrome = this.makeChrome();
    this.group.add(this.backing, this.chrome.mesh);
  }

  get visible(): boolean {
    return this.group.visible;
  }

  get picture(): Surface {
    return this.chrome;
  }

  /** Another size: new pictures, everything is drawn again. The caller lays out its widgets anew. */
  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.backing.geometry.dispose();
    this.backing.geometry = roundedPlane(width, height, kDmm.corner);
    this.backing.scale.set(1, 1, 1);
    this.backing.position.set(0, 0, 0);
    this.group.remove(this.chrome.mesh);
    this.chrome.dispose();
    this.chrome = this.makeChrome();
    this.group.add(this.chrome.mesh);
  }

  /** While a handle is dragged: only the backing follows, its upper left corner stays. */
  previewSize(width: number, height: number): void {
    this.backing.scale.set(width / this.width, height / this.height, 1);
    this.backing.position.set((width - this.width) / 2, (this.height - height) / 2, 0);
  }

  setRing(surface: RingSurface, rect: Rect): void {
    this.clearRing();
    this.ring = { surface, rect };
    this.place(surface.mesh, rect, 2);
    this.group.add(surface.mesh);
  }

  addGrip(grip: Grip): void {
    this.grips.push(grip);
    this.group.add(grip.mesh);
  }

  /** Puts a unit plane over `rect`, `lift` dmm in front of the backing. */
  place(mesh: THREE.Object3D, rect: Rect, lift: number): void {
    mesh.scale.set(rect.w, rect.h, 1);
    mesh.position.set(rect.x + rect.w / 2 - this.width / 2, this.height / 2 - rect.y - rect.h / 2, lift);
  }

  moveTo(position: THREE.Vector3, distance: number): void {
    this.group.position.copy(position);
    this.distance = distance;
    this.group.scale.setScalar(distance / 1000);
    this.group.updateMatrixWorld(true);
    this.inverse.copy(this.group.matrixWorld).invert();
  }

  /** World position of (u, v). */
  worldOf(u: number, v: number, out: THREE.Vector3): THREE.Vector3 {
    return out.set(u - this.width / 2, this.height / 2 - v, 0).applyMatrix4(this.group.matrixWorld);
  }

  /** Where the ray meets the board's plane from the front. Writes `hit` and gives true if that is on the board or its grips. */
  intersect(origin: THREE.Vector3, direction: THREE.Vector3, hit: Hit): boolean {
    if (!this.visible) return false;
    const o = this.localOrigin.copy(origin).applyMatrix4(this.inverse);
    const d = this.localDirection.copy(direction).transformDirection(this.inverse);
    if (o.z <= 0 || d.z >= -1e-4) return false;
    const t = -o.z / d.z;
    this.setHit(o.x + d.x * t, o.y + d.y * t, t * this.group.scale.x, hit);
    return this.covers(hit.u, hit.v);
  }

  /** The foot of a point on the board's plane; `hit.distance` is signed: positive in front of the board. */
  project(point: THREE.Vector3, hit: Hit): boolean {
    if (!this.visible) return false;
    const p = this.localOrigin.copy(point).applyMatrix4(this.inverse);
    this.setHit(p.x, p.y, p.z * this.group.scale.x, hit);
    return this.covers(hit.u, hit.v);
  }

  gripAt(u: number, v: number): Grip | undefined {
    for (const grip of this.grips) if (contains(grip.rect, u, v)) return grip;
    return undefined;
  }

  widgetAt(u: number, v: number): Widget | undefined {
    return widgetAt(this.widgets, u, v);
  }

  onRing(u: number, v: number): boolean {
    return this.ring !== undefined && this.ring.surface.mesh.visible && contains(this.ring.rect, u, v);
  }

  /** Draws the widgets that changed; once per frame. */
  paint(): void {
    for (const widget of this.widgets) {
      if (!widget.dirty) continue;
      widget.dirty = false;
      const { x, y, w, h } = widget.rect;
      this.paintRect({ x: x - 3, y: y - 3, w: w + 6, h: h + 6 }, (context) => drawWidget(context, widget, this.palette));
    }
    this.chrome.flush();
    this.ring?.surface.flush();
  }

  /** Empty paper everywhere, all widgets to be drawn again. */
  wipe(): void {
    this.paintRect({ x: 0, y: 0, w: this.width, h: this.height }, (context) => {
      context.fillStyle = this.palette.paper.panel;
      context.fillRect(0, 0, this.width, this.height);
    });
    for (const widget of this.widgets) widget.dirty = true;
  }

  dispose(): void {
    this.clearRing();
    this.chrome.dispose();
    for (const mesh of [this.backing, ...this.grips.map((grip) => grip.mesh)]) {
      mesh.geometry.dispose();
      mesh.material.dispose();
    }
    this.group.removeFromParent();
  }

  /** `draw` works in dmm from the board's corner. */
  private paintRect(rect: Rect, draw: (context: CanvasRenderingContext2D) => void): void {
    const scale = kPixelsPerDmm;
    this.chrome.paint((rect.x - kInset) * scale, (rect.y - kInset) * scale, rect.w * scale, rect.h * scale, (context) => {
      context.translate(-kInset * scale, -kInset * scale);
      context.scale(scale, scale);
      draw(context);
    });
  }

  private makeChrome(): Surface {
    const [w, h] = [this.width - 2 * kInset, this.height - 2 * kInset];
    const surface = new Surface(this.painter, Math.round(w * kPixelsPerDmm), Math.round(h * kPixelsPerDmm));
    this.place(surface.mesh, { x: kInset, y: kInset, w, h }, 1);
    return surface;
  }

  private clearRing(): void {
    if (this.ring === undefined) return;
    this.group.remove(this.ring.surface.mesh);
    this.ring.surface.dispose();
    this.ring = undefined;
  }

  private setHit(x: number, y: number, distance: number, hit: Hit): void {
    hit.board = this;
    hit.u = x + this.width / 2;
    hit.v = this.height / 2 - y;
    hit.distance = distance;
  }

  private covers(u: number, v: number): boolean {
    return (u >= 0 && u < this.width && v >= 0 && v < this.height) || this.gripAt(u, v) !== undefined;
  }
}

export function roundedPlane(width: number, height: number, radius: number): THREE.BufferGeometry {
  const shape = new THREE.Shape();
  const [w, h, r] = [width / 2, height / 2, Math.min(radius, width / 2, height / 2)];
  shape.moveTo(-w + r, -h);
  shape.lineTo(w - r, -h).absarc(w - r, -h + r, r, -Math.PI / 2, 0, false);
  shape.lineTo(w, h - r).absarc(w - r, h - r, r, 0, Math.PI / 2, false);
  shape.lineTo(-w + r, h).absarc(-w + r, h - r, r, Math.PI / 2, Math.PI, false);
  shape.lineTo(-w, -h + r).absarc(-w + r, -h + r, r, Math.PI, Math.PI * 1.5, false);
  return new THREE.ShapeGeometry(shape, 8);
}
