// The headset's shell: one XR session, from entering to leaving. It joins the conversation (core/session) to the panel, the keyboard
// and the captions, and runs the frame: poses, presses, words, pixels, picture, in this order.
// Everything that it made is gone when `ended` resolves; the conversation stays with the page.

import * as THREE from 'three';
import type { Board } from './board';
import { Captions } from './captions';
import { FrameClock } from './frame_clock';
import { Interaction } from './interaction';
import { Keyboard } from './keyboard';
import { PanelLayer } from './layers';
import { Panel, type PanelActions, type PanelState } from './panel';
import { angleFromGaze, placeInFront, placeKeyboard, type Head } from './placement';
import { Pointers } from './pointers';
import { controlsOf, publish, readoutWanted } from './probe';
import { Reading } from './reading';
import { Room } from './scene';
import type { Scroll } from './scroll';
import { statusOf } from './status';
import { strings, type HeadsetStrings } from './strings';
import { Painter } from './surface';
import { palette, type Palette } from './theme';
import { Writing } from './writing';
import type { Measure } from './inline';
import type { ChatSession } from '../core/session';
import type { Settings } from '../core/settings';
import type { PushToTalk } from '../core/voice';

const kLookingAway = (24 * Math.PI) / 180;
const kLongestFrame = 0.1; // seconds: what a pause may count for
const kReadoutEvery = 45; // frames
const kNoticeSeconds = 6;
const kQuickLayoutMs = 2;
const kWidthsKept = 4000; // per font

export class HeadsetApp {
  readonly ended: Promise<void>;
  private readonly clock = new FrameClock();
  private readonly painter: Painter;
  private readonly panel: Panel;
  private readonly keyboard: Keyboard;
  private readonly captions: Captions;
  private readonly room: Room;
  private readonly pointers: Pointers;
  private readonly interaction: Interaction;
  private readonly writing: Writing;
  private readonly reading: Reading;
  private readonly text: HeadsetStrings;
  private readonly palette: Palette;
  private readonly head: Head = { position: new THREE.Vector3(), gaze: new THREE.Vector3(0, 0, -1) };
  private readonly shownBoards: Board[] = [];
  private readonly undo: (() => void)[] = [];
  private readonly readout = readoutWanted();
  private layer?: PanelLayer;
  private placed = false;
  private pinned = false;
  private captionsWanted = true;
  private stale = true; // something to show changed since the last frame
  private spoke = false;
  private lastTime = 0;
  private notice?: { text: string; until: number };
  private readoutText = '';
  private readonly presses: Record<string, number> = {};
  private layTurnsAt = 0;
  private turnsStale = true;
  private wasStreaming = false;
  private finish: () => void = () => {};

