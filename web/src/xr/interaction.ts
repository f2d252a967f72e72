// What pointing and pressing do: hover, press, drag to scroll, carry, resize. One press per pointer; two hands may work at once.
// The rule of every button holds: it acts when the press ends where it began.

import type { Board, Grip, Hit } from './board';
import { Grab } from './grab';
import type { Head } from './placement';
import type { Pointer, PointerListener } from './pointers';
import type { Scroll } from './scroll';
import { kPixelsPerDmm } from './theme';
import { touch } from './touch';
import { setWidget, type Widget } from './widgets';

const kSlop = 26; // dmm that a press may wander before it becomes a drag
const kStickSpeed = 1500; // pixels per second
const kDeadZone = 0.15;
const kRepeatAfter = 0.45; // seconds
const kRepeatEvery = 0.07;

interface Press {
  board: Board;
  widget?: Widget;
  mode: 'widget' | 'scroll' | 'grab' | 'resize' | 'none';
  startU: number;
  startV: number;
  lastV: number;
  width: number;
  height: number;
  heldFor: number;
  grab?: Grab;
}

export interface InteractionHost {
  boards(): readonly Board[]; // front to back: the first that is hit counts
  head(): Head;
  scrollOf(board: Board): Scroll | undefined;
  movable(): boolean; // not pinned
  resize(width: number, height: number): void;
  moved(): void;
  pressed(id: string): void;
}

export class Interaction implements PointerListener {
  private readonly presses = new Map<Pointer, Press>();
  private readonly hovered = new Set<Widget>();
  private readonly scratch = { u: 0, v: 0, distance: 0 } as Hit;
  private hoveredGrip?: Grip;
  private touched = false;

  constructor(private readonly host: InteractionHost) {}

  /** Something was pressed, released or pointed at since the last call. */
  takeChange(): boolean {
    const { touched } = this;
    this.touched = false;
    return touched;
  }

  /** The handle that is pointed at, for the scene to light up. */
  get grip(): Grip | undefined {
    return this.hoveredGrip;
  }

  down(pointer: Pointer): void {
    this.aim(pointer);
    const { hit } = pointer;
    if (hit === undefined) return;
    this.end(pointer); // whatever was still held
    const widget = hit.board.widgetAt(hit.u, hit.v);
    const grip = hit.board.gripAt(hit.u, hit.v);
    const press: Press = {
      board: hit.board, widget, mode: 'none', startU: hit.u, startV: hit.v, lastV: hit.v,
      width: hit.board.width, height: hit.board.height, heldFor: 0,
    };
    if (grip !== undefined) this.startGrip(pointer, press, grip.id);
    else if (widget !== undefined) press.mode = 'widget';
    else if (hit.board.onRing(hit.u, hit.v)) this.startScroll(press);
    if (widget !== undefined) setWidget(widget, { pressed: true });
    this.presses.set(pointer, press);
    this.touched = true;
    buzz(pointer, widget !== undefined || grip !== undefined);
  }

  up(pointer: Pointer): void {
    this.aim(pointer); // where it is now, not where it was a frame ago
    this.end(pointer);
  }

  private end(pointer: Pointer): void {
    const press = this.presses.get(pointer);
    if (press === undefined) return;
    this.presses.delete(pointer);
    this.touched = true;
    const { widget, board } = press;
    if (press.mode === 'scroll') this.host.scrollOf(board)?.letGo();
    if (press.mode === 'resize' && pointer.hit !== undefined) this.finishResize(pointer, press);
    if (widget === undefined) return;
    setWidget(widget, { pressed: false });
    const repeated = widget.repeats === true && press.heldFor > kRepeatAfter;
    if (press.mode === 'widget' && !repeated && widget.enabled && this.stillOn(pointer, press)) this.press(widget);
  }

  /** The grip button carries the panel wherever it is held. */
  squeeze(pointer: Pointer, held: boolean): void {
    if (!held) return this.end(pointer);
    this.aim(pointer);
    const { hit } = pointer;
    if (hit === undefined || hit.board.grips.length === 0) return;
    const press: Press = { board: hit.board, mode: 'none', startU: hit.u, startV: hit.v, lastV: hit.v, width: 0, height: 0, heldFor: 0 };
    this.startGrip(pointer, press, 'grab');
    this.presses.set(pointer, press);
  }

  gone(pointer: Pointer): void {
    const press = this.presses.get(pointer);
    if (press === undefined) return;
    if (press.mode === 'widget') press.mode = 'none'; // it was never released over the button
    this.end(pointer);
  }

  /** Once per frame, after the poses. */
  update(pointers: readonly Pointer[], seconds: number): void {
    for (const pointer of pointers) {
      this.touchOrAim(pointer);
      const press = this.presses.get(pointer);
      if (press !== undefined) this.hold(pointer, press, seconds);
      this.stick(pointer, press, seconds);
    }
    this.hover(pointers);
  }

  private touchOrAim(pointer: Pointer): void {
    const change = touch(pointer, this.host.boards(), this.scratch);
    if (!pointer.touching && change === undefined) this.aim(pointer);
    if (change === 'down') this.down(pointer);
    if (change === 'up') this.end(pointer);
  }

