package interop

import (
	"bytes"
	"encoding/binary"
	"time"
	"unicode/utf8"
)

func (c *Channel) receiveAccept(frame []byte, now time.Time) {
	keys, payload, ok := c.handshake.ReceiveAccept(frame)
	if !ok {
		return
	}
	if payload.Protocol != "" && !contains(c.offered, payload.Protocol) {
		c.client.refuse(c.Peer, frame) // else the peer stays half-open until its time is up
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
	first, next, failure := DecodeData(plaintext, 0)
	if c.phase == phaseTombstone {
		c.ackAt = now
		// After close-timeout its own close may still wait behind its messages.
		if failure == nil && first.opcode == opClose && len(c.queue) > 0 {
			c.answerClose(first.content)
		}
		return
	}
	switch {
	case failure != nil:
	case first.opcode > opBinary:
		failure = c.takeOwn(first.opcode, first.content, now)
	default:
		failure = c.takeMessages(plaintext, first, next, now)
	}
	if failure != nil {
		c.failWith(failure, now)
	}
}

// takeMessages takes all items of a plaintext, and gives the application the messages that they complete, or none.
func (c *Channel) takeMessages(plaintext []byte, one item, next int, now time.Time) (failure *Failure) {
	var messages []Event
	before := c.taken
	for at, items := 0, 1; ; items++ {
		if items > maxItems {
			return fail("protocol-error", "more than %d messages in a frame", maxItems)
		}
		end := next
		if next == 0 {
			end = len(plaintext) // the last item is charged the padding
		}
		message, failure := c.take(one, uint64(end-at))
		if failure != nil {
			return failure
		}
		if message != nil {
			messages = append(messages, *message)
		}
		if next == 0 {
			break
		}
		at = next
		if one, next, failure = DecodeData(plaintext, at); failure != nil {
			return failure
		}
	}
	// The application takes every message at once, so their charges are granted again at once.
	c.granted += c.taken - before
	if c.granted-c.told >= windowBytes/4/uint64(max(1, c.client.channelsTo(c.Peer))) {
		c.ackAt = now
	}
	if failure := c.checkKey(); failure != nil {
		return failure
	}
	for _, message := range messages {
		c.emit(message)
	}
	return nil
}

func (c *Channel) takeOwn(opcode byte, content []byte, now time.Time) *Failure {
	switch opcode {
	case opClose:
		code, reason, failure := decodeClose(content)
		if failure != nil {
			return failure
		}
		if failure := c.checkKey(); failure != nil {
			return failure
		}
		c.answerClose(content)
		c.finish(Event{Name: "close", Code: code, Reason: reason, Clean: true})
		c.entomb(now)
		return nil
	case opRekey:
		if failure := c.checkKey(); failure != nil {
			return failure
		}
		return c.takeRekey(content, now)
	default:
		if failure := c.checkKey(); failure != nil {
			return failure
		}
		// One that comes before the answer is sealed is forged.
		if len(content) != 0 || c.rekeying != rekeyAnswered {
			return fail("protocol-error", "rekeyed out of turn")
		}
		c.keys.SwitchReceive()
		c.rekeyedAt = now
		c.rekeyed()
		c.ackAt = now // what was said under the old key may be lost
		return nil
	}
}

// take takes an item of a message. It returns the message that it completes, or nil.
func (c *Channel) take(one item, length uint64) (*Event, *Failure) {
	opcode, content := one.opcode, one.content
	charge := length + itemCharge
	c.taken += charge
	if c.taken > c.granted {
		return nil, fail("protocol-error", "DATA beyond the credit")
	}
	if (opcode == opContinuation) != c.inMessage {
		return nil, fail("protocol-error", "a message within a message, or a continuation of none")
	}
	if opcode != opContinuation {
		c.assembled = opcode
	}
	c.inMessage = !one.final
	// Small fragments count more than their bytes: a message may count what one of the most bytes does in the largest.
	c.counted += len(content) + itemCharge
	if len(c.message)+len(content) > c.most || c.counted > c.most+itemCharge*max(1, (c.most+maxFragment-1)/maxFragment) {
		return nil, fail("message-too-large", "a message over %d bytes", c.most)
	}
	c.message = append(c.message, content...)
	if !one.final {
		return nil, nil
	}
	message := c.message
	c.message, c.counted = nil, 0
	if c.assembled == opText && !utf8.Valid(message) {
		return nil, fail("invalid-text", "a text message that is not UTF-8")
	}
	if c.assembled == opBinary {
		return &Event{Name: "binary", Binary: message}, nil
	}
	return &Event{Name: "text", Text: string(message)}, nil
}

// checkKey says whether the receive key may have opened one more frame.
func (c *Channel) checkKey() *Failure {
	if c.keys.openedData > maxOpened {
		return fail("protocol-error", "more than 2^17 frames under one key")
	}
	return nil
}

// answerClose sends a close of the same bytes, if none is sent yet, in place of messages that are not sealed.
func (c *Channel) answerClose(content []byte) {
	c.queue = nil
	if !c.closeSealed {
		c.closing = true
		c.urgent = append(c.urgent, &outgoing{opcode: opClose, content: bytes.Clone(content)})
	}
}

func (c *Channel) takeRekey(theirs []byte, now time.Time) *Failure {
	if len(theirs) != 32 {
		return fail("protocol-error", "rekey has 32 bytes")
	}
	if c.Initiator {
		// An answer to a rekey that is not sealed yet is forged.
		if c.rekeying != rekeyAsked || !c.keys.FinishRekey(theirs) {
			return fail("protocol-error", "rekey out of turn or of low order")
		}
		c.rekeying = rekeyFinishing
		if !c.closeSealed {
			c.urgent = append(c.urgent, &outgoing{opcode: opRekeyed, after: func() {
				c.keys.SwitchSend()
				c.rekeyed()
			}})
		}
		return nil
	}
	if c.rekeying != rekeyIdle {
		return fail("protocol-error", "a rekey while one is under way")
	}
	c.rekeying, c.theirs = rekeyMetered, append([]byte{}, theirs...)
	return c.answerRekey(now)
}

// answerRekey answers a rekey that was taken, once the answer before is acknowledged and the meter allows.
func (c *Channel) answerRekey(now time.Time) *Failure {
	frames := c.keys.sealedFrames + c.keys.openedData
	early := !c.rekeyedAt.IsZero() && now.Sub(c.rekeyedAt) < rekeyInterval && frames < leastRekeyFrames
	if c.rekeying != rekeyMetered || c.closeSealed || c.acked < c.rekeySealed || early {
		return nil
	}
	answer, ok := c.keys.AnswerRekey(c.theirs, c.draw(32))
	if !ok {
		return fail("protocol-error", "rekey of low order")
	}
	c.rekeying = rekeyAnswering
	c.urgent = append(c.urgent, &outgoing{opcode: opRekey, content: answer, after: func() {
		c.rekeying, c.rekeySealed = rekeyAnswered, c.sealed
		c.keys.SwitchSend()
	}})
	return nil
}

func (c *Channel) rekeyed() {
	c.keys.Complete()
	c.keyUsed = time.Time{}
	c.rekeying, c.rekeySealed = rekeyIdle, c.sealed
	c.emit(Event{Name: "rekeyed", Epoch: c.keys.epoch})
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
