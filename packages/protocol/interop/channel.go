package interop

import (
	"crypto/rand"
	"encoding/binary"
	"math/big"
	"time"
	"unicode/utf8"
)

// The phases of a channel (section 4, Channel states).
const (
	phaseOpening   = "opening"
	phaseHalfOpen  = "half-open"
	phaseOpen      = "open"
	phaseTombstone = "tombstone"
	phaseGone      = "gone"
)

const (
	windowBytes     = 1_048_576
	maxMessageBytes = 16 * 1_048_576
	resumeTimeout   = 60 * time.Second
	openTimeout     = 45 * time.Second
	halfOpenTimeout = 60 * time.Second
	ackDelay        = 50 * time.Millisecond
	passInterval    = 200 * time.Millisecond
	rememberedSent  = 16
	rekeyFrames     = 1 << 16
	rekeyAge        = 120 * time.Second
	maxOpened       = 1 << 17
	maxSealed       = 1<<17 - 16
)

// Event is what a channel tells its application.
type Event struct {
	Name     string // open, text, binary, acknowledged, rekeyed, interrupted, resumed, close
	Text     string
	Binary   []byte
	Code     uint16
	Reason   string
	Clean    bool
	Failure  string
	Epoch    uint32
	Messages uint64
}

type outgoing struct {
	opcode  byte
	content []byte
	sent    int
	after   func()
}

type retained struct {
	frame       []byte
	endsMessage bool
}

// host is what a channel needs of the connection that it runs over.
type host interface {
	send(peer Key, frame []byte)
	isRegistered() bool
	forget(channel *Channel)
}

// Channel is one channel, driven by its Client's loop alone.
type Channel struct {
	Peer      Key
	ID        [16]byte
	Initiator bool
	Resource  string
	Protocol  string
	Events    func(*Channel, Event)

	client host
	phase  string
	// Before ACCEPT.
	handshake *Initiator
	offered   []string
	retryAt   time.Time
	interval  time.Duration
	deadline  time.Time
	// Half-open.
	openFrame, acceptFrame []byte

	keys *Keys
	// What this end sends.
	queue         []*outgoing
	urgent        []*outgoing
	kept          []retained
	acked, cursor uint64
	sealed        uint64
	charged       uint64
	credit        uint64
	closing       bool
	closeSealed   bool
	inFlight      uint64
	heldUntil     time.Time
	lastPass      time.Time
	passDue       bool
	messagesAcked uint64
	// What this end takes.
	next      uint64
	taken     uint64
	granted   uint64
	told      uint64
	assembled byte
	message   []byte
	inMessage bool
	most      int // bytes of a message
	ackAt     time.Time
	gapSeq    uint64
	gapAsked  time.Time
	lastTaken time.Time
	// Questions and separations.
	questions   map[uint64]uint64
	sentControl [][32]byte
	confirmed   bool
	pingWait    time.Duration
	pingBase    time.Time
	unanswered  time.Time
	lost        time.Time
	interrupted bool
	keyUsed     time.Time
	rekeyWanted bool
	ended       bool
}

func random(length int) []byte {
	bytes := make([]byte, length)
	rand.Read(bytes) //nolint:errcheck // never fails (Go 1.24)
	return bytes
}

// jitter is a random duration in [least, most).
func jitter(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(most-least)))
	if err != nil {
		return most
	}
	return least + time.Duration(n.Int64())
}

func (c *Channel) emit(event Event) {
	if c.Events != nil {
		c.Events(c, event)
	}
}

// receive takes a frame of this channel that is not RESET.
func (c *Channel) receive(frame []byte, now time.Time) {
	switch {
	case frame[0] == 1:
		if c.phase == phaseHalfOpen && string(frame) == string(c.openFrame) {
			c.client.send(c.Peer, c.acceptFrame)
		}
	case frame[0] == 2:
		if c.phase == phaseOpening {
			c.receiveAccept(frame, now)
		}
	case c.keys == nil || c.phase == phaseGone:
	case frame[0] == 3 && len(frame) >= headLength+8+tagLength:
		c.receiveData(binary.BigEndian.Uint64(frame[headLength:]), frame[headLength+8:], now)
	case frame[0] == 4 && len(frame) == headLength+12+controlLength+tagLength:
		c.receiveControl(frame, now)
	}
	c.pump(now)
}

