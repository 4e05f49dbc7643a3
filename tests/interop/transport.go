package interop

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// transport is one WebSocket: a reader and a writer that never blocks the loop.
type transport struct {
	socket *websocket.Conn
	cancel context.CancelFunc
	mutex  sync.Mutex
	ready  *sync.Cond
	queue  []outgoingFrame
	closed bool
}

type outgoingFrame struct {
	kind websocket.MessageType
	data []byte
}

func (c *Client) register(ctx context.Context, lastTerm int64) (*websocket.Conn, Frame, error) {
	socket, _, err := websocket.Dial(ctx, c.options.RelayURL, &websocket.DialOptions{Subprotocols: []string{"sws.v1"}})
	if err != nil {
		return nil, nil, err
	}
	socket.SetReadLimit(4 << 20)
	registration := &Registration{Identity: c.options.Identity, Host: dialledHost(c.options.RelayURL), Encoding: c.options.Encoding, LastTerm: lastTerm, ClientNonce: random(32)}
	for {
		kind, data, err := socket.Read(ctx)
		if err != nil {
			return nil, nil, err
		}
		if kind != websocket.MessageText {
			socket.CloseNow() // given up
			return nil, nil, fail("bad-frame", "a binary frame before registration")
		}
		answer, success, failure := registration.Receive(string(data))
		if failure != nil {
			socket.CloseNow() // given up
			return nil, nil, failure
		}
		if success != nil {
			return socket, success, nil
		}
		if answer != nil {
			if err := socket.Write(ctx, websocket.MessageText, []byte(answer.Encode())); err != nil {
				return nil, nil, err
			}
		}
	}
}

var digits64 = regexp.MustCompile("^[0-9a-fA-F]{64}$")

// ParseURL takes the URL of a peer apart: what is dialled, the peer's address, and the resource.
func ParseURL(text string) (relay string, peer Key, resource string, err error) {
	parsed, err := url.Parse(text)
	if err != nil || strings.Contains(text, "#") {
		return "", Key{}, "", fail("invalid-address", "not a URL of a peer: %s", text)
	}
	scheme := map[string]string{"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}[parsed.Scheme]
	segments := strings.Split(parsed.EscapedPath(), "/")
	at := slices.IndexFunc(segments, digits64.MatchString)
	if scheme == "" || at < 0 {
		return "", Key{}, "", fail("invalid-address", "no address in %s", text)
	}
	if peer, err = ParseAddress(segments[at]); err != nil {
		return "", Key{}, "", err
	}
	resource = "/" + strings.Join(segments[at+1:], "/")
	if _, query, ok := strings.Cut(text, "?"); ok {
		resource += "?" + query
	}
	if !IsResource(resource) {
		return "", Key{}, "", fail("invalid-offer", "not a resource: %s", resource)
	}
	return scheme + "://" + parsed.Host + strings.Join(segments[:at], "/") + "/", peer, resource, nil
}

// dialledHost is the authority as it is signed: lower case, without the default port and a trailing dot.
func dialledHost(relayURL string) string {
	parsed, err := url.Parse(relayURL)
	if err != nil {
		return ""
	}
	host, port := strings.TrimSuffix(strings.ToLower(parsed.Hostname()), "."), parsed.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || parsed.Scheme == "ws" && port == "80" || parsed.Scheme == "wss" && port == "443" {
		return host
	}
	return host + ":" + port
}

func (t *transport) write(ctx context.Context) {
	for {
		t.mutex.Lock()
		for len(t.queue) == 0 && !t.closed {
			t.ready.Wait()
		}
		batch := t.queue
		t.queue = nil
		closed := t.closed
		t.mutex.Unlock()
		if closed {
			return
		}
		for _, frame := range batch {
			if t.socket.Write(ctx, frame.kind, frame.data) != nil {
				return // the reader finds out
			}
		}
	}
}

func (t *transport) put(kind websocket.MessageType, data []byte) {
	t.mutex.Lock()
	t.queue = append(t.queue, outgoingFrame{kind, data})
	t.mutex.Unlock()
	t.ready.Signal()
}

func (t *transport) close() {
	t.mutex.Lock()
	t.closed = true
	t.mutex.Unlock()
	t.ready.Broadcast()
	t.cancel()
	t.socket.CloseNow() // it may be broken already
}
