import { ClientSecureWebSocket } from '@sws/client';
import { JSONRPCClient } from 'json-rpc-2.0';

const element = <T extends HTMLElement>(id: string, type: new () => T): T => {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`);
  return found;
};
const state = element('state', HTMLElement);
const lamp = element('lamp', HTMLInputElement);
const reading = element('reading', HTMLElement);

// The device's URL follows the `#`, so no server sees it. The page's identity is kept in the browser.
const socket = new ClientSecureWebSocket(location.hash.slice(1));
const device = new JSONRPCClient((request) => socket.send(JSON.stringify(request)));
socket.addEventListener('message', ({ data }) => device.receive(JSON.parse(data)));

const show = (text: string) => () => {
  state.textContent = text;
};
socket.addEventListener('open', show('connected'));
socket.addEventListener('interrupted', show('the relay is away; calls wait'));
socket.addEventListener('resumed', show('connected'));
socket.addEventListener('error', ({ code }) =>
  show(code === 'refused' ? 'the device belongs to somebody else' : code)(),
);
socket.addEventListener('close', () => device.rejectAllPendingRequests('the device is gone'));

async function read(): Promise<void> {
  const { celsius, lamp: on } = await device.request('read', {});
  reading.textContent = `${celsius} °C`;
  lamp.checked = on;
}

element('read', HTMLButtonElement).addEventListener('click', read);
lamp.addEventListener('change', async () => {
  const answer = await device.request('setLamp', { on: lamp.checked });
  lamp.checked = answer.lamp;
  show(answer.lamp ? 'the lamp is on' : 'the lamp is off')();
});
socket.addEventListener('open', read);
