import { binaryTypeStatements } from './binary-type.js';
import { bufferedAmountStatements } from './buffered-amount.js';
import { closeStatements } from './close.js';
import { constructorStatements } from './constructor.js';
import { eventHandlerStatements } from './event-handlers.js';
import { feedbackStatements } from './feedback.js';
import { interfaceStatements } from './interface.js';
import { listenerStatements } from './listeners.js';
import { sendStatements } from './send.js';
import type { Statement } from './statement.js';
import { urlStatements } from './urls.js';

/** The interface and feedback sections of the WHATWG WebSockets Standard, statement by statement. */
export const STATEMENTS: readonly Statement[] = [
  ...interfaceStatements,
  ...constructorStatements,
  ...urlStatements,
  ...closeStatements,
  ...bufferedAmountStatements,
  ...binaryTypeStatements,
  ...sendStatements,
  ...eventHandlerStatements,
  ...listenerStatements,
  ...feedbackStatements,
];

export type { Statement, Subject } from './statement.js';
