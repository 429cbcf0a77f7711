// Registers the service worker (`sw.js`), by the one policy for addresses of scripts that the server's answers allow, and has it
// show notifications. Over http from elsewhere, and with a certificate that the browser does not trust, there is none: then the
// page needs its server to open.

/** @type {ServiceWorkerRegistration|null} */
let registration = null;

export async function registerWorker() {
  if (!("serviceWorker" in navigator)) return;
  const policy = window.trustedTypes?.createPolicy("sw", { createScriptURL: (address) => address });
  const address = policy ? policy.createScriptURL("/sw.js") : "/sw.js";
  registration = await navigator.serviceWorker.register(address, { updateViaCache: "none" }).catch(() => null);
  // They outlive their page: this one does not know them, and may be another user's.
  closeNotifications();
}

/** Shows a notification and returns what closes it; null: no worker is active. */
export function notifyByWorker(title, options) {
  if (!registration?.active) return null;
  const shown = registration.showNotification(title, options).catch(() => {});
  return { close: () => shown.then(() => closeNotifications(options.tag)) };
}

/** Closes the notifications of the worker with a tag, or all. */
async function closeNotifications(tag = "") {
  const shown = (await registration?.getNotifications({ tag })) ?? [];
  for (const notification of shown) notification.close();
}