func (c *Channel) receiveAccept(frame []byte, now time.Time) {
	keys, payload, ok := c.handshake.ReceiveAccept(frame)
	if !ok {
		return
	}
	if payload.Protocol != "" && !contains(c.offered, payload.Protocol) {
		c.end(fail("handshake-failed", "a subprotocol that was not offered"))
		return
	}
	c.keys, c.Protocol, c.credit, c.phase, c.handshake = keys, payload.Protocol, payload.Limit, phaseOpen, nil
	c.emit(Event{Name: "open"})
	c.ask(controlPing, now)
}

func (c *Channel) receiveData(seq uint64, box []byte, now time.Time) {
	if seq < c.next {
		return
	}
	if seq > c.next {
		// A gap: one RESUME, and again only after a second without progress.
		waited := now.Sub(c.gapAsked) >= time.Second && now.Sub(c.lastTaken) >= time.Second
		if c.phase == phaseOpen && (c.gapSeq == 0 || waited) {
			c.gapSeq, c.gapAsked = seq, now
			c.ask(controlResume, now)
		}
		return
	}
	plaintext, ok := c.keys.OpenData(seq, box)
	if !ok {
		return
	}
	c.next++
	c.lastTaken = now
	if c.next > c.gapSeq {
		c.gapSeq = 0
	}
	c.heard(now)
	c.usedKey(now)
	c.confirm()
	soon := now.Add(ackDelay)
	if c.ackAt.IsZero() || soon.Before(c.ackAt) {
		c.ackAt = soon
	}
	if c.phase == phaseTombstone {
		c.ackAt = now
		return
	}
	opcode, final, content, failure := DecodeData(plaintext)
	if failure == nil && c.keys.openedData > maxOpened {
		failure = fail("protocol-error", "more than 2^17 frames under one key")
	}
	if failure == nil {
		failure = c.take(opcode, final, content, uint64(len(plaintext)), now)
	}
	if failure != nil {
		c.failWith(failure, now)
	}
}

func (c *Channel) take(opcode byte, final bool, content []byte, length uint64, now time.Time) *Failure {
	switch opcode {
	case opClose:
		code, reason, failure := decodeClose(content)
		if failure != nil {
			return failure
		}
		c.queue = nil
		if !c.closeSealed {
			c.closing = true
			c.urgent = append(c.urgent, &outgoing{opcode: opClose, content: encodeClose(code, "")})
		}
		c.finish(Event{Name: "close", Code: code, Reason: reason, Clean: true})
		c.entomb(now)
		return nil
	case opRekey:
		return c.takeRekey(content)
	case opRekeyed:
		if len(content) != 0 || c.Initiator || !c.keys.Rekeying() {
			return fail("protocol-error", "rekeyed out of turn")
		}
		c.keys.SwitchReceive()
		c.rekeyed()
		return nil
	}
	charge := length + frameCharge
	c.taken += charge
	if c.taken > c.granted {
		return fail("protocol-error", "DATA beyond the credit")
	}
	if (opcode == opContinuation) != c.inMessage {
		return fail("protocol-error", "a message within a message, or a continuation of none")
	}
	if opcode != opContinuation {
		c.assembled = opcode
	}
	c.inMessage = !final
	c.message = append(c.message, content...)
	if len(c.message) > c.most {
		return fail("message-too-big", "a message over %d bytes", c.most)
	}
	// The application takes every message at once, so each charge is granted again at once.
	c.granted += charge
	if c.granted-c.told >= windowBytes/4 {
		c.ackAt = now
	}
	if !final {
		return nil
	}
	message := c.message
	c.message = nil
	if c.assembled == opBinary {
		c.emit(Event{Name: "binary", Binary: message})
	} else if utf8.Valid(message) {
		c.emit(Event{Name: "text", Text: string(message)})
	} else {
		return fail("invalid-text", "a text message that is not UTF-8")
	}
	return nil
}

