import type { Signal } from '@preact/signals';
import type { Endpoint } from '@sws/client';
import type { Move } from './chat-protocol.js';
import type { FileStore } from './file-store.js';
import type { History, Message, Profile } from './history.js';
import type { Settings } from './settings.js';

/** What a conversation needs of the page around it. */
export interface ChatServices {
  readonly endpoint: Endpoint;
  readonly history: History;
  readonly files: FileStore;
  readonly settings: Signal<Settings>;
  /** A message has come: it may be worth a notification. */
  readonly onCame: (contact: Profile, message: Message) => void;
  /** Proof of an earlier address, for contacts who know us under it. */
  readonly move: Move | null;
  /** A contact has told its new address. */
  readonly onMove: (contact: Profile, move: Move) => void;
  /** Said aloud by a screen reader, and shown for a moment. */
  readonly announce: (text: string) => void;
}
