/** A token of RFC 7230 §3.2.6, as subprotocol names are (RFC 6455 §4.1). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Path and query as the URL Standard serialises them: printable ASCII but for space, `"`, `#`, `<` and `>`. */
const RESOURCE = /^\/(?!\/)[!$-;=?-~]*$/;
/** `.` and `..`, which URL parsers remove. */
const DOT_SEGMENT = /^(\.|%2e){1,2}$/i;

/**
 * Whether a peer's resource may reach the application (PROTOCOL §1, In a URL). Servers build URLs, headers and logs from
 * it: it can name no other host and no parent folder, and hold no line break or control character.
 */
export function isResource(text: string): boolean {
  if (!RESOURCE.test(text)) return false;
  const [path = ''] = text.split('?', 1);
  return !path.split('/').some((segment) => DOT_SEGMENT.test(segment));
}

/** Whether subprotocols may be offered: each is a token, and none stands twice, whatever its case. */
export function areSubprotocols(names: readonly string[]): boolean {
  const seen = new Set(names.map((name) => name.toLowerCase()));
  return seen.size === names.length && names.every((name) => TOKEN.test(name));
}
