// The message being written: by the headset's own keyboard where the browser offers it (an input element that is focused inside the
// session brings it up), by our keyboard elsewhere, and by voice. Holds the draft; everyone else is told when it changes.

import type { PushToTalk } from '../core/voice';

export interface WritingListener {
  changed(): void;
  /** The system keyboard was closed with its Enter key. */
  entered(): void;
  notice(text: 'noVoice' | 'noMicrophone', detail?: string): void;
}

const kMaxChars = 20000;

export class Writing {
  draft = '';
  private input?: HTMLTextAreaElement;

  constructor(private readonly voice: PushToTalk, private readonly listener: WritingListener) {}

  set(text: string): void {
    this.draft = text.slice(0, kMaxChars);
    if (this.input !== undefined && this.input.value !== this.draft) this.input.value = this.draft;
    this.listener.changed();
  }

  /** Gives false where the browser has no keyboard of its own in a session. */
  openSystemKeyboard(session: XRSession): boolean {
    if ((session as { isSystemKeyboardSupported?: boolean }).isSystemKeyboardSupported !== true) return false;
    this.closeSystemKeyboard();
    const input = document.createElement('textarea');
    input.rows = 1;
    input.maxLength = kMaxChars;
    input.value = this.draft;
    input.setAttribute('aria-label', 'message');
    Object.assign(input.style, { position: 'fixed', left: '0', bottom: '0', width: '1px', height: '1px', opacity: '0' });
    input.addEventListener('input', () => this.set(input.value));
    input.addEventListener('keydown', (event) => this.keyDown(event));
    document.body.append(input);
    this.input = input;
    input.focus();
    return true;
  }

  closeSystemKeyboard(): void {
    this.input?.remove();
    this.input = undefined;
  }

  /** First press starts to listen, the second writes down what was said. */
  async talk(): Promise<void> {
    const { voice } = this;
    if (voice.state === 'unavailable') return this.listener.notice('noVoice');
    try {
      if (voice.state === 'ready') {
        const started = voice.start();
        this.listener.changed();
        await started;
      } else if (voice.state === 'recording') {
        const spoken = voice.stop();
        this.listener.changed();
        const text = await spoken;
        if (text !== '') this.set(this.draft === '' ? text : `${this.draft.trimEnd()} ${text}`);
      }
    } catch (error) {
      const refused = error instanceof DOMException;
      this.listener.notice('noMicrophone', refused ? undefined : String((error as Error).message));
    }
    this.listener.changed();
  }

  /** The microphone does not stay open when the headset is left. */
  dispose(): void {
    this.closeSystemKeyboard();
    if (this.voice.state === 'recording') void this.voice.stop().catch(() => '');
  }

  private keyDown(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.listener.entered();
  }
}
