// The service worker: serves `/` from the network; after 2 s, or without a network, the last build that it has whole. So the page
// opens, with its history and its outbox, while the server is away. It keeps the files of one build together, and no data. A click
// on a notification comes here, too.

const BUILD = "@BUILD@";
const CACHE = `wachat ${BUILD}`;
const PATIENCE = 2_000;

/** Fetches a whole build: the page, and the files that it names, which lie under its digest. */
async function install() {
  const page = await fetch("/", { cache: "no-cache" });
  const text = await page.clone().text();
  // The server has moved on: the worker of that build is on its way.
  if (!page.ok || !text.includes(`/${BUILD}/`)) throw new Error("another build");
  const cache = await caches.open(CACHE);
  await cache.addAll([...new Set(text.match(new RegExp(`/${BUILD}/[\\w.]+`, "g")))]);
  // The page comes last: where it is, all that it names is.
  await cache.put("/", page);
  await self.skipWaiting();
}

/** Removes the builds before this one. */
async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("wachat ") && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** Returns the page of the network if that is there in time, else the last one. */
async function servePage(request) {
  const network = fetch(request);
  const late = new Promise((resolve) => void setTimeout(resolve, PATIENCE));
  const page = await Promise.race([network, late]).catch(() => undefined);
  if (page?.ok) return page;
  return (await caches.match("/", { cacheName: CACHE })) ?? page ?? network;
}

async function serveFile(request) {
  return (await caches.match(request, { cacheName: CACHE })) ?? fetch(request);
}

/** Shows the chat of a notification, in the page that was used last, or in a new one. */
async function showChat({ notification }) {
  notification.close();
  const chat = notification.tag;
  const [page] = await self.clients.matchAll({ type: "window" });
  if (!page) return self.clients.openWindow(`/#${encodeURIComponent(chat)}`);
  page.postMessage({ chat });
  return page.focus();
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("notificationclick", (event) => event.waitUntil(showChat(event)));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && pathname === "/") event.respondWith(servePage(request));
  else if (pathname.startsWith(`/${BUILD}/`)) event.respondWith(serveFile(request));
});