  static async start(xr: XRSession, mode: XRSessionMode, session: ChatSession, settings: Settings, voice: PushToTalk): Promise<HeadsetApp> {
    const renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true, powerPreference: 'high-performance' });
    renderer.xr.enabled = true;
    renderer.setClearColor(0x000000, 0);
    renderer.xr.setReferenceSpaceType(await floorOrEye(xr));
    const app = new HeadsetApp(renderer, xr, mode, session, settings, voice);
    try {
      await renderer.xr.setSession(xr);
    } catch (error) {
      app.dispose();
      throw error;
    }
    app.begin();
    return app;
  }

  private constructor(
    private readonly renderer: THREE.WebGLRenderer,
    private readonly xr: XRSession,
    mode: XRSessionMode,
    private readonly session: ChatSession,
    private readonly settings: Settings,
    private readonly voice: PushToTalk,
  ) {
    this.text = strings(settings.language);
    this.palette = palette(chosenTheme(settings));
    this.painter = new Painter(renderer);
    const measure = canvasMeasure();
    this.room = new Room(this.palette, mode === 'immersive-ar');
    this.panel = new Panel(this.painter, this.palette, this.text, this.actions(), measure);
    this.keyboard = new Keyboard(this.painter, this.palette, this.text, settings.language, {
      changed: (text) => this.writing.set(text),
      enter: () => this.send(),
      close: () => this.keyboard.hide(),
    });
    this.captions = new Captions(this.painter, this.palette, measure);
    this.panel.board.group.visible = false; // until the head's place is known
    this.room.scene.add(this.panel.board.group, this.keyboard.board.group, this.captions.board.group);
    this.writing = new Writing(voice, {
      changed: () => this.draftChanged(),
      entered: () => this.send(),
      notice: (what, detail) => this.say(detail ?? this.text[what]),
    });
    this.reading = new Reading(settings.language);
    this.interaction = new Interaction({
      boards: () => this.shownBoards,
      head: () => this.head,
      scrollOf: (board) => this.scrollOf(board),
      movable: () => !this.pinned,
      resize: (width, height) => this.resize(width, height),
      moved: () => this.followPanel(),
      pressed: (id) => {
        this.presses[id] = (this.presses[id] ?? 0) + 1;
      },
    });
    this.pointers = new Pointers(xr, () => renderer.xr.getReferenceSpace(), this.interaction);
    this.ended = new Promise((resolve) => {
      this.finish = resolve;
    });
    this.listen();
  }

  private listen(): void {
    const changed = this.session.on((change) => {
      this.stale = true;
      this.turnsStale = true;
      if (change.type === 'phase') this.phaseChanged();
    });
    const talked = this.voice.on(() => {
      this.stale = true;
    });
    const ended = (): void => this.dispose();
    this.xr.addEventListener('end', ended);
    this.undo.push(changed, talked, () => this.xr.removeEventListener('end', ended));
  }

  private begin(): void {
    const space = this.renderer.xr.getReferenceSpace();
    if (space !== null) {
      const reset = (): void => {
        if (!this.pinned) this.placed = false; // the headset's own "recentre"
      };
      space.addEventListener('reset', reset);
      this.undo.push(() => space.removeEventListener('reset', reset));
      this.layer = PanelLayer.attach(this.renderer, this.xr, space, this.panel.board);
    }
    if (this.readout !== undefined) this.publishProbe();
    this.renderer.setAnimationLoop((time, frame) => this.frame(time, frame));
  }

  // The frame. --------------------------------------------------------------------------------------------------------

  private frame(time: number, frame: XRFrame | undefined): void {
    if (frame === undefined) return;
    this.clock.begin();
    const seconds = Math.min(kLongestFrame, Math.max(0, (time - this.lastTime) / 1000));
    this.lastTime = time;
    if (this.readHead(frame)) {
      if (!this.placed) this.recentre();
      this.listBoards();
      this.pointers.update(frame);
      this.interaction.update(this.pointers.list, seconds);
      this.update(time, seconds);
      this.paint(frame);
    }
    this.renderer.render(this.room.scene, kCamera);
    this.clock.end();
  }

  private readHead(frame: XRFrame): boolean {
    const space = this.renderer.xr.getReferenceSpace();
    const pose = space === null ? undefined : frame.getViewerPose(space);
    if (pose === undefined || pose === null) return false;
    const m = pose.transform.matrix;
    this.head.position.set(m[12] ?? 0, m[13] ?? 0, m[14] ?? 0);
    this.head.gaze.set(-(m[8] ?? 0), -(m[9] ?? 0), -(m[10] ?? 0)).normalize();
    return true;
  }

  private listBoards(): void {
    this.shownBoards.length = 0;
    if (this.keyboard.board.visible) this.shownBoards.push(this.keyboard.board);
    if (this.panel.board.visible) this.shownBoards.push(this.panel.board);
  }

  private update(time: number, seconds: number): void {
    this.panel.scroll.tick(seconds);
    if (this.changed(time)) this.takeState(time);
    const away = angleFromGaze(this.panel.board, this.head) > kLookingAway || !this.panel.scroll.following;
    const writing = this.keyboard.board.visible; // below the gaze, where captions would stand
    this.captions.update(this.captionsWanted && away && !writing, this.head, seconds);
  }

  /** Most frames change nothing that the panel says: they stop here and allocate nothing. */
  private changed(time: number): boolean {
    let { stale } = this;
    if (this.interaction.takeChange()) stale = true;
    if (this.readout === 'shown' && this.clock.frames % kReadoutEvery === 0) {
      this.readoutText = this.measureNow();
      stale = true;
    }
    if (this.notice !== undefined && time > this.notice.until) {
      this.notice = undefined;
      stale = true;
    }
    if (this.reading.speaking !== this.spoke) stale = true;
    return stale;
  }

  private takeState(time: number): void {
    this.stale = false;
    this.spoke = this.reading.speaking;
    if (this.turnsStale) this.takeTurns(time);
    this.panel.show(this.state());
    for (const grip of this.panel.board.grips) {
      grip.mesh.material.color.set(grip === this.interaction.grip ? this.palette.paper.accent : this.palette.ink.muted);
    }
  }

  /** Text that is slow to lay out (a table of thousands of rows) is laid out less often, so that it takes an eighth of the time at most. */
  private takeTurns(time: number): void {
    const { turns } = this.session;
    if (time < this.layTurnsAt && this.session.phase === 'streaming') {
      this.stale = true;
      return;
    }
    this.turnsStale = false;
    const began = performance.now();
    this.panel.showTurns(turns);
    const took = performance.now() - began;
    this.layTurnsAt = took > kQuickLayoutMs ? time + 8 * took : 0;
    const last = turns[turns.length - 1];
    if (last?.role === 'assistant' && this.session.phase === 'streaming') this.captions.say(last.text);
  }

  private paint(frame: XRFrame): void {
    this.panel.paint();
    if (this.keyboard.board.visible) this.keyboard.board.paint();
    if (this.captions.board.visible) this.captions.board.paint();
    this.room.show(this.pointers.list, frame, this.renderer.xr.getReferenceSpace());
    this.layer?.update(frame);
  }

  private state(): PanelState {
    const { session, writing, settings } = this;
    const status = statusOf(session, this.text);
    const last = session.turns[session.turns.length - 1];
    return {
      model: this.readoutText === '' ? settings.model : this.readoutText,
      status: this.notice?.text ?? status.status,
      alarming: this.notice !== undefined || status.alarming,
      draft: writing.draft,
      busy: session.busy,
      failed: session.phase === 'failed',
      answered: last?.role === 'assistant' && last.text !== '',
      empty: session.turns.length === 0,
      pinned: this.pinned,
      captions: this.captionsWanted,
      speaking: this.reading.speaking,
      talk: this.voice.state,
    };
  }

  // What one can do. --------------------------------------------------------------------------------------------------

  private actions(): PanelActions {
    return {
      fresh: () => void this.session.open(),
      captions: () => {
        this.captionsWanted = !this.captionsWanted;
      },
      pin: () => {
        this.pinned = !this.pinned;
      },
      recentre: () => this.recentre(),
      leave: () => void this.xr.end(),
      starter: (text) => this.ask(text),
      speak: () => this.toggleReading(),
      again: () => void this.again(),
      talk: () => void this.writing.talk(),
      write: () => this.write(),
      send: () => this.send(),
      stop: () => this.session.stop(),
    };
  }

  private recentre(): void {
    placeInFront(this.panel.board, this.head);
    this.panel.board.group.visible = true;
    this.placed = true;
    this.followPanel();
  }

  /** The keyboard belongs under the panel, wherever that was carried. */
  private followPanel(): void {
    if (this.keyboard.board.visible) placeKeyboard(this.keyboard.board, this.panel.board, this.head);
  }

  private resize(width: number, height: number): void {
    const { board } = this.panel;
    const corner = board.worldOf(0, 0, new THREE.Vector3());
    this.panel.resize(width, height);
    const moved = board.worldOf(0, 0, new THREE.Vector3());
    board.moveTo(board.group.position.clone().add(corner.sub(moved)), board.distance); // the upper left corner stays
    this.relayer();
    this.followPanel();
  }

  private relayer(): void {
    if (this.layer === undefined) return;
    const space = this.renderer.xr.getReferenceSpace();
    this.layer.dispose();
    this.layer = space === null ? undefined : PanelLayer.attach(this.renderer, this.xr, space, this.panel.board);
  }

  private write(): void {
    if (this.voice.state === 'recording') return void this.writing.talk();
    if (this.writing.openSystemKeyboard(this.xr)) return;
    this.keyboard.open(this.writing.draft);
    this.followPanel();
  }

  private send(): void {
    if (this.session.busy || this.writing.draft.trim() === '') return;
    const text = this.writing.draft;
    this.writing.set('');
    this.writing.closeSystemKeyboard();
    this.keyboard.hide();
    this.ask(text);
  }

  private ask(text: string): void {
    this.reading.stop();
    this.notice = undefined;
    this.panel.scroll.toEnd();
    void this.session.send(text);
  }

  private async again(): Promise<void> {
    this.reading.stop();
    this.panel.scroll.toEnd();
    await this.session.retry();
  }

  private toggleReading(): void {
    if (this.reading.speaking) return this.reading.stop();
    const last = this.session.turns[this.session.turns.length - 1];
    if (last !== undefined && !this.reading.read(last.text)) this.say(this.text.noSpeech);
  }

  private phaseChanged(): void {
    const last = this.session.turns[this.session.turns.length - 1];
    const finished = this.session.phase === 'idle' && last?.role === 'assistant' && last.stopped !== true && this.wasStreaming;
    this.wasStreaming = this.session.phase === 'streaming';
    if (finished && this.settings.readAloud) this.reading.read(last.text);
  }

  private draftChanged(): void {
    this.keyboard.setText(this.writing.draft);
    this.stale = true;
  }

  private say(text: string): void {
    this.notice = { text, until: this.lastTime + kNoticeSeconds * 1000 };
    this.stale = true;
  }

  private scrollOf(board: Board): Scroll | undefined {
    return board === this.panel.board ? this.panel.scroll : undefined;
  }

  // Measuring, and the end. -------------------------------------------------------------------------------------------

  private measureNow(): string {
    return `js p95 ${this.clock.percentile(0.95).toFixed(1)} ms · ${this.renderer.info.render.calls} draws · ${this.painter.count.lines} lines`;
  }

  private publishProbe(): void {
    const boards: Record<string, Board> = { panel: this.panel.board, keyboard: this.keyboard.board, captions: this.captions.board };
    publish({
      clock: this.clock,
      paint: this.painter.count,
      drawCalls: () => this.renderer.info.render.calls,
      controls: () => controlsOf(this.shownBoards, this.head.position),
      board: (name) => boardPlace(boards[name]),
      head: () => ({ at: this.head.position.toArray(), gaze: this.head.gaze.toArray() }),
      labels: () => Object.fromEntries(Object.values(boards).flatMap((board) => board.widgets.map((widget) => [widget.id, widget.label]))),
      presses: this.presses,
      layered: () => this.layer !== undefined,
      scroll: () => ({ position: this.panel.scroll.position, end: this.panel.transcript.end }),
    });
    this.undo.push(() => publish(undefined));
  }

  private dispose(): void {
    this.renderer.setAnimationLoop(null);
    for (const undo of this.undo.splice(0)) undo();
    this.reading.stop();
    this.writing.dispose();
    this.pointers.dispose();
    this.layer?.dispose();
    for (const part of [this.panel, this.keyboard.board, this.captions.board, this.room]) part.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.finish();
  }
}

