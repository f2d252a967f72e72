// Controls on a board: rectangles that can be pointed at and pressed. Positions are in dmm from the board's upper left corner.
// A press counts when it starts and ends on the same widget (as buttons do everywhere), so a drag away takes it back.

import type { Icon } from './painter';
import { kDmm } from './theme';

export interface Rect {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** 'text', 'title' and 'draft' are shown but cannot be pressed. */
export type Look = 'plain' | 'primary' | 'quiet' | 'field' | 'card' | 'key' | 'text' | 'title' | 'draft';

export interface Widget {
  id: string;
  rect: Rect;
  label: string;
  /** A second, smaller line (titles). */
  sub: string;
  /** What it does, in words: shown while it is pointed at. */
  tip: string;
  icon?: Icon;
  look: Look;
  size?: number; // of the label, dmm
  enabled: boolean;
  /** Toggled on. */
  active: boolean;
  /** The label is a hint, not a value (fields). */
  hint: boolean;
  hovered: boolean;
  pressed: boolean;
  /** Has to be drawn again. */
  dirty: boolean;
  press: () => void;
  /** Repeats while held (Backspace). */
  repeats?: boolean;
}

export interface WidgetInit {
  id: string;
  rect: Rect;
  label?: string;
  tip?: string;
  icon?: Icon;
  look?: Look;
  size?: number;
  repeats?: boolean;
  press?: () => void;
}

function isPassive(look: Look): boolean {
  return look === 'text' || look === 'title' || look === 'draft';
}

/** REQUIRES: what can be pressed has at least kDmm.target on both sides; what is smaller cannot be hit with a tired arm. */
export function makeWidget(init: WidgetInit): Widget {
  const small = Math.min(init.rect.w, init.rect.h) < kDmm.target;
  if (small && !isPassive(init.look ?? 'plain')) throw new Error(`target too small: ${init.id}`);
  return { label: '', sub: '', tip: '', look: 'plain', press: () => {}, enabled: true, active: false, hint: false, hovered: false, pressed: false, dirty: true, ...init };
}

/** Changes what differs, and marks the widget for drawing only then. */
export function setWidget(widget: Widget, change: Partial<Pick<Widget, 'label' | 'sub' | 'tip' | 'icon' | 'look' | 'enabled' | 'active' | 'hint' | 'hovered' | 'pressed'>>): void {
  for (const [key, value] of Object.entries(change) as [keyof typeof change, never][]) {
    if (widget[key] === value) continue;
    widget[key] = value;
    widget.dirty = true;
  }
}

export function contains(rect: Rect, x: number, y: number): boolean {
  return x >= rect.x && x < rect.x + rect.w && y >= rect.y && y < rect.y + rect.h;
}

export function widgetAt(widgets: readonly Widget[], x: number, y: number): Widget | undefined {
  for (const widget of widgets) if (widget.enabled && !isPassive(widget.look) && contains(widget.rect, x, y)) return widget;
  return undefined;
}
