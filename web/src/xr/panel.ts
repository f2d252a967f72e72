// The panel: title and tools above, the conversation, what one can do with the last answer, and the line to write in. It shows a
// PanelState and calls back; it knows neither the session nor the server.

import * as THREE from 'three';
import { Board, roundedPlane, type Grip } from './board';
import type { Measure } from './inline';
import { drawLine } from './painter';
import { Scroll } from './scroll';
import { RingSurface, type Painter } from './surface';
import type { HeadsetStrings } from './strings';
import { kDmm, kPanel, kPixelsPerDmm, type Palette } from './theme';
import { Transcript, type ShownTurn } from './transcript';
import { makeWidget, setWidget, type Rect, type Widget, type WidgetInit } from './widgets';

export interface PanelState {
  model: string;
  status: string;
  alarming: boolean; // the status is an error
  draft: string;
  busy: boolean; // an answer is under way
  failed: boolean;
  answered: boolean; // there is an answer to read aloud or ask again
  empty: boolean; // no turns yet
  pinned: boolean;
  captions: boolean;
  speaking: boolean;
  talk: 'unavailable' | 'ready' | 'recording' | 'working';
}

export interface PanelActions {
  fresh(): void;
  captions(): void;
  pin(): void;
  recentre(): void;
  leave(): void;
  starter(text: string): void;
  speak(): void;
  again(): void;
  talk(): void;
  write(): void;
  send(): void;
  stop(): void;
}

const kTool = 54;
const kRow = kDmm.target; // what one can do with the answer
const kComposer = 56;

export class Panel {
  readonly board: Board;
  readonly scroll = new Scroll();
  transcript: Transcript;
  private byId = new Map<string, Widget>();
  private turns: readonly ShownTurn[] = [];

  constructor(
    private readonly painter: Painter,
    private readonly palette: Palette,
    private readonly text: HeadsetStrings,
    private readonly actions: PanelActions,
    private readonly measure: Measure,
  ) {
    this.board = new Board('panel', painter, palette, kPanel.width, kPanel.height);
    this.transcript = this.build();
    this.addGrips();
  }

  /** The scrolling text's own rectangle, in dmm. */
  private view(): Rect {
    const top = kDmm.padding + kTool + kDmm.gap;
    return { x: kDmm.padding, y: top, w: this.board.width - 2 * kDmm.padding, h: this.board.height - top - kRow - kComposer - 2 * kDmm.gap - kDmm.padding };
  }

  resize(width: number, height: number): void {
    const w = Math.round(Math.max(kPanel.minWidth, Math.min(kPanel.maxWidth, width)));
    const h = Math.round(Math.max(kPanel.minHeight, Math.min(kPanel.maxHeight, height)));
    this.board.resize(w, h);
    this.transcript = this.build();
    this.placeGrips();
    this.showTurns(this.turns);
  }

  show(state: PanelState): void {
    const { text } = this;
    this.set('title', { sub: state.model });
    this.set('pin', { active: state.pinned, tip: state.pinned ? text.unpin : text.pin });
    this.set('status', { label: this.hoveredTip() ?? state.status, active: state.alarming && this.hoveredTip() === undefined });
    this.set('captions', { active: state.captions });
    this.set('speak', { enabled: state.answered && !state.busy, active: state.speaking, label: state.speaking ? text.silence : text.speak });
    this.set('again', { enabled: (state.answered || state.failed) && !state.busy, label: state.failed ? text.retry : text.again });
    this.set('talk', { active: state.talk === 'recording', enabled: state.talk !== 'working' });
    this.set('field', { ...this.fieldLabel(state), active: state.talk === 'recording' });
    this.set('send', state.busy ? { label: text.stop, icon: 'stop', enabled: true } : { label: text.send, icon: 'send', enabled: state.draft.trim() !== '' });
    this.showEmpty(state.empty);
  }

