package interop

import (
	"bytes"
	"testing"
	"time"
)

func TestResets(t *testing.T) {
	var vectors struct {
		responderVector
		FirstFrame, AnswerFrame hexBytes
		Valid                   []struct {
			Code                          uint16
			Provoking, Name, Nonce, Frame hexBytes
		}
		Invalid []struct {
			Name  string
			Frame hexBytes
		}
		Pending []struct {
			Named, Phase string
			Frame        hexBytes
			Counts       bool
		}
	}
	load(t, "resets.json", &vectors)
	sender, receiver, _ := vectors.ends(t)
	for _, v := range vectors.Valid {
		frame, ok := SealReset(sender, receiver.Public, v.Code, v.Provoking, [24]byte(v.Nonce))
		if !ok {
			t.Fatal("no RESET")
		}
		equal(t, "RESET", frame, v.Frame)
		code, name, ok := OpenReset(receiver, sender.Public, v.Frame)
		if !ok || code != v.Code || !bytes.Equal(name[:], v.Name) {
			t.Errorf("RESET %d does not open", v.Code)
		}
	}
	for _, v := range vectors.Invalid {
		if _, _, ok := OpenReset(receiver, sender.Public, v.Frame); ok {
			t.Error("taken: RESET with", v.Name)
		}
	}
	for _, v := range vectors.Pending {
		channel, host, _ := vectors.halfOpen(t)
		if v.Phase == phaseOpen {
			channel.receive(vectors.FirstFrame, time.Now())
			channel.queue = append(channel.queue, &outgoing{opcode: opText, content: []byte("pending")})
			channel.pump(time.Now())
			equal(t, "DATA", host.last(3), vectors.AnswerFrame)
		}
		_, name, ok := OpenReset(receiver, sender.Public, v.Frame)
		if !ok || channel.provoked(name) != v.Counts {
			t.Errorf("RESET of %s, %s: want %v", v.Named, v.Phase, v.Counts)
		}
	}
}

func TestNoResetOfAFrameWithoutABox(t *testing.T) {
	identity := NewIdentity(Key{1})
	for _, kind := range []byte{0, 2, 3, 4, 5} {
		if _, ok := SealReset(identity, NewIdentity(Key{2}).Public, 1, append([]byte{kind}, make([]byte, 20)...), [24]byte{}); ok {
			t.Error("a RESET of a short frame of kind", kind)
		}
	}
}
