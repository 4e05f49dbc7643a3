package interop

import (
	"time"
)

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

// rekey begins a rekey if one may begin: none is under way, the present keys are confirmed, and the one before is
// acknowledged.
func (c *Channel) rekey() {
	if c.phase != phaseOpen || !c.Initiator || c.closing || c.rekeying != rekeyIdle || !c.keys.Confirmed() || c.acked < c.rekeySealed {
		return
	}
	c.rekeyWanted = false
	c.rekeying = rekeyAsking
	c.urgent = append(c.urgent, &outgoing{opcode: opRekey, content: c.keys.StartRekey(c.draw(32)), after: func() { c.rekeying = rekeyAsked }})
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
