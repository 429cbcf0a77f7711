// The service worker: serves `/` from the network, and after 2 s, or without a network, the last build that it has whole.
