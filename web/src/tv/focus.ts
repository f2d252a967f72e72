// The one visible focus of the TV: arrows move it by geometry over whatever controls the top layer shows.
//
// A control is a button that is not disabled, or an element with data-focus. One that also has data-scroll
// takes up and down for itself while there is something left to scroll. The focus never leaves the layer and
// never gets lost: if the focused control disappears, the nearest one takes over.

import { type Box, type Direction, isVertical, middle, neighbour } from './geometry';

const kControls = 'button:not([disabled]), [data-focus]';

function boxOf(control: Element): Box {
  const rect = control.getBoundingClientRect();
  return { left: rect.left, top: rect.top, right: rect.right, bottom: rect.bottom };
}

function isShown(control: Element): boolean {
  return control.getClientRects().length > 0;
}

// Scrolls by most of a page; false at the end, where the arrow means "leave".
function scrollRegion(region: Element, direction: Direction): boolean {
  if (!region.hasAttribute('data-scroll') || !isVertical(direction)) return false;
  const before = region.scrollTop;
  region.scrollTop += (direction === 'down' ? 0.6 : -0.6) * region.clientHeight;
  return Math.abs(region.scrollTop - before) >= 1;
}

export class SpatialFocus {
  private layer: HTMLElement | undefined;
  private last: Box | undefined;
  // Where on the other axis the walk began, as long as it goes on from where the last arrow led.
  private goal: { vertical: boolean; at: number; reached: HTMLElement | undefined } | undefined;

  constructor(private readonly document: Document) {
    // A pointer (the Magic Remote has one) moves the same focus; there is no second one.
    document.addEventListener('mouseover', (event) => {
      const control = event.target instanceof Element ? event.target.closest<HTMLElement>(kControls) : null;
      if (control && control !== this.current() && this.controls().indexOf(control) >= 0) this.take(control);
    });
    document.addEventListener('mousedown', (event) => event.preventDefault());
    document.addEventListener('focusout', () => setTimeout(() => this.ensure(), 0));
  }

  // `first` takes the focus; without it, the control with data-first, or the first one there is.
  enter(layer: HTMLElement, first?: HTMLElement | null): void {
    this.layer = layer;
    this.last = undefined;
    this.goal = undefined;
    if (first && this.controls().indexOf(first) >= 0) this.take(first);
    else this.ensure();
  }

  controls(): HTMLElement[] {
    if (!this.layer) return [];
    return Array.from(this.layer.querySelectorAll<HTMLElement>(kControls)).filter(isShown);
  }

  current(): HTMLElement | undefined {
    const active = this.document.activeElement;
    if (!(active instanceof HTMLElement) || !this.layer || !this.layer.contains(active)) return undefined;
    return active.matches(kControls) && isShown(active) ? active : undefined;
  }

  take(control: HTMLElement): void {
    if (!control.matches('button')) control.tabIndex = -1;
    control.focus({ preventScroll: true });
    this.last = boxOf(control);
  }

  // A key that is no arrow ends the walk: the next one begins where the focus is.
  rest(): void {
    this.goal = undefined;
  }

  // Called after everything that may have removed or disabled controls.
  ensure(): void {
    if (this.current()) return;
    const controls = this.controls();
    const first = controls.filter((control) => control.hasAttribute('data-first'))[0];
    const next = this.last ? nearest(this.last, controls) : (first ?? controls[0]);
    if (next) this.take(next);
  }

  move(direction: Direction): void {
    const from = this.current();
    if (!from) return this.ensure();
    if (scrollRegion(from, direction)) return;
    const others = this.controls().filter((control) => control !== from);
    const box = boxOf(from);
    const vertical = isVertical(direction);
    const goesOn = this.goal && this.goal.vertical === vertical && this.goal.reached === from;
    const at = goesOn && this.goal ? this.goal.at : middle(box, direction);
    const next = others[neighbour(box, others.map(boxOf), direction, at)];
    this.goal = { vertical, at, reached: next };
    if (next) this.take(next);
  }
}

function nearest(from: Box, controls: HTMLElement[]): HTMLElement | undefined {
  let best: HTMLElement | undefined;
  let bestDistance = Infinity;
  for (const control of controls) {
    const box = boxOf(control);
    const distance =
      Math.abs(middle(box, 'left') - middle(from, 'left')) + Math.abs(middle(box, 'up') - middle(from, 'up'));
    if (distance < bestDistance) {
      best = control;
      bestDistance = distance;
    }
  }
  return best;
}
