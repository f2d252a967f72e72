// Makes a new Chromium as poor as webOS 6's (79): runs in the page before its own script and takes away what came
// later, so that a use of it fails as it would on the TV. What chromium79.ts brings back is then its own.
(() => {
  const kNewer = {
    'Array.prototype': ['at', 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with'],
    'String.prototype': ['at', 'replaceAll', 'isWellFormed', 'toWellFormed'],
    Array: ['fromAsync'],
    Object: ['hasOwn', 'groupBy'],
    Map: ['groupBy'],
    Promise: ['any', 'withResolvers', 'try'],
    Intl: ['Segmenter', 'ListFormat', 'DurationFormat'],
    'Set.prototype': ['union', 'intersection', 'difference', 'isSubsetOf'],
    'Element.prototype': ['replaceChildren', 'checkVisibility', 'setHTML', 'getHTML'],
    'Document.prototype': ['replaceChildren', 'startViewTransition'],
    'DocumentFragment.prototype': ['replaceChildren'],
    'HTMLElement.prototype': ['inert', 'popover', 'showPopover', 'hidePopover', 'togglePopover'],
    'ReadableStream.prototype': ['values', Symbol.asyncIterator],
    ReadableStream: ['from'],
    'Crypto.prototype': ['randomUUID'],
    AbortSignal: ['timeout', 'any', 'abort'],
    'AbortSignal.prototype': ['throwIfAborted', 'reason'],
    URL: ['canParse', 'parse'],
    Response: ['json'],
    window: ['structuredClone', 'WeakRef', 'FinalizationRegistry', 'AggregateError', 'CompressionStream', 'DecompressionStream', 'reportError',
      'scheduler', 'Iterator', 'navigation', 'cookieStore'],
  };
  for (const [path, names] of Object.entries(kNewer)) {
    const owner = path === 'window' ? window : path.split('.').reduce((object, name) => object?.[name], window);
    for (const name of names) if (owner) delete owner[name];
  }
})();
