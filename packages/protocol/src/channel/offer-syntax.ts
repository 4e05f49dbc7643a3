/** A token of RFC 7230 §3.2.6. Subprotocol names are tokens (RFC 6455 §4.1). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Path and query as the URL Standard serialises them: printable ASCII except space, `"`, `#`, `<` and `>`. */
const RESOURCE = /^\/(?!\/)[!$-;=?-~]*$/;
/** `.` and `..`, which URL parsers remove. */
const DOT_SEGMENT = /^(\.|%2e){1,2}$/i;

/**
 * Whether a peer's resource may reach the application (PROTOCOL §1, In a URL). Servers build URLs, headers and logs
 * from it. Therefore it must not name another host or a parent folder, or contain a line break or control character.
 */
export function isResource(text: string): boolean {
  if (!RESOURCE.test(text)) return false;
  const [path = ''] = text.split('?', 1);
  return !path.split('/').some((segment) => DOT_SEGMENT.test(segment));
}

/** Whether subprotocols may be offered: each is a token, and no two are the same in any case. */
export function areSubprotocols(names: readonly string[]): boolean {
  const seen = new Set(names.map((name) => name.toLowerCase()));
  return seen.size === names.length && names.every((name) => TOKEN.test(name));
}
