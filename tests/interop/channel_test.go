package interop

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// aside is a host that keeps what a channel sends.
type aside struct {
	sent    [][]byte
	stalled bool
}

func (a *aside) send(_ Key, frame []byte) { a.sent = append(a.sent, bytes.Clone(frame)) }
func (a *aside) refuse(Key, []byte)       {}
func (a *aside) isRegistered() bool       { return !a.stalled }
func (a *aside) channelsTo(Key) int       { return 1 }
func (a *aside) forget(*Channel)          {}

// last is the last frame of a kind that was sent.
func (a *aside) last(kind byte) (frame []byte) {
	for _, sent := range a.sent {
		if sent[0] == kind {
			frame = sent
		}
	}
	return frame
}

// responderVector is a vector that a responder plays.
type responderVector struct {
	inputs
	Keys, KeysAfterRekey written
	Rekey                struct{ EbSecret hexBytes }
}

// halfOpen is the responder's channel once it has sent ACCEPT, and what it tells its application.
func (v *responderVector) halfOpen(t *testing.T) (*Channel, *aside, *[]Event) {
	t.Helper()
	a, b, initiator := v.ends(t)
	ct := v.AcceptFrame[headLength+32 : acceptBoxAt]
	secret, err := initiator.dk.Decapsulate(ct)
	if err != nil {
		t.Fatal(err)
	}
	responder, ok := ReceiveOpen(b, a.Public, v.OpenFrame)
	payload, failure := EncodePayload(v.Accept)
	if !ok || failure != nil {
		t.Fatal("OPEN does not open")
	}
	accept, keys, ok := responder.Accept(v.EbSecret, ct, secret, payload)
	if !ok {
		t.Fatal("no ACCEPT")
	}
	equal(t, "ACCEPT", accept, v.AcceptFrame)
	host, events := &aside{}, &[]Event{}
	return &Channel{client: host, Peer: a.Public, ID: [16]byte(v.ChannelID), phase: phaseHalfOpen, keys: keys, credit: v.Open.Limit,
		openFrame: v.OpenFrame, acceptFrame: accept, granted: v.Accept.Limit, told: v.Accept.Limit, most: maxMessageBytes,
		fresh:  func(int) []byte { return v.Rekey.EbSecret },
		Events: func(_ *Channel, event Event) { *events = append(*events, event) }}, host, events
}

type framed struct{ Frame hexBytes }

func receiveAll(channel *Channel, frames []framed, now time.Time) {
	for _, one := range frames {
		channel.receive(one.Frame, now)
	}
}

// rekeying is frames with rekeys, and the wait that meters their answers.
type rekeying struct {
	Frames []framed
	WaitMs int64
}

// end is when the wait is over that began at start.
func (r *rekeying) end(start time.Time) time.Time {
	return start.Add(time.Duration(r.WaitMs) * time.Millisecond)
}

func TestARekeyIsMetered(t *testing.T) {
	var vectors struct {
		responderVector
		Metered rekeying
	}
	load(t, "broken-channels.json", &vectors)
	channel, host, events := vectors.halfOpen(t)
	now := time.Now()
	receiveAll(channel, vectors.Metered.Frames, now)
	late := vectors.Metered.end(now)
	channel.tick(late.Add(-time.Millisecond))
	host.hasAnswered(t, "at once", 1, events)
	channel.tick(late)
	host.hasAnswered(t, "after the wait", 2, events)
}

// answersOf counts the DATA that went out: before a channel's application sends, those are answers to rekeys.
func answersOf(host *aside) (count int) {
	for _, sent := range host.sent {
		if sent[0] == 3 {
			count++
		}
	}
	return count
}

func (a *aside) hasAnswered(t *testing.T, when string, want int, events *[]Event) {
	t.Helper()
	if answers := answersOf(a); answers != want {
		t.Errorf("%d answers %s, want %d: %v", answers, when, want, *events)
	}
}

func TestARekeyIsNotAnsweredBeforeTheLastIsAcknowledged(t *testing.T) {
	var vectors struct {
		responderVector
		Unacknowledged struct {
			rekeying
			Acknowledgement framed
		}
	}
	load(t, "broken-channels.json", &vectors)
	channel, host, events := vectors.halfOpen(t)
	now := time.Now()
	receiveAll(channel, vectors.Unacknowledged.Frames, now)
	late := vectors.Unacknowledged.end(now)
	channel.tick(late)
	host.hasAnswered(t, "before the acknowledgement", 1, events)
	channel.receive(vectors.Unacknowledged.Acknowledgement.Frame, late)
	channel.tick(late)
	host.hasAnswered(t, "after it", 2, events)
}