  private aim(pointer: Pointer): void {
    if (pointer.touching) return;
    pointer.hit = undefined;
    if (!pointer.tracked) return;
    for (const board of this.host.boards()) {
      if (!board.intersect(pointer.origin, pointer.direction, this.scratch)) continue;
      if (pointer.hit !== undefined && pointer.hit.distance <= this.scratch.distance) continue;
      Object.assign(pointer.hitStore, this.scratch);
      pointer.hit = pointer.hitStore;
    }
    const press = this.presses.get(pointer);
    if (press !== undefined && pointer.hit === undefined) this.aimBeyond(pointer, press);
  }

  /** A drag goes on beyond the board's edge. */
  private aimBeyond(pointer: Pointer, press: Press): void {
    this.scratch.distance = 0;
    press.board.intersect(pointer.origin, pointer.direction, this.scratch);
    if (this.scratch.distance <= 0) return;
    Object.assign(pointer.hitStore, this.scratch);
    pointer.hit = pointer.hitStore;
  }

  private press(widget: Widget): void {
    this.touched = true;
    this.host.pressed(widget.id);
    widget.press();
  }

  private stillOn(pointer: Pointer, press: Press): boolean {
    const { hit } = pointer;
    return hit !== undefined && hit.board === press.board && press.board.widgetAt(hit.u, hit.v) === press.widget;
  }

  private startGrip(pointer: Pointer, press: Press, id: Grip['id']): void {
    if (!this.host.movable()) return;
    press.mode = id;
    if (id === 'grab') press.grab = new Grab(pointer, press.board);
  }

  private startScroll(press: Press): void {
    press.mode = 'scroll';
    this.host.scrollOf(press.board)?.hold();
  }

  private hold(pointer: Pointer, press: Press, seconds: number): void {
    press.heldFor += seconds;
    const { hit } = pointer;
    if (press.mode === 'grab') {
      press.grab?.update(this.host.head(), stickOf(pointer), seconds);
      this.host.moved();
    } else if (hit === undefined || hit.board !== press.board) {
      return;
    } else if (press.mode === 'scroll') {
      this.host.scrollOf(press.board)?.drag((press.lastV - hit.v) * kPixelsPerDmm, seconds);
    } else if (press.mode === 'resize') {
      const [w, h] = sizeAt(press, hit);
      press.board.previewSize(w, h);
    } else if (press.mode === 'widget' && press.widget !== undefined) {
      this.holdWidget(press, press.widget, hit, seconds);
    }
    if (hit !== undefined) press.lastV = hit.v;
  }

  private holdWidget(press: Press, widget: Widget, hit: Hit, seconds: number): void {
    if (widget.repeats === true && press.heldFor > kRepeatAfter) {
      const before = Math.floor((press.heldFor - seconds - kRepeatAfter) / kRepeatEvery);
      if (Math.floor((press.heldFor - kRepeatAfter) / kRepeatEvery) > before) this.press(widget);
      return;
    }
    const outside = press.board.widgetAt(hit.u, hit.v) !== widget;
    if (!outside || Math.hypot(hit.u - press.startU, hit.v - press.startV) < kSlop) return;
    setWidget(widget, { pressed: false });
    press.mode = 'none';
  }

  private finishResize(pointer: Pointer, press: Press): void {
    const { hit } = pointer;
    if (hit === undefined) return;
    const [w, h] = sizeAt(press, hit);
    this.host.resize(w, h);
  }

  private stick(pointer: Pointer, press: Press | undefined, seconds: number): void {
    const y = stickOf(pointer);
    if (y === 0 || press?.mode === 'grab' || pointer.hit === undefined) return;
    this.host.scrollOf(pointer.hit.board)?.push(y * kStickSpeed * seconds);
  }

  private hover(pointers: readonly Pointer[]): void {
    for (const widget of this.hovered) if (!this.isHovered(pointers, widget)) this.leave(widget);
    let grip: Grip | undefined;
    for (const pointer of pointers) {
      const { hit } = pointer;
      if (hit === undefined) continue;
      const widget = hit.board.widgetAt(hit.u, hit.v);
      grip ??= hit.board.gripAt(hit.u, hit.v);
      if (widget === undefined || this.hovered.has(widget)) continue;
      this.hovered.add(widget);
      this.touched = true;
      setWidget(widget, { hovered: true });
    }
    if (grip !== this.hoveredGrip) this.touched = true;
    this.hoveredGrip = grip;
  }

  private isHovered(pointers: readonly Pointer[], widget: Widget): boolean {
    for (const pointer of pointers) {
      if (pointer.hit !== undefined && pointer.hit.board.widgetAt(pointer.hit.u, pointer.hit.v) === widget) return true;
    }
    return false;
  }

  private leave(widget: Widget): void {
    this.hovered.delete(widget);
    this.touched = true;
    setWidget(widget, { hovered: false });
  }
}

/** The corner goes where the pointer went. */
function sizeAt(press: Press, hit: Hit): [number, number] {
  return [press.width + (hit.u - press.startU), press.height + (hit.v - press.startV)];
}

function stickOf(pointer: Pointer): number {
  const axes = pointer.source.gamepad?.axes;
  const y = axes === undefined ? 0 : (axes[3] ?? axes[1] ?? 0);
  return Math.abs(y) < kDeadZone ? 0 : y;
}

function buzz(pointer: Pointer, felt: boolean): void {
  const haptics = pointer.source.gamepad?.hapticActuators?.[0] as { pulse?(strength: number, ms: number): unknown } | undefined;
  if (felt) void haptics?.pulse?.(0.25, 14);
}
