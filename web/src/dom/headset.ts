// The button for the headset. It always does something: enters the scene, says how to get a secure connection, or shows
// the address for a device that has a headset. The scene itself is loaded when it is asked for.

import qrcode from 'qrcode-generator';
import { headsetSupport } from '../xr/support';
import type { App } from './app';
import { openDialog } from './dialog';
import { h, type Child } from './elements';
import { openMenu } from './menu';
import { t } from './texts';

type Mode = 'immersive-vr' | 'immersive-ar';

export async function openHeadset(app: App, button: HTMLElement): Promise<void> {
  const support = await headsetSupport();
  if (support.reason === 'insecure') return openInsecureCard();
  const modes: Mode[] = [];
  if (support.vr) modes.push('immersive-vr');
  if (support.ar) modes.push('immersive-ar');
  if (modes.length === 0) return openAddressCard();
  openMenu(button, t('headset'), modes.map((mode) => {
    const label = mode === 'immersive-vr' ? t('enterVr') : t('enterAr');
    return { label: [label], name: label, choose: () => void enter(app, mode) };
  }));
}

async function enter(app: App, mode: Mode): Promise<void> {
  try {
    const scene = await import('../xr/index');
    await scene.enterHeadset(mode, app.session, app.settings, app.talk);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    openDialog('message', t('headset'), h('p', { role: 'alert' }, t('headsetFailed', { message })));
  }
}

const kServeSecurely = 'ONDOL_API_KEY=… ondol serve --host 0.0.0.0 --tls';

function openInsecureCard(): void {
  const secure = `https://${location.host}/`;
  openDialog('headset-card', t('insecureTitle'),
    h('p', {}, t('insecureHelp')),
    h('ol', {},
      h('li', {}, t('insecureStep1'), command('ondol certs')),
      h('li', {}, t('insecureStep2'), command(kServeSecurely)),
      h('li', {}, t('insecureStep3')),
    ),
    ...addressWithCode(secure),
  );
}

function openAddressCard(): void {
  const local = /^(localhost|127\.|\[::1\])/.test(location.hostname);
  openDialog('headset-card', t('headsetNone'),
    ...(local
      ? [h('p', {}, t('localOnlyHelp')), h('ol', {},
          h('li', {}, t('insecureStep1'), command('ondol certs')),
          h('li', {}, t('insecureStep2'), command(kServeSecurely)),
        )]
      : [h('p', {}, t('headsetNoneHelp')), ...addressWithCode(location.origin + '/')]),
  );
}

function command(text: string): HTMLElement {
  return h('pre', { tabindex: '0' }, h('code', {}, text));
}

function addressWithCode(address: string): Child[] {
  return [h('p', { class: 'address' }, address), qrCode(address)];
}

// As one path of an SVG: sharp at every size, and no image that the CSP would have to allow.
function qrCode(text: string): Node {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const n = code.getModuleCount();
  let d = '';
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) if (code.isDark(y, x)) d += `M${x} ${y}h1v1h-1z`;
  }
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `-4 -4 ${n + 8} ${n + 8}`); // the quiet zone is part of the code
  svg.setAttribute('class', 'qr');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', t('qrLabel', { address: text }));
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', d);
  svg.append(path);
  return svg;
}
