package interop

import (
	"bytes"
	"testing"
)

func TestResets(t *testing.T) {
	var vectors struct {
		SenderSeed, ReceiverSeed, Provoking, Echo hexBytes
		Valid                                     []struct {
			Code         uint16
			Nonce, Frame hexBytes
		}
		Invalid []struct {
			Name  string
			Frame hexBytes
		}
	}
	load(t, "resets.json", &vectors)
	sender, receiver := NewIdentity(Key(vectors.SenderSeed)), NewIdentity(Key(vectors.ReceiverSeed))
	for _, v := range vectors.Valid {
		frame, ok := SealReset(sender, receiver.Public, v.Code, vectors.Provoking, [24]byte(v.Nonce))
		if !ok {
			t.Fatal("no RESET")
		}
		equal(t, "RESET", frame, v.Frame)
		code, echo, ok := OpenReset(receiver, sender.Public, v.Frame)
		if !ok || code != v.Code || !bytes.Equal(echo[:], vectors.Echo) {
			t.Errorf("RESET %d does not open", v.Code)
		}
	}
	for _, v := range vectors.Invalid {
		if _, _, ok := OpenReset(receiver, sender.Public, v.Frame); ok {
			t.Error("taken: RESET with", v.Name)
		}
	}
}
