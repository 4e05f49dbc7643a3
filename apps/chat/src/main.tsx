import { render } from 'preact';
import { Chat } from './chat.js';
import { registerOffline } from './offline.js';
import { loadIdentity } from './person.js';
import './styles/page.css';
import './styles/contacts.css';
import './styles/conversation.css';
import './styles/files.css';
import './styles/dialogs.css';
import { App } from './views/app.js';
import { FailedNotice } from './views/notices.js';

const root = document.getElementById('app');
if (root === null) throw new Error('the page has no #app');

async function start(into: HTMLElement): Promise<void> {
  const chat = await Chat.start(await loadIdentity());
  document.addEventListener('visibilitychange', () => chat.look());
  // A page that is kept for "back" would come to life with dead connections: it ends here, and begins anew.
  window.addEventListener('pagehide', () => void chat.close());
  window.addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
  render(<App chat={chat} />, into);
}

start(root).catch((error: unknown) => {
  // Storage that is blocked or damaged: said, instead of an empty page.
  render(<FailedNotice message={error instanceof Error ? error.message : 'unknown'} />, root);
});
registerOffline();
