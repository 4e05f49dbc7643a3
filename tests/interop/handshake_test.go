package interop

import (
	"testing"
)

// inputs are what every channel's vector gives: seeds and all that is drawn at random.
type inputs struct {
	Name                                                       string
	InitiatorSeed, ResponderSeed, ChannelID                    hexBytes
	EaSecret, KemSeed, EbSecret, Ct, K, OpenFrame, AcceptFrame hexBytes
	Open                                                       OpenPayload
	Accept                                                     AcceptPayload
}

func (v inputs) ends(t *testing.T) (a, b *Identity, initiator *Initiator) {
	t.Helper()
	a, b = NewIdentity(Key(v.InitiatorSeed)), NewIdentity(Key(v.ResponderSeed))
	payload, failure := EncodePayload(v.Open)
	if failure != nil {
		t.Fatal(failure)
	}
	initiator, ok := NewInitiator(a, b.Public, [16]byte(v.ChannelID), v.EaSecret, v.KemSeed, payload)
	if !ok {
		t.Fatal(v.Name, "no handshake")
	}
	return a, b, initiator
}

type written struct{ Transcript, Root, DataAB, DataBA, ControlAB, ControlBA hexBytes }

func (w written) check(t *testing.T, keys *Keys) {
	t.Helper()
	equal(t, "transcript", keys.transcript, w.Transcript)
	equal(t, "root", keys.root[:], w.Root)
	send, receive, control := w.DataAB, w.DataBA, w.ControlAB
	if !keys.initiator {
		send, receive, control = w.DataBA, w.DataAB, w.ControlBA
	}
	equal(t, "key to send", keys.send[:], send)
	equal(t, "key to receive", keys.receive[:], receive)
	equal(t, "key for CONTROL", keys.sendControl[:], control)
}

func TestHandshakes(t *testing.T) {
	var vectors struct {
		Valid []struct {
			inputs
			Keys written
		}
		Invalid struct {
			Of   string
			Open []struct {
				Name      string
				OpenFrame hexBytes
			}
			Accept []struct {
				Name, Failure string
				AcceptFrame   hexBytes
			}
		}
	}
	load(t, "handshakes.json", &vectors)
	for _, v := range vectors.Valid {
		a, b, initiator := v.ends(t)
		equal(t, v.Name+": OPEN", initiator.Frame, v.OpenFrame)
		responder, ok := ReceiveOpen(b, a.Public, v.OpenFrame)
		if !ok || responder.Payload.Resource != v.Open.Resource {
			t.Fatal(v.Name, "OPEN does not open")
		}
		payload, failure := EncodePayload(v.Accept)
		if failure != nil {
			t.Fatal(failure)
		}
		accept, keys, ok := responder.Accept(v.EbSecret, v.Ct, v.K, payload)
		if !ok {
			t.Fatal(v.Name, "no ACCEPT")
		}
		equal(t, v.Name+": ACCEPT", accept, v.AcceptFrame)
		v.Keys.check(t, keys)
		keys, accepted, ok := initiator.ReceiveAccept(v.AcceptFrame)
		if !ok || accepted != v.Accept {
			t.Fatal(v.Name, "ACCEPT does not open")
		}
		v.Keys.check(t, keys)
		if v.Name != vectors.Invalid.Of {
			continue
		}
		for _, bad := range vectors.Invalid.Open {
			responder, ok := ReceiveOpen(b, a.Public, bad.OpenFrame)
			if ok {
				// Only ek can still be wrong: it is looked at when the responder encapsulates.
				_, _, ok = responder.Encapsulate()
			}
			if ok {
				t.Error("taken: OPEN with", bad.Name)
			}
		}
		for _, bad := range vectors.Invalid.Accept {
			_, _, again := v.ends(t)
			_, payload, ok := again.ReceiveAccept(bad.AcceptFrame)
			offered := payload.Protocol == "" || contains(v.Open.Protocols, payload.Protocol)
			if ok && (bad.Failure == "dropped" || offered) || !ok && bad.Failure != "dropped" {
				t.Error("taken: ACCEPT with", bad.Name)
			}
		}
	}
}
