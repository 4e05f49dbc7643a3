import { render } from 'preact';
import { App, SecondPerson } from './app.js';
import { type OwnIdentity, ownIdentity, ownIdentityAsSecond } from './own-identity.js';
import { addressInPath, Store } from './store.js';
import './styles.css';

const root = document.getElementById('app');
if (root === null) throw new Error('the page has no #app');

/** Storage that is blocked or damaged: said, instead of an empty page. */
function failed(error: unknown): void {
  if (root === null) return;
  const message = error instanceof Error ? error.message : 'unknown';
  render(
    <main class="notice" role="alert">
      <h1>Your identity could not be loaded</h1>
      <p>This page keeps it in the browser's storage, which answered: {message}</p>
    </main>,
    root,
  );
}

function show(own: OwnIdentity, confirmed: boolean): void {
  if (root === null) return;
  const second = (): void => void ownIdentityAsSecond().then((next) => show(next, true), failed);
  if (own.state === 'in-use') {
    render(
      <SecondPerson
        reason="This identity is in use in another window. One window at a time can be you."
        onAccept={second}
      />,
      root,
    );
  } else if (!confirmed && !own.second && addressInPath() === own.identity.publicKey) {
    render(
      <SecondPerson
        reason="This is your own link. To try the chat alone, continue in this window as somebody else."
        onAccept={second}
      />,
      root,
    );
  } else {
    render(<App store={new Store(own.identity, own.second)} />, root);
  }
}

ownIdentity().then((own) => show(own, false), failed);
