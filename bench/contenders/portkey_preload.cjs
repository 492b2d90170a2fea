// Loaded before Portkey's gateway by `node --require`. It changes two things and nothing else:
//
// 1. Portkey listens on all interfaces and offers no option for it; the benchmark stays on loopback.
// 2. Portkey 1.15 sets headers on the Response that fetch gave it. Node's are immutable, so every streamed answer ends
//    in a 500. A fresh Response around the same body has headers that can be set. Without this there would be no
//    streaming figures for Portkey at all; it costs one small object per request.
'use strict';
const { Server } = require('node:net');

const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object' && 'port' in first) {
    return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  }
  if (/^\d+$/.test(String(first))) {
    const callback = rest.find((argument) => typeof argument === 'function');
    return listen.call(this, { port: Number(first), host: '127.0.0.1' }, callback);
  }
  return listen.call(this, first, ...rest);
};

const originalFetch = globalThis.fetch;
globalThis.fetch = async (...request) => {
  const { body, status, statusText, headers } = await originalFetch(...request);
  return new Response(body, { status, statusText, headers: new Headers(headers) });
};