  /** Takes up the turns; gives true when something has to be drawn. */
  showTurns(turns: readonly ShownTurn[]): boolean {
    this.turns = turns;
    const changed = this.transcript.update(turns);
    this.scroll.setLimit(this.transcript.end, this.view().h * kPixelsPerDmm);
    return changed;
  }

  /** Draws what changed; once per frame. */
  paint(): void {
    const ring = this.board.ring;
    if (ring !== undefined && ring.surface.mesh.visible) {
      const before = ring.surface.scroll;
      ring.surface.scroll = Math.round(this.scroll.position);
      ring.surface.sync(this.transcript.lines, this.transcript.tops, this.transcript.end);
      if (before !== ring.surface.scroll) ring.surface.version++;
    }
    this.board.paint();
  }

  dispose(): void {
    this.board.dispose();
  }

  private hoveredTip(): string | undefined {
    for (const widget of this.board.widgets) if (widget.hovered && widget.tip !== '') return widget.tip;
    return undefined;
  }

  private fieldLabel(state: PanelState): { label: string; hint: boolean } {
    if (state.talk === 'recording') return { label: this.text.listening, hint: true };
    if (state.talk === 'working') return { label: this.text.transcribing, hint: true };
    return state.draft === '' ? { label: this.text.write, hint: true } : { label: state.draft, hint: false };
  }

  private showEmpty(empty: boolean): void {
    const ring = this.board.ring?.surface.mesh;
    if (ring === undefined || ring.visible === !empty) return;
    ring.visible = !empty;
    for (const widget of this.board.widgets) if (widget.look === 'card') widget.enabled = empty;
    if (empty) this.board.wipe();
  }

  private set(id: string, change: Parameters<typeof setWidget>[1]): void {
    const widget = this.byId.get(id);
    if (widget !== undefined) setWidget(widget, change);
  }

  private build(): Transcript {
    this.board.widgets = [...this.header(), ...this.emptyState(), ...this.answerRow(), ...this.composer()].map(makeWidget);
    this.byId = new Map(this.board.widgets.map((widget) => [widget.id, widget]));
    this.board.wipe();
    const rect = this.view();
    const [w, h] = [Math.round(rect.w * kPixelsPerDmm), Math.round(rect.h * kPixelsPerDmm)];
    const margin = 6 * kPixelsPerDmm;
    const ring = new RingSurface(this.painter, w, h, (context, line, width) => drawLine(context, line, width, this.palette, margin));
    ring.mesh.visible = this.turns.length > 0;
    this.board.setRing(ring, rect);
    for (const widget of this.board.widgets) if (widget.look === 'card') widget.enabled = !ring.mesh.visible;
    return new Transcript(w - 2 * margin, this.measure, this.text);
  }

  private header(): WidgetInit[] {
    const { text, actions } = this;
    const tools: WidgetInit[] = [
      { id: 'fresh', icon: 'new', tip: text.fresh, press: actions.fresh, rect: zero() },
      { id: 'captions', icon: 'captions', tip: text.captions, press: actions.captions, rect: zero() },
      { id: 'pin', icon: 'pin', tip: text.pin, press: actions.pin, rect: zero() },
      { id: 'recentre', icon: 'recentre', tip: text.recentre, press: actions.recentre, rect: zero() },
      { id: 'leave', icon: 'leave', tip: text.leave, press: actions.leave, rect: zero() },
    ];
    const step = kTool + kDmm.gap;
    const left = this.board.width - kDmm.padding - tools.length * step + kDmm.gap;
    tools.forEach((tool, i) => {
      tool.rect = { x: left + i * step, y: kDmm.padding, w: kTool, h: kTool };
    });
    const x = kDmm.padding + 8;
    return [{ id: 'title', look: 'title', label: 'ondol', rect: { x, y: kDmm.padding, w: left - x - kDmm.gap, h: kTool } }, ...tools];
  }

