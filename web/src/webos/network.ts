// This TV's own address, which webOS tells to packaged apps; the search needs it to know where to look.

interface ServiceBridge {
  onservicecallback: (reply: string) => void;
  call(address: string, parameters: string): void;
}

const kStatus = 'luna://com.palm.connectionmanager/getStatus';
const kTimeoutMs = 3000;

export function ownAddress(): Promise<string | undefined> {
  const host = window as Window & { PalmServiceBridge?: new () => ServiceBridge };
  const Bridge = host.PalmServiceBridge;
  if (!Bridge) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), kTimeoutMs);
    const bridge = new Bridge();
    bridge.onservicecallback = (reply) => {
      clearTimeout(timer);
      resolve(addressIn(reply));
    };
    bridge.call(kStatus, '{}');
  });
}

// The cable's address before the radio's: {"wired": {"state": "connected", "ipAddress": "192.168.0.7"}, "wifi": {}}.
export function addressIn(reply: string): string | undefined {
  try {
    const status = JSON.parse(reply) as { [kind: string]: { state?: unknown; ipAddress?: unknown } | undefined };
    for (const kind of ['wired', 'wifi']) {
      const link = status[kind];
      if (link && link.state === 'connected' && typeof link.ipAddress === 'string') return link.ipAddress;
    }
  } catch {
    // No answer that could be read is no address.
  }
  return undefined;
}
