declare const self: ServiceWorkerGlobalScope;
/** Filled in by the build: the paths of the shell's files, and a hash over their names and contents. */
declare const __SHELL_FILES__: readonly string[];
declare const __SHELL_VERSION__: string;

const PREFIX = 'sws-chat-shell-';
/** A version has a cache of its own, filled whole or not at all: no page is ever put together from two. */
const CACHE = `${PREFIX}${__SHELL_VERSION__}`;
const FILES = new Set(__SHELL_FILES__);

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll([...FILES].map((path) => new Request(path, { cache: 'reload' })))),
  );
});

// A new version waits until somebody takes it, or the windows of the old one are closed: they may still load parts of theirs.
self.addEventListener('message', ({ data }) => {
  if (data === 'take over') void self.skipWaiting();
});

self.addEventListener('activate', (event) => {
  const removeOthers = async (): Promise<void> => {
    for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  };
  event.waitUntil(removeOthers());
});

/** The page comes from the network while there is one, so that an update is seen at once; else as it was kept. */
async function page(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok) return response;
  } catch {
    // No network, or no relay.
  }
  const cache = await caches.open(CACHE);
  return (await cache.match('/index.html')) ?? Response.error();
}

/** A file of the shell: those with a hash in their name never change, the others belong to this version. */
async function file(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  if (request.mode === 'navigate') event.respondWith(page(request));
  else if (FILES.has(pathname)) event.respondWith(file(request, pathname));
});

export {};
