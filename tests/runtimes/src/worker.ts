import { runInBrowser } from './web.js';

globalThis.onmessage = async ({ data }) => {
  globalThis.postMessage(await runInBrowser(data));
};
