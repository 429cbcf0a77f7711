// Registers the service worker (`sw.js`), by the one policy for addresses of scripts that the server's answers allow. Over http
// from elsewhere, and with a certificate that the browser does not trust, there is none: then the page needs its server to open.

export function registerWorker() {
  if (!("serviceWorker" in navigator)) return;
  const policy = window.trustedTypes?.createPolicy("sw", { createScriptURL: (address) => address });
  const address = policy ? policy.createScriptURL("/sw.js") : "/sw.js";
  navigator.serviceWorker.register(address, { updateViaCache: "none" }).catch(() => {});
}
