import { binaryTypeStatements } from './binary-type.js';
import { bufferedAmountStatements } from './buffered-amount.js';
import { closeStatements } from './close.js';
import { constructorStatements } from './constructor.js';
import { eventHandlerStatements } from './event-handlers.js';
import { feedbackStatements } from './feedback.js';
import { interfaceStatements } from './interface.js';
import { sendStatements } from './send.js';
import type { Statement } from './statement.js';

/** The interface and feedback sections of the WHATWG WebSockets Standard, statement by statement. */
export const STATEMENTS: readonly Statement[] = [
  ...interfaceStatements,
  ...constructorStatements,
  ...closeStatements,
  ...bufferedAmountStatements,
  ...binaryTypeStatements,
  ...sendStatements,
  ...eventHandlerStatements,
  ...feedbackStatements,
];

export type { Statement, Subject } from './statement.js';
