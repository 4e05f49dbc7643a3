package interop

import (
	"encoding/binary"
	"time"
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
	// A responder answers a rekey this long after the one before, or after this many frames.
	rekeyInterval    = 30 * time.Second
	leastRekeyFrames = 1 << 14
)

// Where a rekey stands (section 4, Rekey): the initiator's, then the responder's.
const (
	rekeyIdle = iota
	rekeyAsking
	rekeyAsked
	rekeyFinishing
	rekeyMetered
	rekeyAnswering
	rekeyAnswered
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

// host is what a channel needs of the connection that it runs over.
type host interface {
	send(peer Key, frame []byte)
	// refuse answers a frame of the peer with a RESET.
	refuse(peer Key, frame []byte)
	isRegistered() bool
	// channelsTo counts the channels with a peer.
	channelsTo(peer Key) int
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
	counted   int
	most      int // bytes of a message
	ackAt     time.Time
	gapSeq    uint64
	gapAsked  time.Time
	lastTaken time.Time
	// Questions and separations.
	questions   map[uint64]uint64
	sentControl []frameName
	confirmed   bool
	pingWait    time.Duration
	pingBase    time.Time
	unanswered  time.Time
	lost        time.Time
	interrupted bool
	keyUsed     time.Time
	rekeyWanted bool
	rekeying    int
	theirs      []byte    // a rekey that is not answered yet
	rekeyedAt   time.Time // when a responder's last rekey was complete
	rekeySealed uint64    // frames sealed up to the last answer, or rekeyed
	fresh       func(length int) []byte
	ended       bool
}

// draw gives an ephemeral secret: random, but for vectors.
func (c *Channel) draw(length int) []byte {
	if c.fresh != nil {
		return c.fresh(length)
	}
	return random(length)
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

// confirm opens a half-open channel: a frame of the initiator opened.
func (c *Channel) confirm() {
	if c.phase != phaseHalfOpen {
		return
	}
	c.phase = phaseOpen
	c.emit(Event{Name: "open"})
	c.control(controlAck, 0)
}

func (c *Channel) control(kind byte, id uint64) {
	if !c.client.isRegistered() || c.keys == nil {
		return
	}
	frame := c.keys.SealControl(Control{kind, c.next, c.granted, id}.Encode())
	c.told, c.ackAt = c.granted, time.Time{}
	c.sentControl = append(c.sentControl, nameOf(frame))
	if len(c.sentControl) > rememberedSent {
		c.sentControl = c.sentControl[1:]
	}
	c.client.send(c.Peer, frame)
}

// provoked says whether the frame that a RESET names is ours and pending.
func (c *Channel) provoked(name frameName) bool {
	switch c.phase {
	case phaseOpening:
		return nameOf(c.handshake.Frame) == name
	case phaseHalfOpen:
		return nameOf(c.acceptFrame) == name
	}
	if name[0] == 3 {
		seq := binary.BigEndian.Uint64(name[1:])
		return seq >= c.acked && seq < c.cursor && nameOf(c.kept[seq-c.acked].frame) == name
	}
	for _, sent := range c.sentControl {
		if sent == name {
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
	codes := map[string]uint16{"protocol-error": 1002, "invalid-text": 1007, "message-too-large": 1009}
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
