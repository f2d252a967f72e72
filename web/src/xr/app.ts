// The headset's shell: one XR session, from entering to leaving. It joins the conversation (core/session) to the panel, the keyboard
// and the captions, and runs the frame: poses, presses, words, pixels, picture, in this order.
// Everything that it made is gone when `ended` resolves; the conversation stays with the page.

import * as THREE from 'three';
import { Answers } from './answers';
import { Arrangement } from './arrangement';
import type { Board } from './board';
import { Captions } from './captions';
import { FrameClock } from './frame_clock';
import { Interaction } from './interaction';
import { Keyboard } from './keyboard';
import { canvasMeasure } from './measure';
import { Panel, type PanelActions, type PanelState } from './panel';
import { angleFromGaze } from './placement';
import { Pointers } from './pointers';
import { boardPlace, controlsOf, publish, readoutWanted } from './probe';
import { Room } from './scene';
import type { Scroll } from './scroll';
import { statusOf } from './status';
import { strings, type HeadsetStrings } from './strings';
import { Painter } from './surface';
import { palette, type Palette } from './theme';
import { Writing } from './writing';
import type { ChatSession } from '../core/session';
import type { Settings } from '../core/settings';
import type { PushToTalk } from '../core/voice';

const kLookingAway = (24 * Math.PI) / 180;
const kLongestFrame = 0.1; // seconds: what a pause may count for
const kReadoutEvery = 45; // frames
const kNoticeSeconds = 6;
const kQuickLayoutMs = 2;

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
  private readonly arrangement: Arrangement;
  private readonly answers: Answers;
  private readonly text: HeadsetStrings;
  private readonly palette: Palette;
  private readonly undo: (() => void)[] = [];
  private readonly readout = readoutWanted();
  private captionsWanted = true;
  private stale = true; // something to show changed since the last frame
  private spoke = false;
  private lastTime = 0;
  private notice?: { text: string; until: number };
  private readoutText = '';
  private readonly presses: Record<string, number> = {};
  private layTurnsAt = 0;
  private turnsStale = true;
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
    this.arrangement = new Arrangement(renderer, xr, this.panel, this.keyboard);
    this.room.scene.add(this.panel.board.group, this.keyboard.board.group, this.captions.board.group);
    this.writing = new Writing(voice, {
      changed: () => this.draftChanged(),
      entered: () => this.send(),
      notice: (what, detail) => this.say(detail ?? this.text[what]),
    });
    this.answers = new Answers(session, settings);
    this.interaction = new Interaction({
      boards: () => this.arrangement.shown,
      head: () => this.arrangement.head,
      scrollOf: (board) => this.scrollOf(board),
      movable: () => !this.arrangement.pinned,
      resize: (width, height) => this.arrangement.resize(width, height),
      moved: () => this.arrangement.followPanel(),
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
      if (change.type === 'phase') this.answers.phaseChanged();
    });
    const talked = this.voice.on(() => {
      this.stale = true;
    });
    const ended = (): void => this.dispose();
    this.xr.addEventListener('end', ended);
    this.undo.push(changed, talked, () => this.xr.removeEventListener('end', ended));
  }

  private begin(): void {
    this.undo.push(this.arrangement.begin());
    if (this.readout !== undefined) this.publishProbe();
    this.renderer.setAnimationLoop((time, frame) => this.frame(time, frame));
  }

  // The frame. --------------------------------------------------------------------------------------------------------

  private frame(time: number, frame: XRFrame | undefined): void {
    if (frame === undefined) return;
    this.clock.begin();
    const seconds = Math.min(kLongestFrame, Math.max(0, (time - this.lastTime) / 1000));
    this.lastTime = time;
    if (this.arrangement.update(frame)) {
      this.pointers.update(frame);
      this.interaction.update(this.pointers.list, seconds);
      this.update(time, seconds);
      this.paint(frame);
    }
    this.renderer.render(this.room.scene, kCamera);
    this.clock.end();
  }

  private update(time: number, seconds: number): void {
    this.panel.scroll.tick(seconds);
    if (this.changed(time)) this.takeState(time);
    const away = angleFromGaze(this.panel.board, this.arrangement.head) > kLookingAway || !this.panel.scroll.following;
    const writing = this.keyboard.board.visible; // below the gaze, where captions would stand
    this.captions.update(this.captionsWanted && away && !writing, this.arrangement.head, seconds);
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
    if (this.answers.speaking !== this.spoke) stale = true;
    return stale;
  }

  private takeState(time: number): void {
    this.stale = false;
    this.spoke = this.answers.speaking;
    if (this.turnsStale) this.takeTurns(time);
    this.panel.show(this.state());
    for (const grip of this.panel.board.grips) {
      grip.mesh.material.color.set(grip === this.interaction.grip ? this.palette.paper.accent : this.palette.ink.muted);
    }
  }

  /** Text that is slow to lay out (a table of thousands of rows) is laid out less often, so that it takes an eighth of the time at most. */
  private takeTurns(time: number): void {
    if (time < this.layTurnsAt && this.session.phase === 'streaming') {
      this.stale = true;
      return;
    }
    this.turnsStale = false;
    const began = performance.now();
    this.panel.showTurns(this.session.turns);
    const took = performance.now() - began;
    this.layTurnsAt = took > kQuickLayoutMs ? time + 8 * took : 0;
    const { last } = this.answers;
    if (last?.role === 'assistant' && this.session.phase === 'streaming') this.captions.say(last.text);
  }

  private paint(frame: XRFrame): void {
    this.panel.paint();
    if (this.keyboard.board.visible) this.keyboard.board.paint();
    if (this.captions.board.visible) this.captions.board.paint();
    this.room.show(this.pointers.list, frame, this.renderer.xr.getReferenceSpace());
    this.arrangement.show(frame);
  }

  private state(): PanelState {
    const { session, writing, settings, answers } = this;
    const status = statusOf(session, this.text);
    return {
      model: this.readoutText === '' ? settings.model : this.readoutText,
      status: this.notice?.text ?? status.status,
      alarming: this.notice !== undefined || status.alarming,
      draft: writing.draft,
      busy: session.busy,
      failed: session.phase === 'failed',
      answered: answers.last?.role === 'assistant' && answers.last.text !== '',
      empty: session.turns.length === 0,
      pinned: this.arrangement.pinned,
      captions: this.captionsWanted,
      speaking: answers.speaking,
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
        this.arrangement.pinned = !this.arrangement.pinned;
      },
      recentre: () => this.arrangement.recentre(),
      leave: () => void this.xr.end(),
      starter: (text) => this.ask(text),
      speak: () => this.toggleReading(),
      again: () => this.again(),
      talk: () => void this.writing.talk(),
      write: () => this.write(),
      send: () => this.send(),
      stop: () => this.session.stop(),
    };
  }

  private write(): void {
    if (this.voice.state === 'recording') return void this.writing.talk();
    if (this.writing.openSystemKeyboard(this.xr)) return;
    this.keyboard.open(this.writing.draft);
    this.arrangement.followPanel();
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
    this.notice = undefined;
    this.panel.scroll.toEnd();
    this.answers.ask(text);
  }

  private again(): void {
    this.panel.scroll.toEnd();
    this.answers.again();
  }

  private toggleReading(): void {
    if (!this.answers.toggleReading()) this.say(this.text.noSpeech);
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
    const { head } = this.arrangement;
    const boards: Record<string, Board> = { panel: this.panel.board, keyboard: this.keyboard.board, captions: this.captions.board };
    publish({
      clock: this.clock,
      paint: this.painter.count,
      drawCalls: () => this.renderer.info.render.calls,
      controls: () => controlsOf(this.arrangement.shown, head.position),
      board: (name) => boardPlace(boards[name]),
      head: () => ({ at: head.position.toArray(), gaze: head.gaze.toArray() }),
      labels: () => Object.fromEntries(Object.values(boards).flatMap((board) => board.widgets.map((widget) => [widget.id, widget.label]))),
      presses: this.presses,
      layered: () => this.arrangement.layered,
      scroll: () => ({ position: this.panel.scroll.position, end: this.panel.transcript.end }),
    });
    this.undo.push(() => publish(undefined));
  }

  private dispose(): void {
    this.renderer.setAnimationLoop(null);
    for (const undo of this.undo.splice(0)) undo();
    this.answers.dispose();
    this.writing.dispose();
    this.pointers.dispose();
    this.arrangement.dispose();
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
