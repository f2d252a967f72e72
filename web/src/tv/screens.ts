// The screens of the TV, one on top of the other. Only the top one is shown and can have the focus; Back closes
// it, and the one below gets the focus back where it was.

import { show } from './dom';
import type { SpatialFocus } from './focus';
import type { RemoteKey } from './remote';

export interface Screen {
  readonly name: string;       // for tests and for people who read the page's source
  readonly root: HTMLElement;
  shown?(): void;              // each time it comes to the top
  closed?(): void;
  key?(key: RemoteKey): boolean;         // true: dealt with
  text?(character: string): boolean;     // from a keyboard that is plugged in
}

export class Screens {
  private readonly stack: { screen: Screen; focused?: HTMLElement }[] = [];

  // `leave` is what Back means on the last screen.
  constructor(private readonly place: HTMLElement, private readonly focus: SpatialFocus, private readonly leave: () => void) {}

  top(): Screen | undefined {
    return this.stack[this.stack.length - 1]?.screen;
  }

  open(screen: Screen): void {
    const below = this.stack[this.stack.length - 1];
    if (below) below.focused = this.focus.current();
    this.stack.push({ screen });
    this.show();
  }

  // Takes everything away but the new screen.
  restart(screen: Screen): void {
    while (this.stack.length > 0) this.stack.pop()?.screen.closed?.();
    this.open(screen);
  }

  back(): void {
    if (this.stack.length < 2) return this.leave();
    this.stack.pop()?.screen.closed?.();
    this.show();
  }

  close(screen: Screen): void {
    if (this.top() === screen) this.back();
  }

  private show(): void {
    const entry = this.stack[this.stack.length - 1];
    if (!entry) return;
    show(this.place, entry.screen.root);
    this.place.setAttribute('data-screen', entry.screen.name);
    entry.screen.shown?.();
    this.focus.enter(entry.screen.root, entry.focused);
  }
}
