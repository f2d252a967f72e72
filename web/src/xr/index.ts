// The headset's door. The page imports this small file when the reader asks for the headset. The scene, and three.js with it, is
// loaded while the browser asks its own question: the session has to be requested while the reader's click is still fresh.

import type { ChatSession } from '../core/session';
import type { Settings } from '../core/settings';
import type { PushToTalk } from '../core/voice';

export { headsetSupport, type HeadsetSupport } from './support';

const kFeatures = ['local-floor', 'hand-tracking', 'layers'];

/**
 * Enters the headset; call it from a click. Rejects with what the browser says when it refuses.
 * `ended` resolves when the reader has left, by our button or by the headset's own; one may enter again then.
 */
export async function enterHeadset(
  mode: 'immersive-vr' | 'immersive-ar',
  session: ChatSession,
  settings: Settings,
  voice: PushToTalk,
): Promise<{ ended: Promise<void> }> {
  const xr = navigator.xr;
  if (xr === undefined) throw new Error('This browser has no WebXR');
  const scene = import('./app');
  scene.catch(() => undefined); // awaited below; a refusal of the browser may come first
  const xrSession = await xr.requestSession(mode, { requiredFeatures: ['local'], optionalFeatures: kFeatures });
  try {
    const { HeadsetApp } = await scene;
    const app = await HeadsetApp.start(xrSession, mode, session, settings, voice);
    return { ended: app.ended };
  } catch (error) {
    await xrSession.end().catch(() => undefined);
    throw error;
  }
}