func (c *Channel) takeRekey(theirs []byte) *Failure {
	if len(theirs) != 32 {
		return fail("protocol-error", "rekey has 32 bytes")
	}
	if c.Initiator {
		if !c.keys.FinishRekey(theirs) {
			return fail("protocol-error", "rekey out of turn or of low order")
		}
		if !c.closeSealed {
			c.urgent = append(c.urgent, &outgoing{opcode: opRekeyed, after: func() {
				c.keys.SwitchSend()
				c.rekeyed()
			}})
		}
		return nil
	}
	if c.keys.Rekeying() {
		return fail("protocol-error", "a rekey while one is under way")
	}
	if c.closeSealed {
		return nil
	}
	answer, ok := c.keys.AnswerRekey(theirs, random(32))
	if !ok {
		return fail("protocol-error", "rekey of low order")
	}
	c.urgent = append(c.urgent, &outgoing{opcode: opRekey, content: answer, after: c.keys.SwitchSend})
	return nil
}

func (c *Channel) rekeyed() {
	c.keys.Complete()
	c.keyUsed = time.Time{}
	c.emit(Event{Name: "rekeyed", Epoch: c.keys.epoch})
}

// rekey begins a rekey if one may begin: none is under way, and the present keys are confirmed.
func (c *Channel) rekey() {
	if c.phase != phaseOpen || !c.Initiator || c.closing || c.keys.Rekeying() || !c.keys.Confirmed() {
		return
	}
	c.rekeyWanted = false
	c.urgent = append(c.urgent, &outgoing{opcode: opRekey, content: c.keys.StartRekey(random(32))})
}

func (c *Channel) receiveControl(frame []byte, now time.Time) {
	epoch, counter := binary.BigEndian.Uint32(frame[headLength:]), binary.BigEndian.Uint64(frame[headLength+4:])
	if counter > maxInteger {
		return
	}
	plaintext, ok := c.keys.OpenControl(epoch, counter, frame[headLength+12:])
	if !ok {
		return
	}
	c.heard(now)
	c.confirm()
	control, ok := DecodeControl(plaintext)
	switch {
	case !ok:
		c.failWith(fail("protocol-error", "a malformed CONTROL"), now)
		return
	case control.Next > c.sealed:
		c.failWith(fail("protocol-error", "an acknowledgement of what was not sent"), now)
		return
	case control.Type == controlResume && control.Next < c.acked:
		c.failWith(fail("protocol-error", "RESUME below what was acknowledged"), now)
		return
	}
	c.acknowledge(control.Next)
	c.credit = max(c.credit, control.Limit)
	switch control.Type {
	case controlPing:
		c.control(controlPong, control.ID)
	case controlResume:
		c.control(controlAck, control.ID)
		if control.Next < c.cursor {
			c.resend(now)
		}
	default:
		sentThen, asked := c.questions[control.ID]
		if asked && control.ID != 0 {
			clear(c.questions)
			// Frames sent before the question are missing after it.
			if control.Next < sentThen && control.Next == c.acked {
				c.resend(now)
			}
		}
	}
}

func (c *Channel) acknowledge(next uint64) {
	before := c.messagesAcked
	for c.acked < next {
		if c.kept[0].endsMessage {
			c.messagesAcked++
		}
		c.kept[0] = retained{}
		c.kept = c.kept[1:]
		c.acked++
		if c.inFlight > 0 {
			c.inFlight++
		}
	}
	c.cursor = max(c.cursor, c.acked)
	if c.messagesAcked > before && !c.ended {
		c.emit(Event{Name: "acknowledged", Messages: c.messagesAcked})
	}
}

// resend starts a pass at the first frame that is not acknowledged, one at most every 200 ms.
func (c *Channel) resend(now time.Time) {
	c.passDue = now.Sub(c.lastPass) < passInterval
	if c.passDue {
		return
	}
	c.lastPass = now
	c.cursor = c.acked
}

// congested halves what is in flight and waits.
func (c *Channel) congested(now time.Time) {
	if now.Before(c.heldUntil) {
		return
	}
	c.inFlight = max(1, (c.cursor-c.acked)/2)
	c.heldUntil = now.Add(jitter(100*time.Millisecond, 5*time.Second))
	c.lastPass = now
	c.cursor = c.acked
}

func (c *Channel) heard(now time.Time) {
	c.confirmed = true
	c.lost, c.unanswered = time.Time{}, time.Time{}
	c.pingWait, c.pingBase = time.Second, now
	if c.interrupted {
		c.interrupted = false
		c.emit(Event{Name: "resumed"})
	}
}

