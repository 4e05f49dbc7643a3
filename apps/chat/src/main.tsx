import { effect } from '@preact/signals';
import { render } from 'preact';
import { Chat } from './chat.js';
import { tellUnread } from './notify.js';
import { registerOffline } from './offline.js';
import { loadIdentity } from './person.js';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/conversation.css';
import './styles/pages.css';
import { App } from './views/app.js';
import { loadParts } from './views/lazy.js';

const root = document.getElementById('app');
if (root === null) throw new Error('the page has no #app');

async function start(into: HTMLElement): Promise<void> {
  const chat = await Chat.start(await loadIdentity());
  document.addEventListener('visibilitychange', () => chat.look());
  effect(() => tellUnread(chat.unread.value));
  // A file that is dropped beside a conversation would take the page's place.
  for (const type of ['dragover', 'drop']) window.addEventListener(type, (event) => event.preventDefault());
  // A page that is kept for "back" would come to life with dead connections: it ends here, and begins anew.
  window.addEventListener('pagehide', () => void chat.close());
  window.addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
  // Else what the page begins with would be taken for a part of it, and moved.
  into.replaceChildren();
  render(<App chat={chat} />, into);
  (window.requestIdleCallback ?? setTimeout)(() => void loadParts());
}

start(root).catch(async (error: unknown) => {
  // Storage that is blocked or damaged: said, instead of an empty page.
  const { FailedNotice } = await import('./views/failed-notice.js');
  root.replaceChildren();
  render(<FailedNotice error={error} />, root);
});
registerOffline();
