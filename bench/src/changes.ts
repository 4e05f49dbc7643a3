import { parseSync } from 'vite';

/** A small change of a source: `start` to `end` (UTF-16 units) become `replacement`. */
export interface Change {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** The start of the nearest enclosing statement. A test that does not reach the statement cannot reach the change. */
  readonly statement: number;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const SWAPPED: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '&&': ['||'],
  '||': ['&&'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '++': ['--'],
  '--': ['++'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '|=': ['&='],
  '&=': ['|='],
  '??=': ['='],
  '||=': ['&&='],
};
/** Matches a name, a code or a label, and no sentence. */
const CODE = /^[\w.:/-]+$/;
const TESTED = new Set(['IfStatement', 'ConditionalExpression', 'WhileStatement', 'DoWhileStatement', 'ForStatement']);
const LOOPS = new Set(['WhileStatement', 'DoWhileStatement', 'ForStatement']);
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
const BODIES = new Set(['Program', 'BlockStatement', 'StaticBlock']);
/** Type nodes that contain an expression. */
const TYPED = new Set(['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression', 'TSInstantiationExpression']);

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

/** Every small change of a source, in source order. @throws Error if the source does not parse */
export function changesOf(file: string, source: string): Change[] {
  const changes: Change[] = [];
  const text = ({ start, end }: Node): string => source.slice(start, end);

  function visit(node: Node, parent: Node, statement: number): void {
    if (node.type === 'ImportDeclaration' || (node.type.startsWith('TS') && !TYPED.has(node.type))) return;
    const add = ({ start, end }: { start: number; end: number }, ...replacements: string[]): void => {
      for (const replacement of replacements) changes.push({ start, end, replacement, statement });
    };
    /** Changes the operator of a node, which stands between two offsets. */
    const swap = (from: number, to: number): void => {
      const operator = String(node.operator);
      const start = source.indexOf(operator, from);
      if (start >= 0 && start < to) add({ start, end: start + operator.length }, ...(SWAPPED[operator] ?? []));
    };
    if (isForTheCompiler(node)) {
      visit(node.left as Node, node, statement);
      return;
    }
    switch (node.type) {
      case 'Literal':
        literal(node, parent, add);
        break;
      case 'BinaryExpression':
      case 'LogicalExpression':
      case 'AssignmentExpression': {
        const [left, right] = [node.left as Node, node.right as Node];
        if (node.operator === '??') add({ start: left.end, end: right.end }, '');
        else if (node.operator !== '+' || !isText(left, right)) swap(left.end, right.start);
        break;
      }
      case 'UpdateExpression':
        swap(node.start, node.end);
        break;
      case 'UnaryExpression':
        if (node.operator === '!' || node.operator === '-' || node.operator === '~')
          add(node, ` ${text(node.argument as Node)}`);
        break;
      case 'MemberExpression':
        if (node.optional === true && node.computed !== true) {
          const start = source.indexOf('?.', (node.object as Node).end);
          add({ start, end: start + 2 }, '.');
        }
        if (text(node) === 'Math.min') add(node, 'Math.max');
        if (text(node) === 'Math.max') add(node, 'Math.min');
        break;
      case 'ArrayExpression':
        if ((node.elements as readonly unknown[]).length > 0) add(node, '[]');
        break;
      case 'ExpressionStatement':
        if (!text(node).startsWith('super(') && typeof node.directive !== 'string') add(node, ';');
        break;
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'ThrowStatement':
        add(node, ';');
        break;
      case 'ReturnStatement':
        // Other changes cover truth values, and `null` for `undefined` seldom matters.
        if (!isNode(node.argument)) add(node, ';');
        else if (!/^(true|false|null|undefined)$/.test(text(node.argument))) add(node.argument, 'null');
        break;
    }
    if (TESTED.has(node.type) && isNode(node.test)) {
      const now = text(node.test);
      for (const always of LOOPS.has(node.type) ? ['false'] : ['true', 'false'])
        if (now !== always) add(node.test, always);
    }
    if (FUNCTIONS.has(node.type) && isNode(node.body)) {
      const isBlock = node.body.type === 'BlockStatement';
      const isEmpty = isBlock && (node.body.body as readonly unknown[]).length === 0;
      if (!isEmpty && parent.kind !== 'constructor') add(node.body, isBlock ? '{}' : 'undefined');
    }
    for (const [key, value] of Object.entries(node))
      for (const child of Array.isArray(value) ? value : [value])
        if (isNode(child)) {
          const begins = key === 'body' && BODIES.has(node.type);
          visit(child, node, begins || (key === 'consequent' && node.type === 'SwitchCase') ? child.start : statement);
        }
  }

  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors[0]?.message}`);
  const root = program as unknown as Node;
  visit(root, root, 0);
  return changes;
}

/** Multiplies numbers by ten (bounds), adds one to small ones (lengths), empties codes, and negates truth values. */
function literal(node: Node, parent: Node, add: (node: Node, ...replacements: string[]) => void): void {
  const isName = parent.type === 'ImportExpression' || (parent.key === node && parent.computed !== true);
  if (isName || parent.type === 'ExportNamedDeclaration' || parent.type === 'ExportAllDeclaration') return;
  const { value } = node;
  if (typeof value === 'boolean') add(node, String(!value));
  else if (typeof value === 'bigint') add(node, `${value + 1n}n`);
  else if (typeof value === 'number') {
    if (value !== 0) add(node, String(value * 10));
    if (Number.isInteger(value) && value <= 64) add(node, String(value + 1));
  } else if (typeof value === 'string' && CODE.test(value)) add(node, "''");
}

/** Whether this is the `?? 0` of `array[at] ?? 0`, which only `noUncheckedIndexedAccess` needs. */
function isForTheCompiler({ type, operator, left, right }: Node): boolean {
  if (type !== 'LogicalExpression' || operator !== '??') return false;
  const { type: read, computed, property } = left as Node;
  if (read !== 'MemberExpression' || computed !== true) return false;
  const [at, otherwise] = [(property as Node).value, (right as Node).value];
  // `text.split(…)[0]` always exists.
  return typeof at !== 'string' && (at === 0 || otherwise === 0 || otherwise === '');
}

function isText(...nodes: readonly Node[]): boolean {
  return nodes.some(({ type, value }) => type === 'TemplateLiteral' || typeof value === 'string');
}

/** The source with a change made. */
export function applied(source: string, { start, end, replacement }: Change): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

/** The source with a text inserted before each statement that begins at one of these offsets. */
export function withProbes(source: string, probes: ReadonlyMap<number, string>): string {
  let result = source;
  for (const [start, probe] of [...probes].sort(([a], [b]) => b - a))
    result = result.slice(0, start) + probe + result.slice(start);
  return result;
}