// confirm opens a half-open channel: a frame of the initiator opened.
func (c *Channel) confirm() {
	if c.phase != phaseHalfOpen {
		return
	}
	c.phase = phaseOpen
	c.emit(Event{Name: "open"})
	c.control(controlAck, 0)
}

func (c *Channel) usedKey(now time.Time) {
	if c.keyUsed.IsZero() {
		c.keyUsed = now
	}
}

// ask sends PING or RESUME with a fresh id.
func (c *Channel) ask(kind byte, now time.Time) {
	if c.questions == nil || len(c.questions) > 8 {
		c.questions = map[uint64]uint64{}
	}
	id := binary.BigEndian.Uint64(append([]byte{0, 0}, random(6)...)) + 1
	c.questions[id] = c.cursor
	if kind == controlPing {
		if c.unanswered.IsZero() {
			c.unanswered = now
		}
		c.pingBase = now
		c.pingWait = min(10*time.Second, 2*max(c.pingWait, 500*time.Millisecond))
	}
	c.control(kind, id)
}

func (c *Channel) control(kind byte, id uint64) {
	if !c.client.isRegistered() || c.keys == nil {
		return
	}
	frame := c.keys.SealControl(Control{kind, c.next, c.granted, id}.Encode())
	c.told, c.ackAt = c.granted, time.Time{}
	c.sentControl = append(c.sentControl, echoOf(frame))
	if len(c.sentControl) > rememberedSent {
		c.sentControl = c.sentControl[1:]
	}
	c.client.send(c.Peer, frame)
}

// pump sends what may go now: kept frames again, then urgent ones, then messages within the credit, then a close.
func (c *Channel) pump(now time.Time) {
	if !c.client.isRegistered() || c.phase != phaseOpen && c.phase != phaseTombstone || now.Before(c.heldUntil) {
		return
	}
	for c.inFlight == 0 || c.cursor-c.acked < c.inFlight {
		if c.cursor == c.sealed && !c.sealNext(now) {
			return
		}
		c.client.send(c.Peer, c.kept[c.cursor-c.acked].frame)
		c.cursor++
	}
}

func (c *Channel) sealNext(now time.Time) bool {
	var item *outgoing
	urgent := len(c.urgent) > 0
	switch {
	case urgent:
		item = c.urgent[0]
	case c.closeSealed || len(c.queue) == 0:
		return false
	default:
		item = c.queue[0]
	}
	opcode, content, final := item.opcode, item.content[item.sent:], true
	if opcode == opText || opcode == opBinary {
		if len(content) > maxFragment {
			content, final = content[:maxFragment], false
		}
		if item.sent > 0 {
			opcode = opContinuation
		}
	}
	if opcode == opClose && !c.ackAt.IsZero() {
		c.control(controlAck, 0) // so that the peer knows what became of its messages
	}
	plaintext := EncodeData(opcode, final, content, true)
	if opcode <= opBinary {
		charge := uint64(len(plaintext)) + frameCharge
		if c.charged+charge > c.credit || c.keys.sealedFrames >= maxSealed {
			return false
		}
		c.charged += charge
	}
	c.kept = append(c.kept, retained{c.keys.SealData(c.sealed, plaintext), final && opcode <= opBinary})
	c.sealed++
	c.usedKey(now)
	item.sent += len(content)
	c.closeSealed = c.closeSealed || opcode == opClose
	if urgent {
		c.urgent = c.urgent[1:]
		if item.after != nil {
			item.after()
		}
	} else if final {
		c.queue = c.queue[1:]
	}
	return true
}

