package interop

import (
	"crypto/rand"
	"encoding/binary"
	"math/big"
	"time"
)

func random(length int) []byte {
	bytes := make([]byte, length)
	rand.Read(bytes) // never fails (Go 1.24)
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

func (c *Channel) heard(now time.Time) {
	c.confirmed = true
	c.lost, c.unanswered = time.Time{}, time.Time{}
	c.pingWait, c.pingBase = time.Second, now
	if c.interrupted {
		c.interrupted = false
		c.emit(Event{Name: "resumed"})
	}
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
		// The messages and the close that wait for credit still go out.
		c.finish(Event{Name: "close", Code: 1006, Failure: "close-timeout"})
		c.entomb(now)
	}
	if failure := c.answerRekey(now); c.phase == phaseOpen && failure != nil {
		c.failWith(failure, now)
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