func TestHalfOpenChannels(t *testing.T) {
	var vectors struct {
		responderVector
		HalfOpen []struct {
			Name    string
			Frames  []hexBytes
			Accepts int
			Opens   bool
			Texts   []string
		}
	}
	load(t, "broken-channels.json", &vectors)
	for _, v := range vectors.HalfOpen {
		channel, host, events := vectors.halfOpen(t)
		for _, frame := range v.Frames {
			channel.receive(frame, time.Now())
		}
		accepts, opens, texts := 0, false, []string{}
		for _, sent := range host.sent {
			if sent[0] == 2 {
				accepts++
				equal(t, v.Name, sent, vectors.AcceptFrame)
			} else if !v.Opens {
				t.Errorf("%s: a frame of kind %d goes out", v.Name, sent[0])
			}
		}
		for _, event := range *events {
			opens = opens || event.Name == "open"
			if event.Name == "text" {
				texts = append(texts, event.Text)
			}
		}
		if accepts != v.Accepts || opens != v.Opens || len(texts) != len(v.Texts) {
			t.Errorf("%s: %d ACCEPTs, open %v, %v", v.Name, accepts, opens, texts)
		}
	}
}

func TestCredit(t *testing.T) {
	var vectors struct {
		responderVector
		Messages, MessageBytes int
		Grants                 []struct {
			Name  string
			Frame hexBytes
			Sends int
		}
	}
	load(t, "credit.json", &vectors)
	channel, host, _ := vectors.halfOpen(t)
	now := time.Now()
	for index, grant := range vectors.Grants {
		channel.receive(grant.Frame, now)
		for i := 0; index == 0 && i < vectors.Messages; i++ {
			channel.queue = append(channel.queue, &outgoing{opcode: opBinary, content: make([]byte, vectors.MessageBytes)})
		}
		channel.pump(now)
		if channel.sealed != uint64(grant.Sends) {
			t.Errorf("%s: %d frames, want %d", grant.Name, channel.sealed, grant.Sends)
		}
	}
	if answersOf(host) != vectors.Messages {
		t.Errorf("%d frames, want %d", answersOf(host), vectors.Messages)
	}
}

func TestBrokenChannels(t *testing.T) {
	type received struct {
		Frame     *hexBytes
		Seq       uint64
		Plaintext hexBytes
		Zeros     int
	}
	type following struct {
		Frame    hexBytes
		Delivers struct{ Text string }
	}
	var vectors struct {
		responderVector
		Next    following
		Invalid []struct {
			Name, Failure   string
			Frames          []received
			CloseCode       uint16
			MaxMessageBytes int
			Pongs           int
			Together        bool
			Next            *following
		}
	}
	load(t, "broken-channels.json", &vectors)
	for _, v := range vectors.Invalid {
		channel, host, told := vectors.halfOpen(t)
		if v.MaxMessageBytes > 0 {
			channel.most = v.MaxMessageBytes
		}
		now := time.Now()
		give := func(frame []byte) {
			// As Client.message does: what has no whole head is nobody's.
			if len(frame) >= headLength && bytes.Equal(frame[1:headLength], channel.ID[:]) {
				channel.receive(frame, now)
			}
		}
		for index, one := range v.Frames {
			host.stalled = v.Together && index < len(v.Frames)-1
			if one.Frame != nil {
				give(*one.Frame)
				continue
			}
			frame := binary.BigEndian.AppendUint64(append([]byte{3}, vectors.ChannelID...), one.Seq)
			plaintext := append(bytes.Clone(one.Plaintext), make([]byte, one.Zeros)...)
			give(append(frame, seal(Key(vectors.Keys.DataAB), dataNonce(one.Seq), plaintext)...))
		}
		last := func(name string) (found *Event) {
			for _, event := range *told {
				if event.Name == name {
					found = &event
				}
			}
			return found
		}
		if v.Failure == "dropped" {
			next := &vectors.Next
			if v.Next != nil {
				next = v.Next
			}
			give(next.Frame)
			if text := last("text"); last("close") != nil || text == nil || text.Text != next.Delivers.Text {
				t.Errorf("%s: %v", v.Name, *told)
			}
			pongs := 0
			for _, sent := range host.sent {
				if sent[0] == 4 {
					epoch, key := binary.BigEndian.Uint32(sent[headLength:]), Key(vectors.Keys.ControlBA)
					if epoch > 0 {
						key = Key(vectors.KeysAfterRekey.ControlBA)
					}
					nonce := controlNonce(epoch, binary.BigEndian.Uint64(sent[headLength+4:]))
					if plaintext, ok := open(key, nonce, sent[headLength+12:]); ok && plaintext[0] == controlPong {
						pongs++
					}
				}
			}
			if pongs != v.Pongs {
				t.Errorf("%s: %d PONGs, want %d", v.Name, pongs, v.Pongs)
			}
			continue
		}
		closed := last("close")
		if closed == nil || closed.Failure != v.Failure || closed.Code != 1006 || closed.Clean {
			t.Errorf("%s: %v, want %s", v.Name, *told, v.Failure)
			continue
		}
		// The last DATA that went out is a close with the failure's code.
		frame := host.last(3)
		if frame == nil {
			t.Errorf("%s: no close was sent", v.Name)
			continue
		}
		// The keys of the epoch that it is in.
		plaintext, ok := open(channel.keys.send, dataNonce(binary.BigEndian.Uint64(frame[headLength:])), frame[headLength+8:])
		sent, _, _ := DecodeData(plaintext, 0)
		if code, _, _ := decodeClose(sent.content); !ok || sent.opcode != opClose || code != v.CloseCode {
			t.Errorf("%s: the peer is told %d, want %d", v.Name, code, v.CloseCode)
		}
	}
}

