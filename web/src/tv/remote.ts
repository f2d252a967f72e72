// The keys of a TV remote, of a keyboard in their place, and the way out of the app.

export type RemoteKey = 'left' | 'right' | 'up' | 'down' | 'enter' | 'back' | 'page-up' | 'page-down' | 'stop' | 'erase';

// By key code, because webOS gives Back and the media keys no `key` name that all its versions share.
const kCodes: { [code: number]: RemoteKey } = {
  37: 'left', 38: 'up', 39: 'right', 40: 'down',
  13: 'enter',
  461: 'back', 27: 'back',
  33: 'page-up', 34: 'page-down',  // channel up and down
  413: 'stop', 19: 'stop',
  8: 'erase',  // a plugged-in keyboard's
};

export function remoteKey(event: KeyboardEvent): RemoteKey | undefined {
  return kCodes[event.keyCode];
}

// A character typed on a keyboard that is plugged into the TV.
export function typedCharacter(event: KeyboardEvent): string | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return undefined;
  return Array.from(event.key).length === 1 ? event.key : undefined;
}

interface WebOsSystem {
  platformBack?: () => void;
}

// webOS goes back to where the app was started from; a browser closes the window if it may. False where
// neither is possible.
export function leaveApp(): boolean {
  const host = window as Window & { webOSSystem?: WebOsSystem; PalmSystem?: WebOsSystem };
  const system = host.webOSSystem ?? host.PalmSystem;
  if (system && system.platformBack) {
    system.platformBack();
    return true;
  }
  window.close();
  return window.closed;
}
