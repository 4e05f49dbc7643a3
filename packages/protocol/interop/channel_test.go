package interop

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// aside is a host that keeps what a channel sends.
type aside struct{ sent [][]byte }

func (a *aside) send(_ Key, frame []byte) { a.sent = append(a.sent, bytes.Clone(frame)) }
func (a *aside) isRegistered() bool       { return true }
func (a *aside) forget(*Channel)          {}

func TestBrokenChannels(t *testing.T) {
	type received struct {
		Frame     *hexBytes
		Seq       uint64
		Plaintext hexBytes
		Zeros     int
	}
	var vectors struct {
		inputs
		Keys, KeysAfterRekey written
		Next                 struct {
			Frame    hexBytes
			Delivers struct{ Text string }
		}
		Invalid []struct {
			Name, Failure   string
			Frames          []received
			CloseCode       uint16
			MaxMessageBytes int
			Pongs           int
		}
	}
	load(t, "broken-channels.json", &vectors)
	for _, v := range vectors.Invalid {
		a, b, initiator := vectors.ends(t)
		ct := vectors.AcceptFrame[headLength+32 : acceptBoxAt]
		secret, err := initiator.dk.Decapsulate(ct)
		if err != nil {
			t.Fatal(err)
		}
		responder, ok := ReceiveOpen(b, a.Public, vectors.OpenFrame)
		payload, failure := EncodePayload(vectors.Accept)
		if !ok || failure != nil {
			t.Fatal("OPEN does not open")
		}
		accept, keys, ok := responder.Accept(vectors.EbSecret, ct, secret, payload)
		if !ok {
			t.Fatal("no ACCEPT")
		}
		equal(t, "ACCEPT", accept, vectors.AcceptFrame)
		host := &aside{}
		most := maxMessageBytes
		if v.MaxMessageBytes > 0 {
			most = v.MaxMessageBytes
		}
		var events []Event
		channel := &Channel{client: host, Peer: a.Public, ID: [16]byte(vectors.ChannelID), phase: phaseHalfOpen, keys: keys, credit: vectors.Open.Limit,
			granted: vectors.Accept.Limit, told: vectors.Accept.Limit, most: most, Events: func(_ *Channel, event Event) { events = append(events, event) }}
		now := time.Now()
		give := func(frame []byte) {
			// As Client.message does: what has no whole head is nobody's.
			if len(frame) >= headLength && bytes.Equal(frame[1:headLength], channel.ID[:]) {
				channel.receive(frame, now)
			}
		}
		for _, one := range v.Frames {
			if one.Frame != nil {
				give(*one.Frame)
				continue
			}
			frame := binary.BigEndian.AppendUint64(append([]byte{3}, vectors.ChannelID...), one.Seq)
			plaintext := append(bytes.Clone(one.Plaintext), make([]byte, one.Zeros)...)
			give(append(frame, seal(Key(vectors.Keys.DataAB), dataNonce(one.Seq), plaintext)...))
		}
		last := func(name string) (found *Event) {
			for _, event := range events {
				if event.Name == name {
					found = &event
				}
			}
			return found
		}
		if v.Failure == "dropped" {
			give(vectors.Next.Frame)
			if text := last("text"); last("close") != nil || text == nil || text.Text != vectors.Next.Delivers.Text {
				t.Errorf("%s: %v", v.Name, events)
			}
			pongs := 0
			for _, sent := range host.sent {
				if sent[0] == 4 {
					nonce := controlNonce(binary.BigEndian.Uint32(sent[headLength:]), binary.BigEndian.Uint64(sent[headLength+4:]))
					if plaintext, ok := open(Key(vectors.Keys.ControlBA), nonce, sent[headLength+12:]); ok && plaintext[0] == controlPong {
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
			t.Errorf("%s: %v, want %s", v.Name, events, v.Failure)
			continue
		}
		// The last DATA that went out is a close with the failure's code.
		var frame []byte
		for _, sent := range host.sent {
			if sent[0] == 3 {
				frame = sent
			}
		}
		if frame == nil {
			t.Errorf("%s: no close was sent", v.Name)
			continue
		}
		// This end draws its own ephemeral, so the keys are those that it has.
		plaintext, ok := open(channel.keys.send, dataNonce(binary.BigEndian.Uint64(frame[headLength:])), frame[headLength+8:])
		opcode, _, content, _ := DecodeData(plaintext)
		if code, _, _ := decodeClose(content); !ok || opcode != opClose || code != v.CloseCode {
			t.Errorf("%s: the peer is told %d, want %d", v.Name, code, v.CloseCode)
		}
	}
}
