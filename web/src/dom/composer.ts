// Where the user writes: the message field, attachments, microphone, and the button that sends or stops.

import type { Attachment } from '../core/conversation';
import type { App } from './app';
import { kLongPasteChars, kMaxFileBytes, kMaxFiles, readFiles, roughTokens, type Taken } from './attachments';
import { h, iconButton, replaceChildren } from './elements';
import { bytes, number } from './format';
import { icon } from './icons';
import { t } from './texts';

export class Composer {
  readonly element: HTMLElement;
  readonly field: HTMLTextAreaElement;
  private attachments: Attachment[] = [];
  private readonly chips = h('div', { class: 'chips', hidden: true });
  private readonly notice = h('p', { class: 'composer-notice', role: 'alert', hidden: true });
  private readonly action = h('button', { type: 'button', class: 'send-button', onclick: () => this.act() });
  private readonly picker: HTMLInputElement;
  private readonly talkButton: HTMLButtonElement;

  constructor(private readonly app: App) {
    this.field = h('textarea', {
      id: 'message', class: 'composer-field', rows: '1', 'aria-label': t('message'), placeholder: t('askAnything'),
      'aria-describedby': 'composer-hint', value: app.draft.text, enterkeyhint: 'send', autocomplete: 'off',
    });
    this.picker = h('input', { type: 'file', multiple: true, hidden: true, 'aria-hidden': 'true', tabindex: '-1' });
    const limits = t('attachLimit', { size: bytes(kMaxFileBytes), count: kMaxFiles });
    this.talkButton = iconButton(icon('microphone'), t('talk'), () => void this.talk(), { hidden: true });
    this.element = h('form', { class: 'composer' },
      this.notice,
      this.chips,
      this.field,
      h('div', { class: 'composer-row' },
        iconButton(icon('clip'), t('attach'), () => this.picker.click(), { title: limits, 'aria-description': limits }),
        this.talkButton,
        h('span', { class: 'composer-hint', id: 'composer-hint' }, t('hint')),
        this.picker,
        this.action,
      ),
    );
    this.listen();
    this.fit();
    this.showAction();
    this.showTalk();
  }

  send(text: string): void {
    if (this.app.session.busy) return;
    this.field.value = text;
    this.act();
  }

  // Files from a drop on the page, a paste or the picker.
  async take(files: File[]): Promise<void> {
    const { attachments, problems }: Taken = await readFiles(files, this.attachments.length);
    this.attachments.push(...attachments);
    this.showAttachments(problems);
  }

  private listen(): void {
    this.element.addEventListener('submit', (event) => event.preventDefault());
    this.field.addEventListener('input', () => {
      this.app.draft.text = this.field.value;
      this.fit();
      this.showAction();
    });
    this.field.addEventListener('keydown', (event) => {
      // Enter that ends the composition of a Hangul syllable sends nothing.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      if (!this.app.session.busy) this.act();
    });
    this.field.addEventListener('paste', (event) => this.onPaste(event));
    this.picker.addEventListener('change', () => {
      void this.take(Array.from(this.picker.files ?? []));
      this.picker.value = '';
    });
    const { app } = this;
    app.own(app.session.on((change) => {
      if (change.type !== 'text') this.showAction();
    }));
    app.own(app.talk.on(() => this.showTalk()));
  }

  private act(): void {
    const { session } = this.app;
    if (session.busy) return session.stop();
    const text = this.field.value;
    if (!text.trim() && this.attachments.length === 0) return;
    const attachments = this.attachments;
    this.attachments = [];
    this.field.value = '';
    this.app.draft.text = '';
    this.showAttachments([]);
    this.fit();
    void session.send(text, attachments);
    // On a phone the focus would cover the answer with a keyboard.
    if (matchMedia('(pointer: fine)').matches) this.field.focus();
  }

  private onPaste(event: ClipboardEvent): void {
    const files = Array.from(event.clipboardData?.files ?? []);
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (files.length === 0 && text.length <= kLongPasteChars) return;
    event.preventDefault();
    void this.take(files.length > 0 ? files : [new File([text], `${t('pastedText')}.txt`, { type: 'text/plain' })]);
  }

  private showAttachments(problems: string[]): void {
    const chips = this.attachments.map((file) =>
      h('span', { class: 'chip' }, icon('file'), h('span', { class: 'chip-name' }, file.name), h('small', {}, bytes(new Blob([file.text]).size)),
        iconButton(icon('close'), t('detach', { name: file.name }), () => this.detach(file)),
      ),
    );
    replaceChildren(this.chips, ...chips);
    this.chips.hidden = chips.length === 0;
    this.showTokens(problems);
    this.showAction();
  }

  private detach(file: Attachment): void {
    this.attachments = this.attachments.filter((other) => other !== file);
    this.showAttachments([]);
    this.field.focus();
  }

  private showTokens(problems: string[]): void {
    const { models } = this.app.connection;
    const model = models.find(({ id }) => id === this.app.settings.model) ?? models[0];
    const tokens = roughTokens(this.attachments);
    const messages = [...problems];
    if (model?.contextTokens !== undefined && tokens > model.contextTokens) {
      messages.push(t('mayExceed', { n: number(tokens), limit: number(model.contextTokens) }));
    }
    this.notice.textContent = messages.join(' ');
    this.notice.hidden = messages.length === 0;
  }

  // As high as its text, up to a third of the window (the style sheet's bound).
  private fit(): void {
    this.field.style.height = 'auto';
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  private showAction(): void {
    const { busy } = this.app.session;
    const label = busy ? t('stop') : t('send');
    replaceChildren(this.action, icon(busy ? 'stop' : 'send'));
    this.action.classList.toggle('is-stop', busy);
    this.action.setAttribute('aria-label', label);
    this.action.title = label;
    this.action.disabled = !busy && !this.field.value.trim() && this.attachments.length === 0;
  }

  private showTalk(): void {
    const { state } = this.app.talk;
    const recording = state === 'recording';
    this.talkButton.hidden = state === 'unavailable';
    this.talkButton.disabled = state === 'working';
    this.talkButton.classList.toggle('recording', recording);
    const label = recording ? t('stopTalking') : t('talk');
    this.talkButton.setAttribute('aria-label', label);
    this.talkButton.title = label;
    this.field.placeholder = recording ? t('listening') : state === 'working' ? t('transcribing') : t('askAnything');
  }

  private async talk(): Promise<void> {
    const { talk } = this.app;
    try {
      if (talk.state === 'ready') return await talk.start();
      const said = await talk.stop();
      if (said) this.field.value = `${this.field.value} ${said}`.trim();
      this.fit();
      this.showAction();
      this.field.focus();
    } catch (error) {
      this.notice.textContent = t('noMicrophone', { message: error instanceof Error ? error.message : String(error) });
      this.notice.hidden = false;
    }
  }
}