// tick does what time asks for.
func (c *Channel) tick(now time.Time) {
	switch c.phase {
	case phaseOpening:
		if now.After(c.deadline) {
			c.end(fail("open-timeout", "no answer to OPEN"))
		} else if c.client.isRegistered() && !now.Before(c.retryAt) {
			c.client.send(c.Peer, c.handshake.Frame)
			c.retryAt = now.Add(c.interval)
			c.interval = min(8*time.Second, 2*c.interval)
		}
		return
	case phaseHalfOpen, phaseTombstone:
		if now.After(c.deadline) {
			c.gone()
			return
		}
	}
	if c.phase != phaseOpen && c.phase != phaseTombstone {
		return
	}
	since := c.unanswered
	if !c.lost.IsZero() && (since.IsZero() || c.lost.Before(since)) {
		since = c.lost
	}
	if !since.IsZero() && now.Sub(since) > resumeTimeout {
		c.end(fail("resume-timeout", "separated for too long"))
		return
	}
	if c.phase == phaseOpen && c.closing && now.After(c.deadline) {
		c.end(fail("close-timeout", "no answer to close"))
		return
	}
	if !c.client.isRegistered() {
		return
	}
	if !c.ackAt.IsZero() && !now.Before(c.ackAt) {
		c.control(controlAck, 0)
	}
	if c.passDue {
		c.resend(now)
	}
	frames := c.keys.sealedFrames + c.keys.openedData
	if c.rekeyWanted || frames >= rekeyFrames || !c.keyUsed.IsZero() && now.Sub(c.keyUsed) >= rekeyAge {
		c.rekey()
	}
	wait := 30 * time.Second
	hungry := len(c.kept)+len(c.queue)+len(c.urgent) > 0
	if hungry || !c.confirmed || !since.IsZero() {
		wait = max(time.Second, c.pingWait)
	}
	if now.Sub(c.pingBase) >= wait && (hungry || c.phase == phaseOpen) {
		c.ask(controlPing, now)
	}
	c.pump(now)
}

// connected: this end is registered again.
func (c *Channel) connected(now time.Time) {
	c.retryAt = now
	c.pingWait, c.pingBase = time.Second, now
	if c.phase == phaseOpen && !c.lost.IsZero() {
		c.ask(controlResume, now)
	}
}

// disconnected: this end's connection is lost.
func (c *Channel) disconnected(now time.Time) {
	if c.lost.IsZero() {
		c.lost = now
	}
	if c.phase == phaseOpen && !c.interrupted {
		c.interrupted = true
		c.emit(Event{Name: "interrupted"})
	}
}

// undeliverable is the relay's hint about a frame of this channel.
func (c *Channel) undeliverable(head []byte, code string, now time.Time) {
	switch {
	case c.phase == phaseOpening && head[0] == 1 && code != "congested":
		c.end(fail(code, "the relay could not deliver OPEN"))
	case c.keys == nil:
	case code == "congested" && head[0] == 3:
		c.congested(now)
	case code != "congested" && c.unanswered.IsZero():
		c.ask(controlPing, now)
	}
}

// provoked says whether a RESET's echo is that of something of ours that is pending.
func (c *Channel) provoked(echo [32]byte) bool {
	switch c.phase {
	case phaseOpening:
		return echoOf(c.handshake.Frame) == echo
	case phaseHalfOpen:
		return echoOf(c.acceptFrame) == echo
	}
	for _, sent := range c.sentControl {
		if sent == echo {
			return true
		}
	}
	for _, kept := range c.kept {
		if echoOf(kept.frame) == echo {
			return true
		}
	}
	return false
}

// failWith ends a channel whose peer broke a rule: it is told by a close with the failure's code.
func (c *Channel) failWith(failure *Failure, now time.Time) {
	if c.phase != phaseOpen {
		return
	}
	codes := map[string]uint16{"protocol-error": 1002, "invalid-text": 1007, "message-too-big": 1009}
	c.queue = nil
	if !c.closeSealed {
		c.urgent = append(c.urgent, &outgoing{opcode: opClose, content: encodeClose(codes[failure.Code], "")})
	}
	c.finish(Event{Name: "close", Code: 1006, Failure: failure.Code})
	c.entomb(now)
}

func (c *Channel) entomb(now time.Time) {
	c.phase = phaseTombstone
	c.deadline = now.Add(resumeTimeout)
	c.ackAt = now
}

// end ends a channel at once with 1006.
func (c *Channel) end(failure *Failure) {
	if c.phase != phaseHalfOpen {
		c.finish(Event{Name: "close", Code: 1006, Failure: failure.Code})
	}
	c.gone()
}

func (c *Channel) finish(event Event) {
	if !c.ended {
		c.ended = true
		c.emit(event)
	}
}

func (c *Channel) gone() {
	c.phase = phaseGone
	c.client.forget(c)
}

func contains(list []string, wanted string) bool {
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}
