package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Options of a client.
type Options struct {
	Identity *Identity
	// RelayURL is the relay's own: no address in it.
	RelayURL string
	Encoding string
	// OnIncoming is called for each channel that a peer opens, before its `open` event: it sets Events.
	OnIncoming func(*Channel)
	// OnState is told registered (with the term) and lost.
	OnState func(state string, term int64)
}

type channelKey struct {
	peer Key
	id   [16]byte
}

// Client is one connection to a relay, which it makes again when it is lost, and the channels over it. Everything but the
// transport runs in one loop.
type Client struct {
	options    Options
	loop       chan func()
	done       chan struct{}
	channels   map[channelKey]*Channel
	registered bool
	lastTerm   int64
	heardAt    time.Time
	pingedAt   time.Time
	pingID     int64
	transport  *transport
	attempts   int
}

// NewClient connects, and stays connected until Close.
func NewClient(options Options) *Client {
	c := &Client{options: options, loop: make(chan func(), 1024), done: make(chan struct{}), channels: map[channelKey]*Channel{}}
	go c.run()
	c.Do(c.dial)
	return c
}

// Do runs something in the client's loop.
func (c *Client) Do(action func()) {
	select {
	case c.loop <- action:
	case <-c.done:
	}
}

func (c *Client) run() {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case action := <-c.loop:
			action()
		case now := <-ticker.C:
			for _, channel := range c.channels {
				channel.tick(now)
			}
			c.tick(now)
		case <-c.done:
			return
		}
	}
}

// Open opens a channel; call it in Do.
func (c *Client) Open(peer Key, resource string, protocols []string, events func(*Channel, Event)) (*Channel, *Failure) {
	payload, failure := EncodePayload(OpenPayload{resource, protocols, windowBytes})
	if failure != nil {
		return nil, failure
	}
	id := [16]byte(random(16))
	handshake, ok := NewInitiator(c.options.Identity, peer, id, random(32), random(64), payload)
	if !ok {
		return nil, fail("low-order-key", "a key of low order")
	}
	now := time.Now()
	channel := &Channel{client: c, Peer: peer, ID: id, Initiator: true, Resource: resource, Events: events, phase: phaseOpening, handshake: handshake,
		offered: protocols, retryAt: now, interval: time.Second, deadline: now.Add(openTimeout), granted: windowBytes, told: windowBytes, most: maxMessageBytes}
	c.channels[channelKey{peer, id}] = channel
	return channel, nil
}

// Send queues a message; call it in Do.
func (c *Channel) Send(text bool, content []byte) {
	opcode := byte(opBinary)
	if text {
		opcode = opText
	}
	if c.phase == phaseOpen && !c.closing {
		c.queue = append(c.queue, &outgoing{opcode: opcode, content: content})
		c.pump(time.Now())
	}
}

// Close closes behind everything queued; call it in Do.
func (c *Channel) Close(code uint16, reason string) {
	if c.phase != phaseOpen || c.closing {
		return
	}
	c.closing = true
	c.deadline = time.Now().Add(resumeTimeout)
	c.queue = append(c.queue, &outgoing{opcode: opClose, content: encodeClose(code, reason)})
	c.pump(time.Now())
}

// Rekey has the keys changed early, as soon as that may be; only the initiator's does. Call it in Do.
func (c *Channel) Rekey() {
	c.rekeyWanted = true
	c.tick(time.Now())
}

// Cut breaks the connection without a word, as a network would; the client connects again.
func (c *Client) Cut() {
	if c.transport != nil {
		c.transport.socket.CloseNow() // it is broken on purpose
	}
}

// Close gives everything up.
func (c *Client) Close() {
	c.Do(func() {
		close(c.done)
		if c.transport != nil {
			c.transport.close()
		}
	})
}

// dial connects and registers in a goroutine of its own, and hands the connection to the loop.
func (c *Client) dial() {
	term := c.lastTerm
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		socket, success, err := c.register(ctx, term)
		c.Do(func() {
			if err != nil {
				if failure := (*Failure)(nil); errors.As(err, &failure) && failure.Code == "term-refused" {
					c.lastTerm = 0
				}
				delay := min(10*time.Second, 250*time.Millisecond<<min(c.attempts, 10))
				c.attempts++
				time.AfterFunc(jitter(0, delay), func() { c.Do(c.dial) })
				return
			}
			c.adopt(socket, success)
		})
	}()
}

func (c *Client) adopt(socket *websocket.Conn, success Frame) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &transport{socket: socket, cancel: cancel}
	t.ready = sync.NewCond(&t.mutex)
	c.transport, c.registered, c.attempts = t, true, 0
	c.lastTerm = success.int("term")
	now := time.Now()
	c.heardAt, c.pingedAt = now, time.Time{}
	go t.write(ctx)
	go func() {
		for {
			kind, data, err := socket.Read(ctx)
			if err != nil {
				c.Do(func() { c.lostConnection(t) })
				return
			}
			c.Do(func() { c.receive(kind, data) })
		}
	}()
	if c.options.OnState != nil {
		c.options.OnState("registered", c.lastTerm)
	}
	for _, channel := range c.channels {
		channel.connected(now)
	}
}

func (c *Client) lostConnection(t *transport) {
	t.close()
	if c.transport != t {
		return
	}
	c.transport, c.registered = nil, false
	now := time.Now()
	for _, channel := range c.channels {
		channel.disconnected(now)
	}
	if c.options.OnState != nil {
		c.options.OnState("lost", c.lastTerm)
	}
	c.dial()
}