  private emptyState(): WidgetInit[] {
    const { text, actions } = this;
    const rect = this.view();
    const [card, gap] = [56, kDmm.gap];
    const top = rect.y + Math.max(0, (rect.h - 64 - 3 * (card + gap)) / 2);
    const x = rect.x + 24;
    const w = rect.w - 48;
    const cards = text.starters.map((label, i): WidgetInit => {
      const place = { x, y: top + 64 + i * (card + gap), w, h: card };
      return { id: `starter${i + 1}`, look: 'card', label, rect: place, press: () => actions.starter(label) };
    });
    return [{ id: 'greeting', look: 'title', label: text.greeting, rect: { x: x + 4, y: top, w, h: 52 } }, ...cards];
  }

  private answerRow(): WidgetInit[] {
    const { text, actions } = this;
    const y = this.board.height - kDmm.padding - kComposer - kDmm.gap - kRow;
    const w = 156;
    const right = this.board.width - kDmm.padding;
    const left = kDmm.padding + 8;
    return [
      { id: 'status', look: 'text', rect: { x: left, y, w: right - 2 * w - 2 * kDmm.gap - left, h: kRow } },
      { id: 'speak', icon: 'speak', look: 'quiet', label: text.speak, press: actions.speak, rect: { x: right - 2 * w - kDmm.gap, y, w, h: kRow } },
      { id: 'again', icon: 'again', look: 'quiet', label: text.again, press: actions.again, rect: { x: right - w, y, w, h: kRow } },
    ];
  }

  private composer(): WidgetInit[] {
    const { text, actions } = this;
    const y = this.board.height - kDmm.padding - kComposer;
    const send = 124;
    const right = this.board.width - kDmm.padding;
    const field = kDmm.padding + kComposer + kDmm.gap;
    return [
      { id: 'talk', icon: 'mic', tip: text.talk, press: actions.talk, rect: { x: kDmm.padding, y, w: kComposer, h: kComposer } },
      { id: 'field', look: 'field', label: text.write, press: actions.write, rect: { x: field, y, w: right - send - kDmm.gap - field, h: kComposer } },
      { id: 'send', icon: 'send', look: 'primary', label: text.send, press: () => this.sendOrStop(), rect: { x: right - send, y, w: send, h: kComposer } },
    ];
  }

  private sendOrStop(): void {
    if (this.byId.get('send')?.icon === 'stop') this.actions.stop();
    else this.actions.send();
  }

  private addGrips(): void {
    const grip = (id: Grip['id'], geometry: THREE.BufferGeometry): void => {
      const material = new THREE.MeshBasicMaterial({ color: this.palette.ink.muted, toneMapped: false });
      this.board.addGrip({ id, rect: zero(), mesh: new THREE.Mesh(geometry, material) });
    };
    grip('grab', roundedPlane(150, 10, 5));
    grip('resize', cornerMark());
    this.placeGrips();
  }

  /** Below the panel: the bar that carries it, and at its right end the corner that resizes it. */
  private placeGrips(): void {
    const { width, height } = this.board;
    for (const grip of this.board.grips) {
      const w = grip.id === 'grab' ? 230 : 60;
      grip.rect = { x: grip.id === 'grab' ? (width - w) / 2 : width - w, y: height, w, h: 56 };
      const middle = grip.rect.x + w / 2 - width / 2;
      grip.mesh.position.set(middle, -height / 2 - (grip.id === 'grab' ? 18 : 14), 1);
    }
  }
}

function zero(): Rect {
  return { x: 0, y: 0, w: kTool, h: kTool };
}

/** A quarter ring, as windows have it at their corner. */
function cornerMark(): THREE.BufferGeometry {
  const shape = new THREE.Shape();
  shape.absarc(-14, 14, 34, -Math.PI / 2, 0, false);
  shape.absarc(-14, 14, 26, 0, -Math.PI / 2, true);
  return new THREE.ShapeGeometry(shape, 12);
}
