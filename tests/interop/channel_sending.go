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
	frame    []byte
	messages uint64 // that end in it
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
		c.messagesAcked += c.kept[0].messages
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
	var next *outgoing
	urgent := len(c.urgent) > 0
	switch {
	case urgent:
		next = c.urgent[0]
	case c.closeSealed || len(c.queue) == 0:
		return false
	default:
		next = c.queue[0]
	}
	first := item{next.opcode, true, next.content[next.sent:]}
	if first.opcode == opText || first.opcode == opBinary {
		if len(first.content) > maxFragment {
			first.content, first.final = first.content[:maxFragment], false
		}
		if next.sent > 0 {
			first.opcode = opContinuation
		}
	}
	if first.opcode == opClose && !c.ackAt.IsZero() {
		c.control(controlAck, 0) // so that the peer knows what became of its messages
	}
	items, plaintext := []item{first}, EncodeData(true, first)
	kept := retained{}
	if first.opcode <= opBinary {
		charge := func() uint64 { return uint64(len(plaintext) + len(items)*itemCharge) }
		if c.charged+charge() > c.credit || c.keys.sealedFrames >= maxSealed {
			return false
		}
		if !urgent && first.isWhole() {
			items = c.withMore(items)
			plaintext = EncodeData(true, items...)
		}
		c.charged += charge()
		if first.final {
			kept.messages = uint64(len(items))
		}
	}
	kept.frame = c.keys.SealData(c.sealed, plaintext)
	c.kept = append(c.kept, kept)
	c.sealed++
	c.usedKey(now)
	next.sent += len(first.content)
	c.closeSealed = c.closeSealed || first.opcode == opClose
	if urgent {
		c.urgent = c.urgent[1:]
		if next.after != nil {
			next.after()
		}
	} else if first.final {
		c.queue = c.queue[len(items):]
	}
	return true
}

// withMore adds the whole messages that wait behind the first and fit into its frame and the credit.
func (c *Channel) withMore(items []item) []item {
	for _, waiting := range c.queue[1:] {
		if waiting.opcode == opClose || len(items) == maxItems {
			break
		}
		more := append(items, item{waiting.opcode, true, waiting.content})
		length := lengthOf(more)
		charge := uint64(max(32, Padme(length)) + len(more)*itemCharge)
		if length > maxFragment || c.charged+charge > c.credit {
			break
		}
		items = more
	}
	return items
}