/** three.js replaces its pose by the viewer's. */
const kCamera = new THREE.PerspectiveCamera(70, 1, 0.05, 100);

async function floorOrEye(xr: XRSession): Promise<XRReferenceSpaceType> {
  try {
    await xr.requestReferenceSpace('local-floor');
    return 'local-floor';
  } catch {
    return 'local';
  }
}

function chosenTheme(settings: Settings): 'dark' | 'light' {
  if (settings.theme !== 'system') return settings.theme;
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

function boardPlace(board: Board | undefined): { corners: [number, number, number][]; distance: number } | undefined {
  if (board === undefined || !board.visible) return undefined;
  const corners = [[0, 0], [board.width, 0], [0, board.height], [board.width, board.height]] as const;
  return { corners: corners.map(([u, v]) => board.worldOf(u, v, new THREE.Vector3()).toArray()), distance: board.distance };
}

/** Text widths, remembered: the same words come again and again while an answer grows. */
function canvasMeasure(): Measure {
  const context = document.createElement('canvas').getContext('2d');
  if (context === null) throw new Error('no 2D canvas');
  const fonts = new Map<string, Map<string, number>>();
  return (text, face) => {
    let widths = fonts.get(face);
    if (widths === undefined) fonts.set(face, (widths = new Map()));
    const known = widths.get(text);
    if (known !== undefined) return known;
    if (context.font !== face) context.font = face;
    const { width } = context.measureText(text);
    if (widths.size >= kWidthsKept) widths.clear();
    widths.set(text, width);
    return width;
  };
}