func TestBrokenResponders(t *testing.T) {
	var vectors struct {
		responderVector
		Rekey     struct{ EaSecret hexBytes }
		Initiator struct {
			Text                      string
			Sent, Confirmation, Rekey hexBytes
			Invalid                   []struct {
				Name, Failure string
				Rekeys        bool
				Frames        []hexBytes
				CloseCode     uint16
				CloseEpoch    int
			}
		}
	}
	load(t, "broken-channels.json", &vectors)
	for _, v := range vectors.Initiator.Invalid {
		_, b, initiator := vectors.ends(t)
		keys, _, ok := initiator.ReceiveAccept(vectors.AcceptFrame)
		if !ok {
			t.Fatal("ACCEPT does not open")
		}
		host, told := &aside{}, []Event{}
		channel := &Channel{client: host, Peer: b.Public, ID: [16]byte(vectors.ChannelID), Initiator: true, phase: phaseOpen, keys: keys,
			credit: vectors.Accept.Limit, granted: vectors.Open.Limit, told: vectors.Open.Limit, most: maxMessageBytes,
			fresh:  func(int) []byte { return vectors.Rekey.EaSecret },
			Events: func(_ *Channel, event Event) { told = append(told, event) }}
		now := time.Now()
		channel.queue = append(channel.queue, &outgoing{opcode: opText, content: []byte(vectors.Initiator.Text)})
		channel.pump(now)
		equal(t, "the text", host.last(3), vectors.Initiator.Sent)
		channel.receive(vectors.Initiator.Confirmation, now)
		if v.Rekeys {
			channel.rekey()
			channel.pump(now)
			equal(t, "rekey", host.last(3), vectors.Initiator.Rekey)
		}
		for _, frame := range v.Frames {
			channel.receive(frame, now)
		}
		if last := told[len(told)-1]; last.Name != "close" || last.Failure != v.Failure || last.Code != 1006 || last.Clean {
			t.Errorf("%s: %v, want %s", v.Name, told, v.Failure)
		}
		key := Key(vectors.Keys.DataAB)
		if v.CloseEpoch == 1 {
			key = Key(vectors.KeysAfterRekey.DataAB)
		}
		frame := host.last(3)
		plaintext, ok := open(key, dataNonce(binary.BigEndian.Uint64(frame[headLength:])), frame[headLength+8:])
		sent, _, _ := DecodeData(plaintext, 0)
		if code, _, _ := decodeClose(sent.content); !ok || sent.opcode != opClose || code != v.CloseCode {
			t.Errorf("%s: the peer is told %d, want %d", v.Name, code, v.CloseCode)
		}
	}
}
