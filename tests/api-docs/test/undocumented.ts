/** Has a member that nobody has described. */
export interface Settings {
  /** Described. */
  readonly first: number;
  readonly second: number;
}

export function undocumented(): void {}
