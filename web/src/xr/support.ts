// What this browser can enter, without loading three.js: the page asks before it shows its headset button.

export interface HeadsetSupport {
  vr: boolean;
  ar: boolean;
  /** Why neither can be entered: the page's origin is not secure (`ondol certs` helps), or the browser has no headset. */
  reason?: 'insecure' | 'unsupported';
}

export async function headsetSupport(): Promise<HeadsetSupport> {
  if (!globalThis.isSecureContext) return { vr: false, ar: false, reason: 'insecure' };
  const [vr, ar] = await Promise.all([supports('immersive-vr'), supports('immersive-ar')]);
  return vr || ar ? { vr, ar } : { vr, ar, reason: 'unsupported' };
}

async function supports(mode: XRSessionMode): Promise<boolean> {
  try {
    return (await navigator.xr?.isSessionSupported(mode)) === true;
  } catch {
    return false; // refused by a permissions policy
  }
}
