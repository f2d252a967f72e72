// The keyboard: what each key does, and the sheet that says so.

import { openDialog } from './dialog';
import { h } from './elements';
import { closeMenu } from './menu';
import { t } from './texts';

export interface KeyActions {
  newChat: () => void;
  search: () => void;
  focusField: () => void;
  stop: () => boolean; // false: nothing to stop
  moveTurn: (delta: 1 | -1) => void;
  chooseModel: () => void;
  openSettings: () => void;
  closeDrawer: () => boolean;
}

const kMac = typeof navigator !== 'undefined' && /mac|iphone|ipad/i.test(navigator.platform);
const kCommand = kMac ? '⌘' : 'Ctrl';
const kAlt = kMac ? '⌥' : 'Alt';

export function openShortcuts(): void {
  const rows: [string[], string][] = [
    [[kCommand, 'Shift', 'O'], t('keyNewChat')],
    [[kCommand, 'K'], t('keySearch')],
    [['/'], t('keyFocus')],
    [['Esc'], t('keyStop')],
    [[kAlt, '↑', '↓'], t('keyTurns')],
    [['←', '→'], t('keySiblings')],
    [['E'], t('keyEdit')],
    [['C'], t('keyCopy')],
    [['R'], t('keyAgain')],
    [[kCommand, 'Shift', 'M'], t('keyModel')],
    [[kCommand, ','], t('keySettings')],
    [['?'], t('keySheet')],
  ];
  openDialog('shortcuts', t('shortcuts'), h('dl', {}, ...rows.flatMap(([keys, what]) => [
    h('dt', {}, ...keys.map((key) => h('kbd', {}, key))),
    h('dd', {}, what),
  ])));
}

// Gives what takes the keys away again.
export function listenToKeys(actions: KeyActions): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (document.querySelector('dialog[open]') || event.isComposing) return;
    if (handle(event, actions)) event.preventDefault();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select');
}

// By the physical key where a modifier may change what it writes, and so that Hangul layouts work.
function handle(event: KeyboardEvent, actions: KeyActions): boolean {
  const command = kMac ? event.metaKey : event.ctrlKey;
  if (event.key === 'Escape') return closeMenu() || actions.closeDrawer() || actions.stop();
  if (command && event.shiftKey && event.code === 'KeyO') return actions.newChat(), true;
  if (command && event.shiftKey && event.code === 'KeyM') return actions.chooseModel(), true;
  if (command && !event.shiftKey && event.code === 'KeyK') return actions.search(), true;
  if (command && event.key === ',') return actions.openSettings(), true;
  if (event.altKey && event.key === 'ArrowUp') return actions.moveTurn(-1), true;
  if (event.altKey && event.key === 'ArrowDown') return actions.moveTurn(1), true;
  if (command || event.altKey || isWriting(event.target)) return false;
  if (event.key === '?') return openShortcuts(), true;
  if (event.key === '/') return actions.focusField(), true;
  return false;
}