// send gives the relay a MESSAGE in the client's encoding. What it holds is bounded by the channels' credit.
func (c *Client) send(peer Key, content []byte) {
	if c.transport == nil {
		return
	}
	if c.options.Encoding == "json" {
		c.sendFrame(Frame{"type": "MESSAGE", "to": peer.String(), "content": content})
	} else {
		c.transport.put(websocket.MessageBinary, EncodeMessage(peer, content))
	}
}

func (c *Client) sendFrame(frame Frame) {
	if c.transport != nil {
		c.transport.put(websocket.MessageText, []byte(frame.Encode()))
	}
}

func (c *Client) tick(now time.Time) {
	if !c.registered {
		return
	}
	if !c.pingedAt.IsZero() && now.Sub(c.pingedAt) > 5*time.Second {
		c.Cut()
		c.pingedAt = now
	} else if c.pingedAt.IsZero() && now.Sub(c.heardAt) > 15*time.Second {
		c.pingedAt = now
		c.pingID++
		c.sendFrame(Frame{"type": "PING", "id": c.pingID})
	}
}

func (c *Client) receive(kind websocket.MessageType, data []byte) {
	c.heardAt, c.pingedAt = time.Now(), time.Time{}
	if kind == websocket.MessageBinary {
		if from, content, failure := DecodeMessage(data); failure == nil {
			c.message(from, content)
		}
		return
	}
	frame, failure := DecodeRelayFrame(string(data))
	if failure != nil {
		return
	}
	now := time.Now()
	switch frame.Type() {
	case "PING":
		c.sendFrame(Frame{"type": "PONG", "id": frame.int("id")})
	case "MESSAGE":
		if from := frame.bytes("from"); len(from) == 32 {
			c.message(Key(from), frame.bytes("content"))
		}
	case "UNDELIVERABLE":
		head, _ := hex.DecodeString(frame.text("head"))
		if len(head) >= headLength {
			if channel := c.channels[channelKey{Key(frame.bytes("to")), [16]byte(head[1:headLength])}]; channel != nil {
				channel.undeliverable(head, frame.text("code"), now)
			}
		}
	// BACKLOG is a hint to whoever has more under way than this client, whose credit is all that it sends.
	case "PEER_GONE":
		for _, channel := range c.channels {
			if channel.Peer.String() == frame.text("publicKey") && channel.phase == phaseOpen && channel.unanswered.IsZero() {
				channel.ask(controlPing, now)
			}
		}
	case "RESTARTING":
		delay := time.Duration(min(frame.int("reconnectIn"), 60_000)) * time.Millisecond
		delay += jitter(0, time.Duration(min(frame.int("spread"), 60_000))*time.Millisecond)
		time.AfterFunc(delay, func() { c.Do(c.Cut) })
	}
}

func (c *Client) message(from Key, content []byte) {
	if len(content) < headLength || content[0] < 1 || content[0] > 5 {
		return
	}
	id := channelKey{from, [16]byte(content[1:headLength])}
	channel := c.channels[id]
	now := time.Now()
	switch {
	case content[0] == 5:
		if code, name, ok := OpenReset(c.options.Identity, from, content); ok && channel != nil && channel.provoked(name) {
			channel.end(fail(resetFailures[code], "RESET"))
		}
	case channel != nil:
		channel.receive(content, now)
	case content[0] == 1:
		c.receiveOpen(id, content, now)
	default:
		if frame, ok := SealReset(c.options.Identity, from, 1, content, [24]byte(random(24))); ok {
			c.send(from, frame)
		}
	}
}

func (c *Client) receiveOpen(id channelKey, content []byte, now time.Time) {
	responder, ok := ReceiveOpen(c.options.Identity, id.peer, content)
	if !ok {
		return
	}
	if c.options.OnIncoming == nil {
		c.refuse(id.peer, content)
		return
	}
	protocol := ""
	if len(responder.Payload.Protocols) > 0 {
		protocol = responder.Payload.Protocols[0]
	}
	payload, failure := EncodePayload(AcceptPayload{protocol, windowBytes})
	ct, secret, ok := responder.Encapsulate()
	if failure != nil || !ok {
		return
	}
	frame, keys, ok := responder.Accept(random(32), ct, secret, payload)
	if !ok {
		return
	}
	channel := &Channel{client: c, Peer: id.peer, ID: id.id, Resource: responder.Payload.Resource, Protocol: protocol, phase: phaseHalfOpen, openFrame: content, acceptFrame: frame,
		keys: keys, credit: responder.Payload.Limit, deadline: now.Add(halfOpenTimeout), granted: windowBytes, told: windowBytes, most: maxMessageBytes}
	c.options.OnIncoming(channel)
	c.channels[id] = channel
	c.send(id.peer, frame)
}

// refuse answers a frame with RESET 2.
func (c *Client) refuse(peer Key, frame []byte) {
	if reset, ok := SealReset(c.options.Identity, peer, 2, frame, [24]byte(random(24))); ok {
		c.send(peer, reset)
	}
}

func (c *Client) isRegistered() bool { return c.registered }

func (c *Client) channelsTo(peer Key) int {
	count := 0
	for key := range c.channels {
		if key.peer == peer {
			count++
		}
	}
	return count
}

func (c *Client) forget(channel *Channel) {
	delete(c.channels, channelKey{channel.Peer, channel.ID})
}
